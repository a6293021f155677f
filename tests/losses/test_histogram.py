"""Targets as histograms: what they mean, at the ends of the support too."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.losses.value.histogram import bellman_atoms, bin_centers, hl_gauss_targets, project

BINS, LOW, HIGH = 41, -2.0, 3.0
WIDTH = (HIGH - LOW) / BINS
CENTERS = bin_centers(LOW, HIGH, BINS, torch.zeros((), dtype=torch.float64))


def test_hl_gauss_targets_have_the_mean_of_the_target_away_from_the_ends():
    sigma = 0.75 * WIDTH
    target = torch.linspace(LOW + 4.5 * sigma, HIGH - 4.5 * sigma, 101, dtype=torch.float64)
    probs = hl_gauss_targets(target, BINS, low=LOW, high=HIGH)
    torch.testing.assert_close(probs.sum(1), torch.ones_like(target))
    assert (probs @ CENTERS - target).abs().max() < 1e-3 * WIDTH


def test_hl_gauss_targets_near_an_end_move_inwards():
    probs = hl_gauss_targets(torch.tensor([HIGH], dtype=torch.float64), BINS, low=LOW, high=HIGH)
    assert (probs @ CENTERS).item() < CENTERS[-1]


@pytest.mark.parametrize("outside", [-1e4, LOW, HIGH, 1e4])
def test_a_target_outside_is_moved_to_the_end(outside):
    target = torch.tensor([outside])
    for probs in (
        hl_gauss_targets(target, BINS, low=LOW, high=HIGH),
        project(target.unsqueeze(1), torch.ones(1, 1), BINS, low=LOW, high=HIGH),
    ):
        torch.testing.assert_close(probs.sum(), torch.tensor(1.0))
        assert probs.argmax() == (0 if outside < 0 else BINS - 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_target_outside_may_be_cut_where_it_is(dtype):
    target = torch.tensor([HIGH + 3 * WIDTH, LOW - 40 * WIDTH, 1e4, -1e4, 0.1], dtype=dtype)
    probs = hl_gauss_targets(target, BINS, low=LOW, high=HIGH, clamp=False)
    torch.testing.assert_close(probs.sum(1), torch.ones_like(target))
    assert probs.argmax(1)[:4].tolist() == [BINS - 1, 0, BINS - 1, 0]
    inside = hl_gauss_targets(target, BINS, low=LOW, high=HIGH)
    torch.testing.assert_close(probs[4], inside[4])
    assert probs[0, -1] > inside[0, -1]  # the tail of a normal distribution falls faster than its middle
    logits = torch.zeros(5, BINS, dtype=dtype, requires_grad=True)
    P.hl_gauss(logits, target, low=LOW, high=HIGH, clamp=False).backward()
    torch.testing.assert_close(logits.grad, (1 / BINS - probs) / 5)


def test_a_narrow_normal_is_one_bin():
    probs = hl_gauss_targets(CENTERS[7:8], BINS, low=LOW, high=HIGH, sigma_ratio=1e-3)
    torch.testing.assert_close(probs[0], torch.eye(BINS, dtype=torch.float64)[7])


def test_projection_keeps_the_mean():
    generator = torch.Generator().manual_seed(0)
    atoms = LOW + (HIGH - LOW) * torch.rand(5, 7, generator=generator, dtype=torch.float64)
    probs = torch.rand(5, 7, generator=generator, dtype=torch.float64).softmax(1)
    grid = torch.linspace(LOW, HIGH, BINS, dtype=torch.float64)
    found = project(atoms, probs, BINS, low=LOW, high=HIGH)
    torch.testing.assert_close(found @ grid, (atoms * probs).sum(1))
    torch.testing.assert_close(found.sum(1), torch.ones(5, dtype=torch.float64))


def test_two_hot_is_the_projection_of_one_atom():
    logits = torch.randn(4, BINS, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([-2.0, 0.0, 0.3, 3.0])
    atoms = target.unsqueeze(1)
    expected = P.categorical_projection(logits, torch.ones(4, 1), atoms, low=LOW, high=HIGH)
    torch.testing.assert_close(P.two_hot(logits, target, low=LOW, high=HIGH), expected)


def test_an_end_has_no_future():
    found = bellman_atoms(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.5]), 3, low=-2.0, high=2.0)
    assert found.tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]


@pytest.mark.parametrize("loss", [P.hl_gauss, P.two_hot])
def test_no_gradient_reaches_the_target(loss):
    target = torch.tensor([0.3], requires_grad=True)
    assert not loss(torch.zeros(1, 5), target).requires_grad


@pytest.mark.parametrize("loss", [P.hl_gauss, P.two_hot])
def test_a_support_without_width_is_refused(loss):
    with pytest.raises(InputError, match="low must be below high"):
        loss(torch.zeros(1, 5), torch.zeros(1), low=1.0, high=1.0)
    with pytest.raises(InputError, match="at least 2 bins"):
        loss(torch.zeros(1, 1), torch.zeros(1))
