"""LDR losses: the maximum that defines them, their limits, and the state of the adaptive one."""

from __future__ import annotations

import math

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.losses.noise.label_robust import violations


def draw(n=6, c=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, c, generator=generator, dtype=torch.float64)
    return logits, torch.randint(c, (n,), generator=generator)


def mixtures(count, c):
    """Random distributions, from nearly uniform to nearly a corner."""
    generator = torch.Generator().manual_seed(1)
    scale = torch.linspace(0, 4, count, dtype=torch.float64).unsqueeze(1)
    return (scale * torch.randn(count, c, generator=generator, dtype=torch.float64)).softmax(1)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 10.0])
def test_it_is_the_maximum_over_distributions(temperature):
    logits, target = draw()
    short, p = violations(logits, target, 0.1), mixtures(20_000, 4)
    reached = short @ p.T - temperature * (p * (4 * p).log()).sum(1)  # (n, mixtures)
    found = P.ldr_kl(logits, target, temperature=temperature, reduction="none")
    assert (found >= reached.amax(1) - 1e-12).all()
    torch.testing.assert_close(found, reached.amax(1), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_bounded_form_is_the_maximum_over_bounded_distributions(k):
    logits, target = draw()
    short, p = violations(logits, target, 0.1), mixtures(20_000, 4)
    p = p[(p <= 1 / k + 1e-12).all(1)]
    found = P.ldr_k(logits, target, k=k, reduction="none")
    assert len(p) > 10
    assert (found >= (short @ p.T).amax(1) - 1e-9).all()


def test_its_limits():
    logits, target = draw()
    entropy = P.cross_entropy(logits, target, reduction="none")
    found = P.ldr_kl(logits, target, margin=0.0, reduction="none")
    torch.testing.assert_close(found, entropy - math.log(4))
    hinge = violations(logits, target, 1.0)
    for one, expected in ((1e-3, hinge.amax(1)), (1e6, hinge.mean(1))):
        found = P.ldr_kl(logits, target, temperature=one, margin=1.0, reduction="none")
        torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_a_step_of_the_temperature_is_the_formula():
    criterion = perdita.AldrKl(examples=6, temperature=2.0, alpha=3.0, normalize=None).double()
    logits, _ = draw()
    index = torch.tensor([5, 0, 3, 1, 4, 2])
    criterion.remember(logits, index)
    last = 2.0
    for step in range(3):
        share = (logits / last).softmax(1) + 1e-5
        share = share / share.sum(1, keepdim=True)
        last = 2 * (1 - (share * (4 * share).log()).sum(1, keepdim=True) / (3 * math.log(4)))
        torch.testing.assert_close(criterion.temperatures[index], last.squeeze(1), msg=f"step {step}")
        assert (criterion.temperatures > 2 * (1 - 1 / 3)).all()
        criterion.remember(logits, index)
    for _ in range(100):
        criterion.remember(logits, index)
    before = criterion.temperatures.clone()
    criterion.remember(logits, index)
    torch.testing.assert_close(criterion.temperatures, before)  # a fixed row converges


def test_a_call_leaves_the_state_and_remembering_leaves_other_examples():
    criterion = perdita.AldrKl(examples=10, temperature=1.0)
    logits, target = draw()
    criterion(logits, target, torch.arange(6))
    assert (criterion.temperatures == 1).all()
    criterion.remember(logits, torch.arange(6))
    assert (criterion.temperatures[:6] < 1).all()
    assert (criterion.temperatures[6:] == 1).all()
    copy = perdita.AldrKl(examples=10, temperature=1.0)
    copy.load_state_dict(criterion.state_dict())
    assert copy(logits, target, torch.arange(6)) == criterion(logits, target, torch.arange(6))


def test_the_gradient_takes_the_temperature_as_constant():
    criterion = perdita.AldrKl(temperature=1.0, normalize=None).double()
    logits, target = draw(3)
    leaf = logits.clone().requires_grad_()
    criterion(leaf, target).backward()
    temperature = criterion._adapted(logits, None)
    weights = (violations(logits, target, 0.1) / temperature).softmax(1)
    expected = (weights - torch.nn.functional.one_hot(target, 4)) / 3
    torch.testing.assert_close(leaf.grad, expected)


def test_an_index_needs_a_state():
    logits, target = draw()
    with pytest.raises(perdita.InputError, match="examples"):
        perdita.AldrKl()(logits, target, torch.arange(6))


def test_one_class_and_zero_rows_are_finite():
    zeros = torch.zeros(2, 3, requires_grad=True)
    for normalize in ("l1", "softplus", None):
        value = perdita.AldrKl(normalize=normalize)(zeros, torch.tensor([0, 1]))
        assert value.isfinite()
        assert torch.autograd.grad(value, zeros)[0].isfinite().all()
    assert perdita.AldrKl()(torch.ones(2, 1), torch.tensor([0, 0])) == 0
