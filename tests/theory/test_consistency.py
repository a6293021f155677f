"""The comp-sum bounds in closed form, against minimisation, random problems and hand-computed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from perdita.core import InputError, build
from perdita.theory.consistency import (
    comp_sum_bound,
    comp_sum_conditional_minimum,
    comp_sum_transform,
    conditional_minimum,
    conditional_risk,
    consistency_transform,
    minimizability_gap,
)

TAUS = (0.0, 0.5, 1.0, 1.5, 1.9, 2.0, 2.5)
BETA = torch.tensor([0.1, 0.5, 0.9])


def surrogate(tau):
    return build({"loss": "comp_sum", "tau": tau, "reduction": "none"})


def random_probabilities(n, classes, seed=0):
    draws = torch.rand((n, classes), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return draws / draws.sum(1, keepdim=True)


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("classes", [2, 4])
def test_the_closed_minimum_is_the_minimum(tau, classes):
    probabilities = random_probabilities(6, classes)
    found = conditional_minimum(surrogate(tau), probabilities)
    expected = comp_sum_conditional_minimum(probabilities, tau)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (found >= expected - 1e-9).all()


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_no_regret_lies_below_the_transform(tau, classes):
    probabilities = random_probabilities(500, classes, seed=1)
    logits = 3 * torch.randn(probabilities.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    regret = conditional_risk(surrogate(tau), logits, probabilities) - comp_sum_conditional_minimum(probabilities, tau)
    lost = probabilities.amax(1) - probabilities.gather(1, logits.argmax(1, keepdim=True)).squeeze(1)
    assert (regret >= comp_sum_transform(lost, tau, classes) - 1e-9).all()
    assert (lost <= comp_sum_bound(regret.clamp(min=0), tau, classes) + 1e-9).all()


@pytest.mark.parametrize(("tau", "neighbour"), [(1 - 1e-9, 1), (1 + 1e-9, 1), (1.9995, 2), (2 - 1e-9, 2)])
def test_both_are_continuous_at_one_and_two(tau, neighbour):
    """Powers 1 / (2 - tau) in the thousands neither overflow nor vanish, and a difference divided by 0 is not taken."""
    beta = torch.tensor([1e-6, 0.01, 0.1, 0.3, 0.5, 0.9, 1.0])
    near = 3e-3  # of which (1.9995 - 2) log 2 and the like are a part
    torch.testing.assert_close(
        comp_sum_transform(beta, tau, 4)[3:], comp_sum_transform(beta, neighbour, 4)[3:], rtol=near, atol=near
    )
    assert (comp_sum_transform(beta, tau, 4).diff() > 0).all()
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]])
    found, expected = (comp_sum_conditional_minimum(probabilities, own) for own in (tau, neighbour))
    torch.testing.assert_close(found, expected, rtol=near, atol=near)


@pytest.mark.parametrize("tau", [0.0, 0.25, 1.2, 1.8, 1.99])
def test_the_transform_is_its_formula(tau):
    r, b = 1 / (2 - tau), np.linspace(0.02, 0.98, 25)
    mean = (((1 + b) ** r + (1 - b) ** r) / 2) ** (2 - tau)
    expected = 2 ** (1 - tau) / (1 - tau) * (1 - mean) if tau < 1 else (mean - 1) / ((tau - 1) * 5 ** (tau - 1))
    np.testing.assert_allclose(comp_sum_transform(torch.from_numpy(b), tau, 5), expected, rtol=1e-11, atol=0)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 1.5])
def test_the_transform_is_tight_for_two_classes(tau):
    torch.testing.assert_close(
        consistency_transform(surrogate(tau), BETA, 2), comp_sum_transform(BETA, tau, 2), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("tau", [0.5, 1.0, 1.5, 2.0])
def test_the_numerical_transform_lies_above_the_closed_one(tau):
    found = consistency_transform(surrogate(tau), BETA, 4)
    assert (found >= comp_sum_transform(BETA, tau, 4) - 1e-7).all()
    if tau <= 1:  # the two classes alone are the worst case
        torch.testing.assert_close(found, comp_sum_transform(BETA, tau, 4), rtol=1e-5, atol=1e-7)


def test_a_loss_is_named_or_given():
    named = consistency_transform("cross_entropy", BETA, 3)
    torch.testing.assert_close(named, comp_sum_transform(BETA, 1.0, 3), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("tau", TAUS)
def test_the_bound_is_below_its_closed_form(tau):
    excess = torch.linspace(0, 0.2, 9, dtype=torch.float64)
    if tau < 1:
        above = (2**tau * (2 - tau) * excess).sqrt()
    elif tau < 2:
        above = (2 * 5 ** (tau - 1) * excess).sqrt()
    else:
        above = (tau - 1) * 5 ** (tau - 1) * excess
    assert (comp_sum_bound(excess, tau, 5) <= above + 1e-9).all()
    assert comp_sum_bound(torch.tensor(1e9), tau, 5) == 1


def test_the_gap_of_bounded_scores_is_the_one_computed_by_hand():
    """Sure labels and one hypothesis that scores all classes alike: Phi(c - 1) - Phi((c - 1) e^{-2 largest})."""
    labels = torch.eye(3, dtype=torch.float64)
    gap = minimizability_gap("cross_entropy", torch.zeros(3, 3), labels, largest=1.0)
    assert gap == pytest.approx(math.log(3) - math.log1p(2 * math.exp(-2)), abs=1e-6)


def test_minima_fall_as_tau_grows():
    probabilities = random_probabilities(20, 4)
    minima = torch.stack([comp_sum_conditional_minimum(probabilities, tau) for tau in TAUS])
    assert (minima.diff(dim=0) <= 1e-12).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: comp_sum_transform(torch.tensor([1.5]), 1.0, 3), "beta"),
        (lambda: comp_sum_transform(BETA, -1.0, 3), "tau"),
        (lambda: comp_sum_transform(BETA, 1.0, 1), "classes"),
        (lambda: comp_sum_bound(torch.tensor([-0.1]), 1.0, 3), "excess"),
        (lambda: comp_sum_conditional_minimum(torch.tensor([[0.5, 0.6]]), 1.0), "probabilities"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(InputError, match=named):
        call()
