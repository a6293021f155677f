"""Many-facet Rasch measurement on ratings with a known truth."""

import math

import pytest
import torch

import perdita
from perdita.judge.rasch import (
    ManyFacetRasch,
    category_log_probabilities,
    category_moments,
    fit_rasch,
    infit_outfit,
    linked,
    standard_error,
)

CATEGORIES = (4, 3, 2)


def truth(texts=60, raters=8, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(n):
        return torch.randn(n, generator=generator, dtype=torch.float64)

    step = torch.tensor([[-1.0, 0.0, 1.0], [-0.5, 0.5, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    severity = normal(raters)
    difficulty = torch.tensor([-0.4, 0.1, 0.3], dtype=torch.float64)
    return ManyFacetRasch(normal(texts), difficulty, severity - severity.mean(), step, torch.tensor(CATEGORIES))


def ratings(scale, seed=1):
    """Every rater rates every item of every text."""
    sizes = (len(scale.theta), len(scale.difficulty), len(scale.severity))
    text, item, rater = torch.cartesian_prod(*map(torch.arange, sizes)).unbind(1)
    probs = scale.log_probabilities(text, item, rater).exp()
    rating = torch.multinomial(probs, 1, generator=torch.Generator().manual_seed(seed)).squeeze(1)
    return text, item, rater, rating


def correlation(first, second):
    return torch.corrcoef(torch.stack([first, second]))[0, 1].item()


@pytest.fixture(scope="module")
def fitted():
    scale = truth()
    rows = ratings(scale)
    return scale, rows, fit_rasch(*rows, num_categories=CATEGORIES)


def test_the_truth_is_recovered(fitted):
    """As well as the standard errors say."""
    scale, (text, item, rater, _), found = fitted
    _, variance = category_moments(found.log_probabilities(text, item, rater))
    for facet, measured, true in ((text, found.theta, scale.theta), (rater, found.severity, scale.severity)):
        gap = (measured - measured.mean() - true + true.mean()) / standard_error(variance, facet)
        assert 0.6 < gap.square().mean().sqrt() < 1.4
    assert correlation(found.severity, scale.severity) > 0.95
    assert (found.step[0].diff() > 0).all()
    assert found.difficulty.argsort().tolist() == [0, 1, 2]


def test_the_scale_is_identified(fitted):
    found = fitted[2]
    zero = pytest.approx(0.0, abs=1e-10)
    assert (found.difficulty.mean().item(), found.severity.mean().item()) == (zero, zero)
    assert found.step.sum(1).tolist() == [zero] * 3
    assert found.step[2].tolist() == [zero] * 3  # an item with two categories has one step, which its difficulty is


def test_centering_changes_no_probability():
    scale = truth()
    moved = ManyFacetRasch(scale.theta + 1, scale.difficulty + 2, scale.severity - 3, scale.step + 0.5,
                           scale.categories)  # fmt: skip
    rows = ratings(scale)[:3]
    before, after = moved.log_probabilities(*rows).exp(), moved.centered().log_probabilities(*rows).exp()
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(moved.centered().severity, scale.severity)


def test_the_likelihood_is_stationary_at_the_fit(fitted):
    _, rows, found = fitted
    raters = found.severity.clone().requires_grad_()
    scale = ManyFacetRasch(found.theta, found.difficulty, raters, found.step, found.categories)
    surprise = -scale.log_probabilities(*rows[:3]).gather(1, rows[3].unsqueeze(1)).sum()
    (slope,) = torch.autograd.grad(surprise, raters)
    pull = (found.severity - found.severity.mean()) / 3.0**2  # of the prior
    assert (slope + pull - (slope + pull).mean()).abs().max() < 1e-3


def test_a_random_rater_is_found_by_infit():
    scale = truth()
    text, item, rater, rating = ratings(scale)
    categories = torch.tensor(CATEGORIES)[item]
    noise = (torch.rand(len(item), generator=torch.Generator().manual_seed(5)) * categories).long()
    rating = torch.where(rater == 3, noise, rating)
    found = fit_rasch(text, item, rater, rating, num_categories=CATEGORIES)
    infit, outfit = infit_outfit(rating, *category_moments(found.log_probabilities(text, item, rater)), rater)
    assert infit.argmax() == 3
    assert infit[3] > 1.2
    assert outfit.argmax() == 3


def test_a_score_has_the_total_it_was_made_from(fitted):
    found = fitted[2]
    ratings_of_items = torch.tensor([[0.4, 0.3, 0.2], [2.5, 1.0, 0.5], [0.0, 0.0, 0.0], [3.0, 2.0, 1.0]]).double()
    ratings_of_items.requires_grad_()
    theta = found.score(ratings_of_items)
    location = theta.unsqueeze(1) - found.difficulty
    mean, variance = category_moments(category_log_probabilities(location, found.step, found.categories))
    torch.testing.assert_close(mean.sum(1)[:2], ratings_of_items.sum(1)[:2])
    torch.testing.assert_close(mean.sum(1)[2:], torch.tensor([0.3, 5.7]).double())  # moved in from the ends
    (slope,) = torch.autograd.grad(theta[1], ratings_of_items)
    torch.testing.assert_close(slope[1], (1 / variance.sum(1)[1]).expand(3))


def test_a_severe_rater_lowers_ratings():
    scale = truth()
    zero = torch.zeros(len(scale.severity), dtype=torch.long)
    mean, _ = category_moments(scale.log_probabilities(zero, zero, torch.arange(len(zero))))
    assert mean.argsort(descending=True).tolist() == scale.severity.argsort().tolist()


def test_blocks_without_a_link_are_refused():
    first, second = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2])
    assert linked(first, second).tolist() == [True, True, False]
    text = torch.tensor([0, 0, 1, 1])
    with pytest.raises(perdita.InputError, match="text and rater fall into blocks"):
        fit_rasch(text, torch.zeros(4).long(), text, torch.tensor([0, 1, 0, 1]), num_categories=[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating": torch.tensor([0, 1, 2, 1])}, "rating must hold categories"),
        ({"rating": torch.tensor([0, 0, 0, 0])}, "never holds category 1 of item 0"),
        ({"rating": torch.tensor([0, 1, -1, 1])}, "rating must hold numbers >= 0"),
        ({"rating": torch.tensor([0.0, 1.0, 0.0, 1.0])}, "rating must hold an integer"),
        ({"text": torch.tensor([0, 0, 2, 2])}, "text must hold every index"),
        ({"rater": torch.tensor([0, 1, 0])}, "rater must hold an integer for each rating"),
        ({"num_categories": [1]}, "num_categories must give"),
        ({"prior_std": 0.0}, "must be positive"),
    ],
)
def test_bad_ratings_are_refused(changes, message):
    given = {
        "text": torch.tensor([0, 0, 1, 1]),
        "item": torch.zeros(4).long(),
        "rater": torch.tensor([0, 1, 0, 1]),
        "rating": torch.tensor([0, 1, 0, 1]),
        "num_categories": [2],
    }
    assert math.isfinite(fit_rasch(**given).theta.sum())
    with pytest.raises(perdita.InputError, match=message):
        fit_rasch(**{**given, **changes})
