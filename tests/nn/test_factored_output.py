"""The factored layer against the dense one: values, gradients and many steps, and what does not depend on c."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import perdita.functional as P
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


@pytest.mark.parametrize(
    ("loss", "options", "rate"),
    [
        ("z_loss", {"sharpness": 0.5, "threshold": 3.0}, 0.1),
        ("taylor_softmax", {}, 0.05),
        ("spherical_softmax", {"epsilon": 0.1}, 0.05),
        ("one_hot_square", {}, 0.002),
    ],
)
def test_it_is_the_dense_layer(loss, options, rate):
    weight = normal(50, 8)
    layer = FactoredSphericalLinear(8, 50, loss=loss, options=options, weight=weight)
    for step in range(20):
        hidden, target = normal(4, 8, seed=step + 1).requires_grad_(), torch.tensor([3, 7, 3, step])  # a class twice
        expected, gradient, weight = dense_step(weight, hidden.detach(), target, loss, options, rate)
        found = layer(hidden, target)
        found.sum().backward()
        layer.step(rate)
        torch.testing.assert_close(found.detach(), expected, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(hidden.grad, gradient, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(layer.dense_weight(), weight, rtol=0, atol=1e-10)
        torch.testing.assert_close(layer.gram, weight.T @ weight, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(layer.row_sum, weight.sum(0), rtol=1e-9, atol=1e-9)


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


def flops(classes):
    layer = FactoredSphericalLinear(16, classes)
    hidden = normal(8, 16).requires_grad_()
    with FlopCounterMode(display=False) as counter:
        layer(hidden, torch.arange(8)).sum().backward()
        layer.step(0.1)
    return counter.get_total_flops()


def test_the_work_of_a_step_does_not_depend_on_the_classes():
    assert flops(20) == flops(2000) > 0


@pytest.mark.parametrize("loss", SPHERICAL)
def test_state_round_trip(loss):
    one, other = FactoredSphericalLinear(4, 9, loss=loss), FactoredSphericalLinear(4, 9, loss=loss)
    hidden = normal(3, 4).requires_grad_()
    one(hidden, torch.tensor([0, 1, 1])).sum().backward()
    one.step(0.01)
    other.load_state_dict(one.state_dict())
    torch.testing.assert_close(other(hidden, torch.arange(3)), one(hidden, torch.arange(3)))


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
        (lambda: stepped(weight_decay=-0.1), "weight_decay"),
        (lambda: stepped(weight_decay=10.0), "weight_decay"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(InputError, match=named):
        call()
