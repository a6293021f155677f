"""Balanced weights, the choice of what is balanced, and estimates from what is observed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perdita import InputError
from perdita.training.causal_balancing import (
    Balancing,
    adaptive_anchors,
    dr_estimate,
    effective_sample_size,
    fit_balancing_weights,
    ips_estimate,
    kernel_balance_gap,
    kernel_balance_loss,
    kernel_functions,
    median_gamma,
    snips_estimate,
    worst_anchors,
)

GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(800, 2, generator=GENERATOR, dtype=torch.float64)
PROPENSITY = (1.5 * FEATURES[:, 0] * FEATURES[:, 1] - 0.5).sigmoid()  # no moment of first order tells it
OBSERVED = torch.bernoulli(PROPENSITY, generator=GENERATOR).bool()
SHORT = Balancing(gamma=0.5, slack=1e-3, coefficient=20.0, steps=100, anchors=10, rounds=3)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.mark.parametrize("kernel", ["gaussian", "exponential", "linear"])
def test_kernels_are_those_written_out(kernel):
    written = {
        "gaussian": lambda a, b: np.exp(-0.3 * np.sum((a - b) ** 2)),
        "exponential": lambda a, b: np.exp(-0.3 * np.sqrt(np.sum((a - b) ** 2))),
        "linear": lambda a, b: 0.3 * np.dot(a, b) + 1,
    }[kernel]
    x, anchors = FEATURES[:6], FEATURES[6:9]
    found = kernel_functions(x, anchors, kernel=kernel, gamma=0.3)
    assert found.tolist() == [pytest.approx([written(a, b) for b in anchors.numpy()]) for a in x.numpy()]


def test_the_exponential_kernel_has_a_gradient_at_its_anchor():
    x = (100 + FEATURES[:5].float()).requires_grad_()
    found = kernel_functions(x, x, kernel="exponential", gamma=0.3)
    assert found.diagonal().tolist() == [1.0] * 5
    assert torch.autograd.grad(found.sum(), x)[0].isfinite().all()


def test_equal_weights_balance_everything_where_all_is_observed():
    gap = kernel_balance_gap(FEATURES, torch.ones(800).double(), FEATURES, FEATURES[:5], gamma=0.5)
    assert gap.tolist() == pytest.approx([0.0] * 5, abs=1e-12)
    weights = fit_balancing_weights(FEATURES, FEATURES, SHORT, generator=seeded())
    assert weights.tolist() == pytest.approx([1.0] * 800)
    assert effective_sample_size(weights).item() == pytest.approx(800)


def test_gaps_that_cancel_count_one_by_one_alone():
    weights, gap = torch.ones(3).double(), torch.tensor([0.5, -0.5]).double()
    assert kernel_balance_loss(weights, gap, slack=0.1).item() == pytest.approx(0.8)
    assert kernel_balance_loss(weights, gap, slack=0.1, hinge="sum").item() == 0.0


@pytest.mark.parametrize("select", ["random", "worst", "adaptive"])
def test_fitted_weights_close_the_gaps_and_the_estimate(select):
    errors = (FEATURES[:, 0] * FEATURES[:, 1]).exp().clamp(max=5)  # large where it is observed
    seen = errors[OBSERVED]
    how = Balancing(**{**SHORT.__dict__, "select": select})
    weights = fit_balancing_weights(FEATURES[OBSERVED], FEATURES, how, errors=seen, generator=seeded())
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights > 0).all()

    def gaps(own):
        return kernel_balance_gap(FEATURES[OBSERVED], own, FEATURES, FEATURES[::40], gamma=0.5).abs().mean()

    ones = torch.ones_like(weights)
    if select != "adaptive":  # which balances what the errors need, and no more
        assert gaps(weights) < 0.3 * gaps(ones)
    before, after = ((snips_estimate(seen, own) - errors.mean()).abs() for own in (ones, weights))
    assert after < 0.3 * before
    assert effective_sample_size(weights) < 0.95 * len(weights)


def test_a_prior_is_where_the_weights_start():
    prior = 1 / PROPENSITY[OBSERVED]
    how = Balancing(gamma=0.5, steps=1, anchors=1, rounds=1, learning_rate=1e-9)
    weights = fit_balancing_weights(FEATURES[OBSERVED], FEATURES, how, prior=prior, generator=seeded())
    assert torch.allclose(weights, prior / prior.mean(), rtol=1e-6)


def test_the_chosen_anchors_are_those_that_matter():
    candidates = torch.tensor([[-4.0, 0.0], [0.0, 0.0], [4.0, 0.0]]).double()
    errors = 3 * kernel_functions(FEATURES, candidates[1:2], gamma=0.5).squeeze(1)
    assert adaptive_anchors(candidates, FEATURES, errors, 1, gamma=0.5).tolist() == [1]
    assert worst_anchors(candidates, torch.tensor([0.1, 0.0, -0.3]).double(), 2, gamma=0.5).tolist() == [2, 0]


def test_estimates_are_unbiased_over_all_that_could_be_observed():
    errors, propensity = torch.tensor([1.0, 2.0, 6.0]).double(), torch.tensor([0.2, 0.5, 0.8]).double()
    imputed = torch.tensor([0.5, 3.0, 4.0]).double()
    ips, doubly = 0.0, 0.0
    for code in range(8):
        seen = torch.tensor([bool(code >> place & 1) for place in range(3)])
        chance = torch.where(seen, propensity, 1 - propensity).prod()
        weights = 1 / propensity[seen]
        ips += chance * ips_estimate(errors[seen], weights, total=3)
        if seen.any():
            share = weights * seen.sum() / 3
            doubly += chance * dr_estimate(errors[seen], share, imputed[seen], imputed)
        else:
            doubly += chance * imputed.mean()
    assert ips.item() == pytest.approx(3.0)
    assert doubly.item() == pytest.approx(3.0)


def test_doubly_robust_is_exact_where_the_errors_are_imputed_exactly():
    errors = torch.tensor([1.0, 2.0, 6.0]).double()
    weights = torch.tensor([5.0, 0.1]).double()
    assert dr_estimate(errors[:2], weights, errors[:2], errors).item() == pytest.approx(3.0)
    released = dr_estimate(errors[:2], weights, errors[:2], errors, weigh_imputed=False)
    assert released.item() == pytest.approx((5.0 - 1.0 + 0.2 - 2.0) / 2 + 3.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_balancing_weights(FEATURES[:0], FEATURES), "features_observed"),
        (lambda: fit_balancing_weights(FEATURES[:, :1], FEATURES), "features_observed"),
        (lambda: fit_balancing_weights(FEATURES, FEATURES, prior=torch.zeros(800)), "prior"),
        (lambda: fit_balancing_weights(FEATURES, FEATURES, Balancing(select="adaptive")), "errors"),
        (lambda: Balancing(select="wurst"), "did you mean 'worst'"),
        (lambda: Balancing(anchors=0), "anchors"),
        (lambda: kernel_functions(FEATURES, FEATURES, kernel="gauss"), "did you mean 'gaussian'"),
        (lambda: kernel_functions(FEATURES, FEATURES, gamma=0.0), "gamma"),
        (lambda: kernel_balance_loss(FEATURES[:, 0].abs(), FEATURES[0], hinge="max"), "hinge"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_the_median_heuristic_sets_the_width():
    x = torch.tensor([[0.0], [1.0], [3.0]])  # distances 1, 2 and 3
    assert median_gamma(x) == pytest.approx(1 / 4)
    assert median_gamma(x, kernel="exponential") == pytest.approx(1 / 2)
    assert median_gamma(10 * x) == pytest.approx(1 / 400)
    assert median_gamma(torch.ones(4, 2)) == median_gamma(x[:1]) == 1.0
    many = torch.randn(5000, 3, generator=torch.Generator().manual_seed(0))
    assert median_gamma(many) == pytest.approx(1 / torch.pdist(many[:2000]).median().item() ** 2, rel=0.05)
    named, found = (
        fit_balancing_weights(FEATURES[OBSERVED], FEATURES, Balancing(gamma=gamma, steps=20), generator=seeded())
        for gamma in (median_gamma(FEATURES), None)
    )
    torch.testing.assert_close(found, named)
