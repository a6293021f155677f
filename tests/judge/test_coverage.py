"""pass@N: from a probability, and unbiased from samples."""

import math

import pytest
import torch

from perdita import InputError
from perdita.judge.coverage import pass_at_n, pass_at_n_estimate


def test_from_a_probability():
    prob = torch.tensor([0.0, 1e-12, 0.25, 1.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 16e-12, 1 - 0.75**16, 1.0], dtype=torch.float64)
    torch.testing.assert_close(pass_at_n(prob, 16), expected, rtol=1e-9, atol=0.0)


@pytest.mark.parametrize("attempts", [1, 3, 10])
def test_from_samples_by_counting(attempts):
    right = torch.arange(11)
    expected = [1 - math.comb(10 - c, attempts) / math.comb(10, attempts) for c in range(11)]
    torch.testing.assert_close(
        pass_at_n_estimate(10, right, attempts), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-12
    )


def test_it_is_unbiased():
    chance = torch.distributions.Binomial(20, torch.tensor(0.1, dtype=torch.float64))
    counts = torch.arange(21)
    mean = (chance.log_prob(counts.double()).exp() * pass_at_n_estimate(20, counts, 5)).sum()
    assert mean.item() == pytest.approx(1 - 0.9**5, abs=1e-9)


def test_more_than_there_are():
    with pytest.raises(InputError, match="attempts"):
        pass_at_n_estimate(10, torch.tensor([1]), 11)
    with pytest.raises(InputError, match="right"):
        pass_at_n_estimate(10, torch.tensor([11]), 2)
