"""Losses of samples: each estimator has the mean that it promises, summed over every possible sample."""

import itertools
import math

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.losses.distribution.sampled import (
    falling_moment,
    kernel_distance,
    outcome_counts,
    poisson_cross_entropy,
    poisson_series,
    power_distance,
    power_score,
    sequential_cross_entropy,
)

MODEL = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
TARGET = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)


def every(probs, draws):
    """All samples of a size, as counts, and their probabilities."""
    samples = torch.tensor(list(itertools.product(range(len(probs)), repeat=draws))).reshape(-1, draws)
    return outcome_counts(samples, len(probs)), probs[samples].prod(1)


def mean_over_pairs(estimate, draws, others):
    model, model_weight = every(MODEL, draws)
    target, target_weight = every(TARGET, others)
    pairs = torch.cartesian_prod(torch.arange(len(model)), torch.arange(len(target)))
    values = estimate(model[pairs[:, 0]], target[pairs[:, 1]])
    return (values * model_weight[pairs[:, 0]] * target_weight[pairs[:, 1]]).sum()


@pytest.mark.parametrize("power", [1, 2, 3])
def test_falling_moments_are_unbiased(power):
    counts, weight = every(MODEL, 4)
    torch.testing.assert_close((falling_moment(counts, power) * weight.unsqueeze(1)).sum(0), MODEL**power)


@pytest.mark.parametrize("power", [2, 4])
def test_power_distance_is_unbiased(power):
    found = mean_over_pairs(lambda p, q: power_distance(p, q, power=power), 4, 4)
    torch.testing.assert_close(found, ((MODEL - TARGET) ** power).sum())


def test_without_the_target_term_fewer_draws_do():
    found = mean_over_pairs(lambda p, q: power_distance(p, q, include_target=False), 2, 1)
    torch.testing.assert_close(found, ((MODEL - TARGET) ** 2).sum() - TARGET.square().sum())


@pytest.mark.parametrize("power", [2, 3])
def test_power_score_is_unbiased(power):
    found = mean_over_pairs(lambda p, q: power_score(p, q, power=power), 3, 1)
    expected = (power - 1) * (MODEL**power).sum() - power * (MODEL ** (power - 1) * TARGET).sum()
    torch.testing.assert_close(found, expected)


def test_kernel_distance_is_unbiased_and_has_the_squared_distance_as_a_case():
    similarity = torch.tensor([[1.0, 0.5, 0.1], [0.5, 1.0, 0.4], [0.1, 0.4, 1.0]], dtype=torch.float64)
    found = mean_over_pairs(lambda p, q: kernel_distance(p, q, similarity), 3, 2)
    torch.testing.assert_close(found, (MODEL - TARGET) @ similarity @ (MODEL - TARGET))
    model, target = every(MODEL, 3)[0], every(TARGET, 3)[0]
    torch.testing.assert_close(kernel_distance(model, target, torch.eye(3)), power_distance(model, target))


def test_the_gradient_of_the_surrogate_is_that_of_the_squared_distance():
    logits = MODEL.log().requires_grad_()
    log_probs = logits.log_softmax(0)
    total = torch.zeros((), dtype=torch.float64)
    for samples in itertools.product(range(3), repeat=3):
        drawn = torch.tensor(samples)
        for outcome in range(3):
            value = P.black_box_brier(log_probs[drawn], drawn, torch.tensor([outcome]))
            total = total + MODEL[drawn].prod() * TARGET[outcome] * value
    (found,) = torch.autograd.grad(total, logits, retain_graph=True)
    (expected,) = torch.autograd.grad((log_probs.exp() - TARGET).square().sum(), logits)
    torch.testing.assert_close(found, expected)


def test_waiting_for_the_target_gives_harmonic_numbers():
    rows = [[1, 1, 0], [0], [1, 2, 1, 0]]
    played = [iter(row) for row in rows]
    found = sequential_cross_entropy(
        lambda w: torch.tensor([next(played[i]) for i in w.tolist()]), torch.zeros(3).long()
    )
    assert found.draws.tolist() == [3, 1, 4]
    assert found.values.tolist() == pytest.approx([1.5, 0.0, 1 + 1 / 2 + 1 / 3])
    assert found.hit.all()


def test_a_target_that_never_comes_is_capped():
    found = sequential_cross_entropy(lambda w: torch.ones_like(w), torch.tensor([0, 1]), max_draws=3)
    assert found.hit.tolist() == [False, True]
    assert found.values.tolist() == pytest.approx([1 + 1 / 2 + 1 / 3, 0.0])


def test_the_poisson_estimate_has_its_mean_term_by_term():
    """With k of N draws a hit, E over k of C(N-k, j) / C(N, j) is (1 - p)^j: the mean is a sum over N and k."""
    rate, p, total = 3.0, 0.6, 0.0
    for size in range(60):
        size_weight = math.exp(-rate) * rate**size / math.factorial(size)
        for hits in range(size + 1):
            samples = torch.tensor([0] * hits + [1] * (size - hits), dtype=torch.long)
            value = poisson_cross_entropy(samples, torch.tensor([0]), rate=rate).item()
            total += size_weight * math.comb(size, hits) * p**hits * (1 - p) ** (size - hits) * value
    assert total == pytest.approx(-math.log(p), abs=1e-6)


def test_poisson_series_is_unbiased():
    rate, coefficients, total = 2.0, (0.5, -1.0, 3.0), 0.0
    for count in range(60):
        weight = math.exp(-rate * 0.3) * (rate * 0.3) ** count / math.factorial(count)
        total += weight * poisson_series(torch.tensor([count]), coefficients, rate=rate).item()
    assert total == pytest.approx(0.5 - 0.3 + 3 * 0.09)


@pytest.mark.parametrize(
    "call",
    [
        lambda: falling_moment(torch.tensor([1, 0]), 2),
        lambda: power_distance(torch.tensor([4, 0]), torch.tensor([4, 0]), power=3),
        lambda: power_score(torch.tensor([4, 0]), torch.tensor([4, 0]), power=1),
        lambda: kernel_distance(torch.tensor([1, 0]), torch.tensor([4, 0]), torch.eye(2)),
        lambda: kernel_distance(torch.tensor([2, 0]), torch.tensor([0, 0]), torch.eye(2), include_target=False),
        lambda: outcome_counts(torch.tensor([0, 3]), 3),
        lambda: poisson_cross_entropy(torch.tensor([0]), torch.tensor([0]), rate=0.0),
    ],
)
def test_bad_input_is_named(call):
    with pytest.raises(InputError):
        call()
