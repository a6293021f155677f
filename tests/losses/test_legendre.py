"""The learned link: its blocks are gradients of convex functions, and what it was fitted to stays."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

import perdita
from perdita.losses.classification.convex_networks import ActNorm, ConvexGradient, InputConvexNet
from perdita.losses.classification.legendre import LegendreLink


def made(kind, *arguments, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return kind(*arguments, **options).double()


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("hidden", "depth", "per_coordinate"), [(2, 1, False), (2, 4, True), (6, 3, False)])
def test_the_closed_gradient_is_that_of_the_potential(hidden, depth, per_coordinate):
    net, block = (
        made(InputConvexNet, 5, hidden=hidden, depth=depth),
        made(ConvexGradient, 5, hidden=hidden, depth=depth, per_coordinate=per_coordinate),
    )
    z = normal(7, 5).requires_grad_()
    for value, gradient in ((net(z), net.gradient(z)), (block.potential(z), block(z))):
        torch.testing.assert_close(gradient, torch.autograd.grad(value.sum(), z)[0])


def test_a_block_has_a_symmetric_positive_definite_jacobian():
    block = made(ConvexGradient, 4, hidden=6, depth=3)
    for z in 3 * normal(5, 4):
        jacobian = torch.func.jacrev(lambda one: block(one.unsqueeze(0)).squeeze(0))(z)
        torch.testing.assert_close(jacobian, jacobian.T, rtol=0, atol=1e-12)
        assert torch.linalg.eigvalsh(jacobian).min() > 0


def test_a_block_is_monotone_and_its_network_convex():
    block = made(ConvexGradient, 4, hidden=6, depth=3)
    one, other = 3 * normal(200, 4), 3 * normal(200, 4, seed=1)
    assert (((one - other) * (block(one) - block(other))).sum(1) > 0).all()
    middle = block.net((one + other) / 2)
    assert (middle <= (block.net(one) + block.net(other)) / 2 + 1e-12).all()


def test_a_square_of_each_coordinate_weighs_it_alone():
    criterion = made(perdita.LegendreLoss, classes=4, blocks=1, per_coordinate=True)
    block, z = criterion.link.blocks[0], normal(3, 3)
    torch.testing.assert_close(F.softplus(block.square_weight), torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-6)
    before = block(z)
    with torch.no_grad():
        block.square_weight[1] = 2.0
    change = torch.zeros_like(z)
    change[:, 1] = (F.softplus(torch.tensor(2.0, dtype=torch.float64)) - 1) * z[:, 1]
    torch.testing.assert_close(block(z) - before, change, rtol=0, atol=1e-6)


def test_several_blocks_are_no_gradient():
    """What the documentation warns of: for three classes or more the chain's Jacobian is not symmetric."""
    link = made(LegendreLink, 4, blocks=2, hidden=6, depth=3)
    jacobian = torch.func.jacrev(lambda one: link.transform(one.unsqueeze(0)).squeeze(0))(normal(3))
    assert (jacobian - jacobian.T).abs().max() > 1e-6


def test_fitting_standardises_and_a_state_survives_a_round_trip():
    criterion, logits, target = made(perdita.LegendreLoss, classes=5, hidden=4), normal(64, 5), torch.arange(64) % 5
    criterion.fit(logits)
    seen = []
    norms = criterion.link.blocks[0].net.norms
    hooks = [norm.register_forward_hook(lambda *given: seen.append(given[-1])) for norm in norms]
    value = criterion(logits, target)
    for hook in hooks:
        hook.remove()
    assert len(seen) == len(norms)
    for output in seen:
        torch.testing.assert_close(output.mean(0), torch.zeros_like(output[0]), rtol=0, atol=1e-9)
        spread = output.std(0, correction=0)
        torch.testing.assert_close(spread, torch.ones_like(spread), rtol=0, atol=5e-3)  # the gain has 0.001 added
    loaded = made(perdita.LegendreLoss, classes=5, hidden=4)
    loaded.load_state_dict(copy.deepcopy(criterion.state_dict()))
    assert loaded(logits, target) == loaded(logits, target) == value


def test_fitting_takes_the_population_variance_as_the_released_code_does():
    norm, x = ActNorm(2), torch.tensor([[0.0, 1.0], [4.0, 1.0]])
    norm.fit(x)
    torch.testing.assert_close(norm.log_gain, -torch.tensor([2 + 1e-6, 1e-6]).log())
    torch.testing.assert_close(norm(x)[:, 0], torch.tensor([-1.002, 1.002]))
    norm.fit(x[:1])  # of one row there is no other
    assert norm(x[:1]).isfinite().all()


def test_two_classes_have_a_rising_scalar_link():
    criterion = made(perdita.LegendreLoss, classes=2)
    margin = torch.linspace(-5, 5, 101, dtype=torch.float64)
    probability = criterion.log_prob(torch.stack([margin, torch.zeros_like(margin)], 1))[:, 0]
    assert (probability.diff() > 0).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [({"hidden": 3}, "hidden"), ({"hidden": 0}, "hidden"), ({"depth": 0}, "depth"), ({"classes": 1}, "classes")],
)
def test_bad_sizes_are_named(options, named):
    with pytest.raises(perdita.InputError, match=named):
        perdita.LegendreLoss(**{"classes": 4, **options})


def test_scores_of_another_number_of_classes_are_refused():
    with pytest.raises(perdita.InputError, match="classes"):
        perdita.LegendreLoss(classes=4)(torch.zeros(2, 3), torch.tensor([0, 1]))
