"""The Poincaré ball and the hyperboloid: laws of the space, and equal to geoopt's."""

import math
import warnings

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.losses.embedding.hyperbolic import (
    exp_map,
    hyperbolic_logits,
    lorentz_similarity,
    mobius_add,
    poincare_distance,
    poincare_similarity,
    project,
)


def points(n, d=4, seed=0, reach=0.8, curvature=0.5):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return reach / math.sqrt(curvature) * x / (1 + x.norm(dim=1, keepdim=True))


@pytest.fixture(scope="module")
def geoopt():
    with warnings.catch_warnings():  # it is written with torch.jit.script, which PyTorch deprecates
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        import geoopt
    return geoopt


@pytest.mark.parametrize("curvature", [0.125, 1.0, 2.0])
def test_equals_geoopt(geoopt, curvature):
    ball = geoopt.PoincareBall(c=curvature)
    x, y = (points(6, seed=seed, curvature=curvature) for seed in (0, 1))
    torch.testing.assert_close(mobius_add(x, y, curvature=curvature), ball.mobius_add(x, y))
    torch.testing.assert_close(poincare_distance(x, y, curvature=curvature), ball.dist(x, y))
    similarity = poincare_similarity(curvature)(x, y)
    torch.testing.assert_close(-similarity, ball.dist(x.unsqueeze(1), y.unsqueeze(0)))
    torch.testing.assert_close(exp_map(x, curvature=curvature), ball.expmap0(x))
    torch.testing.assert_close(exp_map(x, curvature=curvature, origin=y[0]), ball.expmap(y[0].expand_as(x), x))
    hyperboloid = geoopt.Lorentz(k=1 / curvature)
    lifted = [torch.cat([(1 / curvature + z.square().sum(1, keepdim=True)).sqrt(), z], 1) for z in (x, y)]
    expected = hyperboloid.dist(lifted[0].unsqueeze(1), lifted[1].unsqueeze(0))
    torch.testing.assert_close(-lorentz_similarity(curvature)(x, y), expected, rtol=1e-7, atol=1e-7)


def test_points_outside_are_drawn_inside():
    x = points(4, curvature=0.5)
    assert torch.equal(project(x, curvature=0.5), x)
    outside = project(100 * x, curvature=0.5)
    torch.testing.assert_close(outside.norm(dim=1), torch.full((4,), 0.999 * math.sqrt(2), dtype=x.dtype))
    torch.testing.assert_close(torch.nn.functional.normalize(outside), torch.nn.functional.normalize(x))


def test_two_pictures_of_one_space():
    """The distance in the ball is that of the points lifted to the hyperboloid."""
    curvature = 0.5
    x, y = points(5), points(7, seed=3)

    def lift(z):
        return 2 * z / (1 - curvature * z.square().sum(1, keepdim=True))

    torch.testing.assert_close(poincare_similarity(curvature)(x, y), lorentz_similarity(curvature)(lift(x), lift(y)))


def test_laws_of_a_distance():
    x, y, z = (points(50, seed=seed) for seed in range(3))
    between = [poincare_distance(a, b, curvature=0.5) for a, b in ((x, y), (y, z), (x, z))]
    assert (between[0] + between[1] - between[2] > -1e-12).all()
    torch.testing.assert_close(between[0], poincare_distance(y, x, curvature=0.5))
    moved = [mobius_add(z, a, curvature=0.5) for a in (x, y)]
    torch.testing.assert_close(poincare_distance(*moved, curvature=0.5), between[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_points_and_the_edge_have_finite_gradients(dtype):
    for similarity in (poincare_similarity(1.0), lorentz_similarity(1.0)):
        x = torch.tensor([[0.3, 0.4], [0.3, 0.4], [1e4, 0.0], [-1e4, 0.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
        value = similarity(x, x)
        assert value.diagonal().abs().max() == 0
        (gradient,) = torch.autograd.grad(value.sum(), x)
        assert value.isfinite().all()
        assert gradient.isfinite().all()
    x = torch.tensor([[0.3, 0.4]], dtype=dtype, requires_grad=True)
    P.pairwise_confusion(x, x.detach(), eps=0.0).backward()
    assert x.grad.isfinite().all()


def test_near_points_have_exact_distances():
    x = torch.tensor([[0.3, 0.4]], dtype=torch.float64)
    y = x + 1e-6
    exact = poincare_distance(x, y)
    torch.testing.assert_close(-poincare_similarity(1.0)(x, y)[0], exact, rtol=1e-3, atol=0)


def test_logits_are_euclidean_where_the_space_is_flat():
    generator = torch.Generator().manual_seed(5)
    z, a, p = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (6, 4, 4))
    expected = 4 * ((z.unsqueeze(1) - p) * a).sum(2)
    torch.testing.assert_close(hyperbolic_logits(z, a, p, curvature=1e-9, eps=0.0), expected, rtol=1e-6, atol=1e-6)


def test_similarities_serve_any_pair_loss():
    x = points(8, curvature=1.0).requires_grad_()
    label = torch.arange(8) % 3
    for similarity in (poincare_similarity(1.0), lorentz_similarity(0.5)):
        value = P.sup_con(x, label, similarity=similarity)
        assert value.isfinite()
        assert torch.autograd.grad(value, x)[0].abs().sum() > 0


def test_confusion_of_the_authors_code_pulls_less():
    x, y = points(4, curvature=0.1), points(4, seed=1, curvature=0.1)
    assert (P.pairwise_confusion(x, y, inverse="arctan") < P.pairwise_confusion(x, y)).all()
    assert perdita.card("hyp_pc").name == "pairwise_confusion"
