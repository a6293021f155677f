"""The factored layer against the dense one: values, gradients and many steps, and what does not depend on c."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import perdita.functional as P
from perdita.compare.train.memory import peak_bytes
from perdita.core import InputError
from perdita.nn.factored_output import SPHERICAL, FactoredSphericalLinear


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_step(weight, hidden, target, loss, options, rate):
    """One step of plain gradient descent on W, through all scores."""
    weight, hidden = weight.clone().requires_grad_(), hidden.clone().requires_grad_()
    values = getattr(P, loss)(hidden @ weight.T, target, reduction="none", **options)
    values.sum().backward()
    return values.detach(), hidden.grad, weight.detach() - rate * weight.grad


each_loss = pytest.mark.parametrize(
    ("loss", "options", "rate"),
    [
        ("z_loss", {"sharpness": 0.5, "threshold": 3.0}, 0.1),
        ("taylor_softmax", {}, 0.05),
        ("spherical_softmax", {"epsilon": 0.1}, 0.05),
        ("one_hot_square", {}, 0.002),
    ],
)


def expect_step(layer, rate, found, hidden, expected, gradient, weight):
    """A step from the found values leaves the dense layer's value, gradient and weight, and sums that belong to it."""
    found.sum().backward()
    layer.step(rate)
    torch.testing.assert_close(found.detach(), expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(hidden.grad, gradient, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(layer.dense_weight(), weight, rtol=0, atol=1e-10)
    torch.testing.assert_close(layer.gram, weight.T @ weight, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(layer.row_sum, weight.sum(0), rtol=1e-9, atol=1e-9)


@each_loss
def test_it_is_the_dense_layer(loss, options, rate):
    weight = normal(50, 8)
    layer = FactoredSphericalLinear(8, 50, loss=loss, options=options, weight=weight)
    for step in range(20):
        hidden, target = normal(4, 8, seed=step + 1).requires_grad_(), torch.tensor([3, 7, 3, step])  # a class twice
        expected, gradient, weight = dense_step(weight, hidden.detach(), target, loss, options, rate)
        found = layer(hidden, target)
        expect_step(layer, rate, found, hidden, expected, gradient, weight)


SEVERAL = torch.tensor([[3, 7, 9], [3, 3, 12], [7, 3, 0], [1, 2, 49]])  # within a row and in several rows twice


def soft_target(target, share, classes):
    return torch.zeros(len(target), classes, dtype=torch.float64).scatter_add(1, target, share)


@each_loss
def test_several_targets_are_the_soft_target_of_the_dense_layer(loss, options, rate):
    weight = normal(50, 8)
    layer = FactoredSphericalLinear(8, 50, loss=loss, options=options, weight=weight)
    for step in range(20):
        hidden = normal(4, 8, seed=step + 1).requires_grad_()
        share = normal(4, 3, seed=step + 100).softmax(1)
        if step % 3 == 0:  # one that is left out
            share = torch.cat([share[:, :2] / share[:, :2].sum(1, keepdim=True), torch.zeros(4, 1)], 1).double()
        target = SEVERAL.roll(step, 0)
        dense = soft_target(target, share, 50)
        expected, gradient, weight = dense_step(weight, hidden.detach(), dense, loss, options, rate)
        found = layer(hidden, target, share)
        expect_step(layer, rate, found, hidden, expected, gradient, weight)


def test_shares_of_one_are_the_sum_over_the_targets_and_none_are_their_mean():
    weight, hidden = normal(50, 8), normal(4, 8, seed=1)
    each = torch.stack([P.z_loss(hidden @ weight.T, SEVERAL[:, j], reduction="none") for j in range(3)], 1)
    layer = FactoredSphericalLinear(8, 50, weight=weight)
    torch.testing.assert_close(layer(hidden, SEVERAL, torch.ones(4, 3)), each.sum(1))
    torch.testing.assert_close(layer(hidden, SEVERAL), each.mean(1), rtol=1e-6, atol=1e-6)


def test_marks_of_several_classes_are_squared_as_they_are():
    weight, hidden, marks = normal(50, 8), normal(4, 8, seed=1), torch.ones(4, 3, dtype=torch.float64)
    layer = FactoredSphericalLinear(8, 50, loss="one_hot_square", weight=weight)
    wanted = (hidden @ weight.T - soft_target(SEVERAL, marks, 50)).square().sum(1)
    torch.testing.assert_close(layer(hidden, SEVERAL, marks), wanted)


def test_in_float32_several_targets_miss_the_dense_parameters_by_no_more_than_1e_5():
    weight, rate = normal(200, 16).float() / 4, 0.05
    layer = FactoredSphericalLinear(16, 200, weight=weight, dtype=torch.float32)
    dense, share = weight.double(), torch.full((8, 5), 0.2, dtype=torch.float64)
    for step in range(10):
        target = torch.randint(200, (8, 5), generator=torch.Generator().manual_seed(step))
        hidden = normal(8, 16, seed=step)
        _, _, dense = dense_step(dense, hidden, soft_target(target, share, 200), "z_loss", {}, rate)
        layer(hidden.float().requires_grad_(), target, share.float()).sum().backward()
        layer.step(rate)
    torch.testing.assert_close(layer.dense_weight().double(), dense, rtol=0, atol=1e-5)


def test_a_weighted_mean_and_a_narrow_hidden_are_followed():
    weight, hidden, target = normal(30, 5), normal(3, 5, seed=1).float(), torch.tensor([0, 29, 4])
    layer = FactoredSphericalLinear(5, 30, weight=weight)
    weights = torch.tensor([0.5, 2.0, 0.0])
    leaf = hidden.clone().requires_grad_()
    loss = (weights * layer(leaf, target)).mean()
    assert loss.dtype is torch.float32
    loss.backward()
    assert leaf.grad.dtype is torch.float32
    layer.step(0.3)
    dense = weight.clone().requires_grad_()
    (weights * P.z_loss(hidden.double() @ dense.T, target, reduction="none")).mean().backward()
    torch.testing.assert_close(layer.dense_weight(), weight - 0.3 * dense.grad, rtol=0, atol=1e-6)


def test_a_step_with_weight_decay_is_that_of_the_dense_layer():
    weight, rate, decay = normal(30, 5), 0.2, 0.05
    layer = FactoredSphericalLinear(5, 30, weight=weight)
    for step in range(10):
        hidden, target = normal(3, 5, seed=step + 1), torch.tensor([2, 2, step])
        _, _, stepped = dense_step(weight, hidden, target, "z_loss", {}, rate)
        weight = stepped - rate * decay * weight
        layer(hidden.requires_grad_(), target).sum().backward()
        layer.step(rate, weight_decay=decay)
        torch.testing.assert_close(layer.dense_weight(), weight, rtol=0, atol=1e-11)
        torch.testing.assert_close(layer.gram, weight.T @ weight, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(layer.row_sum, weight.sum(0), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(layer.mixing_inverse @ layer.mixing, torch.eye(5, dtype=torch.float64))


def test_refactoring_changes_no_weight():
    layer = FactoredSphericalLinear(6, 40, weight=normal(40, 6))
    for step in range(3):
        hidden = normal(5, 6, seed=step).requires_grad_()
        layer(hidden, torch.arange(5)).sum().backward()
        layer.step(0.2)
    before = layer.dense_weight()
    layer.refactor()
    torch.testing.assert_close(layer.dense_weight(), before)
    torch.testing.assert_close(layer.factor, before)
    torch.testing.assert_close(layer.mixing, torch.eye(6, dtype=torch.float64))


def test_scores_that_are_all_alike_give_no_gradient():
    layer = FactoredSphericalLinear(4, 10, weight=torch.ones(10, 4, dtype=torch.float64))
    hidden = normal(2, 4).requires_grad_()
    values = layer(hidden, torch.tensor([0, 5]))
    values.sum().backward()
    torch.testing.assert_close(values.detach(), torch.full((2,), math.log(2), dtype=torch.float64))
    assert not hidden.grad.any()


def work(classes, target):
    """Operations of the products, and the most bytes that a step's tensors hold at once."""
    layer = FactoredSphericalLinear(16, classes)
    hidden = normal(8, 16).requires_grad_()

    def step():
        layer(hidden, target).sum().backward()
        layer.step(0.1)

    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops(), peak_bytes(step)


@pytest.mark.parametrize("target", [torch.arange(8), torch.arange(16).view(8, 2)], ids=["one", "several"])
def test_the_work_of_a_step_does_not_depend_on_the_classes(target):
    few, many = work(20, target), work(2000, target)
    assert few == many
    assert min(many) > 0


@pytest.mark.parametrize("loss", SPHERICAL)
def test_state_round_trip(loss):
    one, other = FactoredSphericalLinear(4, 9, loss=loss), FactoredSphericalLinear(4, 9, loss=loss)
    hidden = normal(3, 4).requires_grad_()
    one(hidden, torch.tensor([0, 1, 1])).sum().backward()
    one.step(0.01)
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other(hidden, torch.arange(3)), one(hidden, torch.arange(3)))


def shared(share):
    return FactoredSphericalLinear(4, 9)(torch.zeros(1, 4), torch.tensor([[0, 1]]), share)


def stepped(weight_decay):
    layer = FactoredSphericalLinear(4, 9)
    layer(normal(2, 4).requires_grad_(), torch.tensor([0, 8])).sum().backward()
    layer.step(0.1, weight_decay=weight_decay)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: FactoredSphericalLinear(4, 9, loss="z_los"), "z_loss"),
        (lambda: FactoredSphericalLinear(4, 9, weight=torch.zeros(9, 3)), "weight"),
        (lambda: FactoredSphericalLinear(4, 9).step(0.1), "step"),
        (lambda: FactoredSphericalLinear(4, 9)(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long)), "hidden"),
        (lambda: FactoredSphericalLinear(4, 9)(torch.zeros(2, 4), torch.tensor([0, 9])), "target"),
        (lambda: FactoredSphericalLinear(4, 9)(torch.zeros(2, 4), torch.tensor([-1, 0])), "target"),
        (lambda: FactoredSphericalLinear(4, 9)(torch.zeros(2, 4), torch.zeros(2, 1, 1, dtype=torch.long)), "target"),
        (lambda: FactoredSphericalLinear(4, 9)(torch.zeros(2, 4), torch.tensor([[0, 1], [9, 1]])), "target"),
        (lambda: shared(torch.tensor([[0.5, -0.5]])), "share"),
        (lambda: shared(torch.tensor([[0.5, math.inf]])), "share"),
        (lambda: shared(torch.tensor([1.0])), "share"),
        (lambda: stepped(weight_decay=-0.1), "weight_decay"),
        (lambda: stepped(weight_decay=10.0), "weight_decay"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(InputError, match=named):
        call()
