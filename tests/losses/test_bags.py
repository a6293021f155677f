"""Losses of bags: their identities, and what is released of bags."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.losses.classification.bag_responses import (
    bag_means,
    fit_linear_aggregate,
    privatize_bag_means,
    stack_bags,
)

INDEX = torch.tensor([2, 0, 1, 2, 0, 2])


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_instance_level_is_the_bag_level_plus_half_the_mean_squared_difference():
    f, y = numbers(4, 3), numbers(4, seed=1)
    gaps = (f.unsqueeze(1) - f.unsqueeze(2)).square().sum((1, 2)) / (2 * 3**2)
    bag, instance = (P.bag_squared_error(f, y, instance_weight=w, reduction="none") for w in (0.0, 1.0))
    torch.testing.assert_close(instance, bag + gaps)


def test_the_gradient_of_the_squared_error_is_the_formula():
    f, y, rho = numbers(4, 3).requires_grad_(), numbers(4, seed=1), 0.3
    (found,) = torch.autograd.grad(P.bag_squared_error(f, y, instance_weight=rho), f)
    mean = f.detach().mean(1, keepdim=True)
    expected = 2 / (4 * 3) * ((mean - y.unsqueeze(1)) + rho * (f.detach() - mean))
    torch.testing.assert_close(found, expected)


def single(name, weight):
    shares = numbers(5, 3).softmax(1)
    if name == "squared":
        return P.bag_squared_error(numbers(5, 1), numbers(5, seed=1), instance_weight=weight)
    if name == "binary":
        return P.bag_binary_cross_entropy(numbers(5, 1), shares[:, 0], instance_weight=weight)
    return P.bag_cross_entropy(numbers(5, 3, 1), shares, instance_weight=weight)


@pytest.mark.parametrize("name", ["squared", "binary", "classes"])
def test_bags_of_one_item_have_one_level(name):
    torch.testing.assert_close(single(name, 0.0), single(name, 1.0))


def test_bags_of_one_item_are_cross_entropy():
    logits, shares = numbers(5, 3, 1), numbers(5, 3, seed=2).softmax(1)
    torch.testing.assert_close(P.bag_cross_entropy(logits, shares), P.cross_entropy(logits[..., 0], shares))


def test_two_classes_are_the_binary_loss():
    logits, share = numbers(4, 3), numbers(4, seed=3).sigmoid()
    both = torch.stack([torch.zeros_like(logits), logits], 1)
    for weight in (0.0, 0.4, 1.0):
        torch.testing.assert_close(
            P.bag_cross_entropy(both, torch.stack([1 - share, share], 1), instance_weight=weight),
            P.bag_binary_cross_entropy(logits, share, instance_weight=weight),
        )


def test_places_without_a_member_do_not_count_whatever_they_hold():
    f, y = numbers(3, 4), numbers(3, seed=1)
    members = torch.tensor([[True, True, False, False], [True] * 4, [False] * 4])
    spoiled = torch.where(members, f, 1e4).requires_grad_()
    found = P.bag_squared_error(spoiled, y, instance_weight=0.5, members=members)
    first = P.bag_squared_error(f[:1, :2], y[:1], instance_weight=0.5)
    second = P.bag_squared_error(f[1:2], y[1:2], instance_weight=0.5)
    torch.testing.assert_close(found, (first + second) / 2)
    assert (torch.autograd.grad(found, spoiled)[0][~members] == 0).all()


@pytest.mark.parametrize("criterion", [P.bag_squared_error, P.bag_binary_cross_entropy])
def test_bags_without_members_alone_are_nothing(criterion):
    f = torch.zeros(2, 3, requires_grad=True)
    value = criterion(f, torch.tensor([0.0, 1.0]), members=torch.zeros(2, 3, dtype=torch.bool))
    assert value.item() == 0
    assert (torch.autograd.grad(value, f)[0] == 0).all()


def test_extreme_logits_keep_their_gradient():
    logits = torch.tensor([[-1e4, -1e4]], requires_grad=True)
    value = P.bag_binary_cross_entropy(logits, torch.tensor([1.0]))
    assert value.item() == pytest.approx(1e4)
    assert torch.autograd.grad(value, logits)[0].tolist() == [
        pytest.approx([-0.5, -0.5], rel=1e-3)
    ]  # of float32 at 1e4


def test_stacked_bags_keep_items_order_and_gradients():
    values = numbers(6, 2).requires_grad_()
    stacked, members = stack_bags(values, INDEX, 3)
    assert members.tolist() == [[True, True, False], [True, False, False], [True, True, True]]
    torch.testing.assert_close(stacked[2], values[[0, 3, 5]])
    torch.testing.assert_close(torch.autograd.grad(stacked.sum(), values)[0], torch.ones_like(values))
    torch.testing.assert_close(bag_means(values, INDEX, 3)[0], values[[1, 4]].mean(0))


def test_a_linear_fit_minimises_the_loss():
    x, y = numbers(24, 3), numbers(8, seed=1)
    index = torch.arange(8).repeat_interleave(3)
    theta = fit_linear_aggregate(x, index, y, instance_weight=0.4).requires_grad_()
    loss = P.bag_squared_error((x @ theta).view(8, 3), y, instance_weight=0.4)
    assert torch.autograd.grad(loss, theta)[0].abs().max().item() < 1e-12


def test_private_means_have_laplace_noise_of_the_right_scale():
    bags, size = 20_000, 4
    index = torch.arange(bags).repeat_interleave(size)
    noisy = privatize_bag_means(
        torch.full((bags * size,), 9.0), index, bags, clip=2.0, epsilon=0.5, generator=torch.Generator()
    )
    noise = noisy - 2.0  # of what the clip leaves
    scale = 2 * 2.0 / (size * 0.5)
    assert noise.mean().item() == pytest.approx(0, abs=0.05 * scale)
    assert noise.abs().mean().item() == pytest.approx(scale, rel=0.03)
    assert noise.var().item() == pytest.approx(2 * scale**2, rel=0.06)
    half = privatize_bag_means(
        torch.full((bags * size,), 9.0),
        index,
        bags,
        clip=2.0,
        epsilon=0.5,
        nonnegative=True,
        generator=torch.Generator(),
    )
    torch.testing.assert_close(half - 2.0, noise / 2, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("bag_index", lambda: stack_bags(numbers(2), torch.tensor([0, 3]), 3)),
        ("bag_index", lambda: bag_means(numbers(2), torch.tensor([0, 2]), 3)),
        ("epsilon", lambda: privatize_bag_means(numbers(2), torch.tensor([0, 0]), 1, clip=1.0, epsilon=0.0)),
        ("clip", lambda: privatize_bag_means(numbers(2), torch.tensor([0, 0]), 1, clip=-1.0, epsilon=1.0)),
        (
            "instance_weight",
            lambda: fit_linear_aggregate(numbers(2, 1), torch.arange(2), numbers(2), instance_weight=2),
        ),
        ("instance_weight", lambda: P.bag_squared_error(numbers(2, 2), numbers(2), instance_weight=1.5)),
        ("bag_target", lambda: P.bag_binary_cross_entropy(numbers(1, 2), torch.tensor([2.0]).double())),
    ],
)
def test_bad_input_is_named(name, call):
    with pytest.raises(InputError, match=name):
        call()
