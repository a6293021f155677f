"""Scores of distributions against their integrals, and each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

import perdita.functional as P

GENERATOR = torch.Generator().manual_seed(0)


def integral(distribution, target):
    below = quad(lambda y: distribution(y) ** 2, -40, target, limit=200)[0]
    return below + quad(lambda y: (distribution(y) - 1) ** 2, target, 40, limit=200)[0]


@pytest.mark.parametrize(("mean", "scale", "target"), [(0.0, 1.0, 0.3), (2.0, 0.5, -1.0), (-1.0, 3.0, 4.0)])
def test_gaussian_is_the_integral_of_its_definition(mean, scale, target):
    found = P.crps_gaussian(*torch.tensor([[mean], [target], [scale]], dtype=torch.float64))
    assert found.item() == pytest.approx(integral(lambda y: norm.cdf(y, mean, scale), target), abs=1e-7)


def test_mixture_is_the_integral_of_its_definition():
    means, scales, weights = [-1.0, 2.0], [0.5, 1.5], [0.3, 0.7]
    given = torch.tensor([means, scales, np.log(weights).tolist()], dtype=torch.float64).unsqueeze(1)
    found = P.crps_mixture(given[0], torch.tensor([0.4], dtype=torch.float64), given[1], given[2])

    def distribution(y):
        return sum(p * norm.cdf(y, m, s) for p, m, s in zip(weights, means, scales, strict=True))

    assert found.item() == pytest.approx(integral(distribution, 0.4), abs=1e-7)


@pytest.mark.parametrize("target", [-3.5, -2.0, -0.4, 0.0, 1.7, 6.0])
def test_histogram_is_the_integral_of_its_definition(target):
    logits = torch.tensor([[0.3, -1.0, 2.0, 0.5, 0.0]], dtype=torch.float64)
    found = P.crps_histogram(logits, torch.tensor([target], dtype=torch.float64), low=-2.0, high=2.0)
    probs, points = logits.softmax(1)[0], torch.linspace(-2, 2, 5)
    steps = [-5.0, *sorted({*points.tolist(), target}), 7.0]  # between these nothing changes
    middles = [(a + b) / 2 for a, b in itertools.pairwise(steps)]
    gaps = [(float(probs[points <= y].sum()) - (y >= target)) ** 2 for y in middles]
    expected = sum(g * (b - a) for g, a, b in zip(gaps, steps, steps[1:], strict=False))
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_histogram_on_its_points_is_the_squared_earth_mover_in_steps():
    logits = torch.randn(9, 9, generator=GENERATOR, dtype=torch.float64)
    target = torch.linspace(-1, 3, 9, dtype=torch.float64)
    found = P.crps_histogram(logits, target, low=-1.0, high=3.0, reduction="none")
    torch.testing.assert_close(found, 0.5 * P.squared_earth_mover(logits, torch.arange(9), reduction="none"))


def test_one_part_is_a_gaussian():
    mean, target, scale = torch.rand(3, 6, generator=GENERATOR, dtype=torch.float64)
    found = P.crps_mixture(mean[:, None], target, scale[:, None], torch.zeros(6, 1), reduction="none")
    torch.testing.assert_close(found, P.crps_gaussian(mean, target, scale, reduction="none"))


def test_a_large_fair_ensemble_estimates_the_gaussian():
    members = torch.randn(2000, 30, generator=GENERATOR, dtype=torch.float64)
    target = torch.full((2000,), 0.7, dtype=torch.float64)
    expected = P.crps_gaussian(torch.zeros(1).double(), target[:1], torch.ones(1).double())
    found = P.crps_ensemble(members, target, fair=True, reduction="none")
    assert abs(found.mean() - expected) < 4 * found.std() / 2000**0.5
    assert P.crps_ensemble(members, target) > found.mean()  # the plain one is too large by the members' own spread


def test_one_member_is_the_absolute_error():
    members, target = torch.tensor([[3.0]]), torch.tensor([1.0])
    for fair in (False, True):
        assert P.crps_ensemble(members, target, fair=fair).item() == 2.0
        assert P.energy_score(members.unsqueeze(2), target.unsqueeze(1), fair=fair).item() == 2.0


def test_the_energy_score_of_numbers_is_the_ranked_probability_score():
    members = torch.randn(4, 7, generator=GENERATOR, dtype=torch.float64)
    target = torch.randn(4, generator=GENERATOR, dtype=torch.float64)
    torch.testing.assert_close(
        P.energy_score(members.unsqueeze(2), target.unsqueeze(1)), P.crps_ensemble(members, target)
    )
