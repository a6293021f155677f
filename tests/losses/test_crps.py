"""Scores of distributions against their integrals, and each other."""

from __future__ import annotations

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
