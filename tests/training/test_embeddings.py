"""Halves of faces, frontness, and negatives that nobody has seen."""

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.nn.hyperbolic import HyperbolicClassifier, ToPoincareBall
from perdita.training.embeddings.pseudo_negatives import PseudoNegatives
from perdita.training.embeddings.symmetric_split import frontness, most_frontal, symmetric_split

NAN = float("nan")


def test_frontness():
    left, right = torch.tensor([0.0, 0.0, 0.0, 0.0, NAN, 2.0]), torch.tensor([2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    nose = torch.tensor([1.0, 1.2, 0.0, -5.0, 1.0, 2.0])
    torch.testing.assert_close(frontness(left, right, nose), torch.tensor([1.0, 0.8, 0.0, 0.0, 0.0, 0.0]))
    x = torch.randn(3, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rho = frontness(*x)
    torch.testing.assert_close(frontness(*(7 * x - 3)), rho)  # any size, any place
    torch.testing.assert_close(frontness(x[1], x[0], x[2]), rho)  # either order of the eyes
    assert 0 < rho.max() < 1


def test_most_frontal():
    rho = torch.rand(200, generator=torch.Generator().manual_seed(0))
    chosen = most_frontal(rho, 0.3)
    assert 60 <= chosen.sum() <= 61
    assert rho[chosen].min() > rho[~chosen].max()
    assert most_frontal(rho, 1.0).all()
    assert most_frontal(rho[:0], 0.5).shape == (0,)
    few = torch.tensor([0.9, 0.0, 0.0, 0.0, 0.0])  # four faces without landmarks
    assert most_frontal(few, 0.5).tolist() == [True, False, False, False, False]
    with pytest.raises(perdita.InputError, match="share"):
        most_frontal(rho, 0.0)


@pytest.mark.parametrize("width", [6, 7])
def test_halves(width):
    images = torch.rand(2, 3, 4, width, generator=torch.Generator().manual_seed(0))
    left, right = symmetric_split(images)
    assert left.shape == right.shape == (2, 3, 4, 6)
    assert torch.equal(left, left.flip(-1))
    assert torch.equal(left[..., :3], images[..., :3])
    assert torch.equal(right[..., 3:], images[..., -3:])
    symmetric = images + images.flip(-1)
    torch.testing.assert_close(*symmetric_split(symmetric))
    left, right = symmetric_split(images, "zero")
    assert (left[..., 3:] == 0).all()
    assert (right[..., :3] == 0).all()
    with pytest.raises(perdita.InputError, match="mode"):
        symmetric_split(images, "miror")
    with pytest.raises(perdita.InputError, match="two columns"):
        symmetric_split(images[..., :1])


def test_symmetric_faces_cost_nothing_and_the_others_do_not_count():
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 6, 5, generator=generator, dtype=torch.float64)
    assert P.face_symmetry(left, 3 * left).item() == pytest.approx(0.0, abs=1e-12)
    rho = torch.tensor([1.0, 0.9, 0.8, 0.79, 0.1, 0.0], dtype=torch.float64)
    assert P.face_symmetry(left, right, frontness=rho).item() == pytest.approx(
        P.face_symmetry(left[:3], right[:3]).item()
    )
    torch.testing.assert_close(P.face_symmetry(left, right, distance="squared"), 2 * P.face_symmetry(left, right))
    leaf = left.clone().requires_grad_()
    none = P.face_symmetry(leaf, right, frontness=rho, threshold=1.0, mask=rho < 1)
    none.backward()
    assert none.item() == 0
    assert (leaf.grad == 0).all()


def test_pseudo_negatives_surround_the_mean_of_two_batches():
    sampler = PseudoNegatives(2, deviation=0.5)
    features = torch.tensor([[4.0, 0.0]]).expand(4000, 2)
    generator = torch.Generator().manual_seed(0)
    first, second = sampler(features, generator=generator), sampler(features, generator=generator)
    torch.testing.assert_close(first.mean(0), torch.tensor([0.8, 0.0]), atol=0.04, rtol=0)
    torch.testing.assert_close(second.mean(0), torch.tensor([4.0, 0.0]), atol=0.04, rtol=0)
    assert second.std(0).sub(0.5).abs().max() < 0.02
    sampler.reset()
    again = sampler(features, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again, first)
    assert not sampler(features.clone().requires_grad_()).requires_grad


def test_layers_of_the_ball():
    features = 5 * torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    plain, scaled = ToPoincareBall(4, riemannian=False), ToPoincareBall(4)
    points = plain(features)
    torch.testing.assert_close(scaled(features), points)
    assert (points.norm(dim=1) < 1 / 0.1**0.5).all()
    share = (1 - 0.1 * points.square().sum(1)).square() / 4
    toward = torch.zeros_like(points)
    for index in range(8):
        gradients = []
        for layer in (plain, scaled):
            leaf = features[index : index + 1].clone().requires_grad_()
            gradients.append(torch.autograd.grad(layer(leaf).sum(), leaf)[0])
        torch.testing.assert_close(gradients[1], share[index] * gradients[0])
        toward[index] = gradients[1]
    assert toward.isfinite().all()
    head = HyperbolicClassifier(4, 2)
    label = torch.arange(8) % 2
    expected = P.hyperbolic_cross_entropy(points, label, head.normals, head.offsets)
    torch.testing.assert_close(P.cross_entropy(head(points), label), expected)
