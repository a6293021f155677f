"""Many-facet Rasch measurement: ratings by raters who differ in severity, on items that differ, as one scale.

For text p, item i with categories 0..K_i - 1 and rater j, the log-odds of category k against k - 1 are

    log P(k) / P(k - 1) = theta_p - delta_i - alpha_j - tau_ik,    k = 1..K_i - 1

with the text's location theta, the item's difficulty delta, the rater's severity alpha and the item's steps tau. A
higher severity lowers the ratings. The scale is fixed by mean(delta) = mean(alpha) = 0 and sum_k tau_ik = 0.

Source: Kennedy et al., "Constructing interval variables via faceted Rasch measurement and multitask deep learning",
2020, arXiv 2009.10277; the equations are the standard partial-credit form (Linacre, 1989; Masters, 1982).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import InputError, component
from perdita.core.numerics import most_negative, pick

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

BOX = 40.0  # locations are searched within it
INWARDS = 0.3  # how far the lowest and the highest total are moved in, where no finite location has them


@component("ordinal-rasch")
def category_log_probabilities(
    location: Float[Tensor, "*n"], step: Float[Tensor, "*n k"], categories: Int[Tensor, "*n"]
) -> Float[Tensor, "*n c"]:
    """Log-probability of each category at theta - delta - alpha, given the item's steps.

    Args:
        location: (*n,) theta - delta - alpha.
        step: (*n, k) steps; those beyond an item's own last one are not read.
        categories: (*n,) number of categories of each item, at most k + 1.

    Returns:
        (*n, k + 1) log-probabilities, so low that their exp is 0 at categories which an item does not have.
    """
    psi = (location.unsqueeze(-1) - step).cumsum(-1)
    psi = torch.cat([torch.zeros_like(psi[..., :1]), psi], -1)  # (*n, k + 1)
    absent = torch.arange(psi.shape[-1], device=psi.device) >= categories.unsqueeze(-1)
    return psi.masked_fill(absent, most_negative(psi.dtype)).log_softmax(-1)


@component("ordinal-rasch")
def category_moments(log_probs: Float[Tensor, "*n c"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """Mean and variance of the category."""
    probs = log_probs.exp()
    category = torch.arange(probs.shape[-1], dtype=probs.dtype, device=probs.device)
    mean = (probs * category).sum(-1)
    return mean, (probs * (category - mean.unsqueeze(-1)).square()).sum(-1)


@component("ordinal-rasch")
def infit_outfit(
    rating: Int[Tensor, "n"], mean: Float[Tensor, "n"], variance: Float[Tensor, "n"], facet: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "m"], Float[Tensor, "m"]]:
    """How well the ratings of each member of a facet fit: 1 is ideal, above is noise, below is too predictable.

    infit = sum (x - E)^2 / sum V and outfit = mean (x - E)^2 / V over the member's ratings x; 0.6 to 1.4 is usual.

    Args:
        rating: (n,) ratings x.
        mean, variance: (n,) E and V of each rating under the model.
        facet: (n,) the rater (or the item, or the text) of each rating, 0..m - 1; NaN comes back for one without any.
    """
    square = (rating - mean).square()

    def total(values: Tensor) -> Tensor:
        return values.new_zeros(int(facet.max()) + 1).index_add(0, facet, values)

    return total(square) / total(variance), total(square / variance) / total(torch.ones_like(square))


@component("ordinal-rasch")
def standard_error(variance: Float[Tensor, "n"], facet: Int[Tensor, "n"]) -> Float[Tensor, "m"]:
    """(m,) standard error of each member's place on the scale, (sum V)^(-1/2) over its ratings, all else known."""
    return variance.new_zeros(int(facet.max()) + 1).index_add(0, facet, variance).rsqrt()


@component("ordinal-rasch")
@dataclass(frozen=True, eq=False)
class ManyFacetRasch:
    """A measured scale.

    Args:
        theta: (p,) location of each text.
        difficulty: (i,) of each item.
        severity: (j,) of each rater.
        step: (i, k) steps of each item; rows of items with fewer categories are filled up with zeros.
        categories: (i,) number of categories of each item.
    """

    theta: Float[Tensor, "p"]
    difficulty: Float[Tensor, "i"]
    severity: Float[Tensor, "j"]
    step: Float[Tensor, "i k"]
    categories: Int[Tensor, "i"]

    def log_probabilities(
        self, text: Int[Tensor, "n"], item: Int[Tensor, "n"], rater: Int[Tensor, "n"]
    ) -> Float[Tensor, "n c"]:
        """(n, c) log-probabilities of the categories of each rating."""
        location = self.theta[text] - self.difficulty[item] - self.severity[rater]
        return category_log_probabilities(location, self.step[item], self.categories[item])

    def score(self, expected: Float[Tensor, "n i"]) -> Float[Tensor, "n"]:
        """The location whose expected total, at severity 0, is the total of the given (predicted) ratings.

        Args:
            expected: (n, i) ratings of every item, whole numbers or expectations.

        Returns:
            (n,) locations, with the gradient of the implicit function, 1 / sum V. A total at either end, which no
            finite location has, is moved in by 0.3.
        """
        step, categories = self.step.to(expected.dtype), self.categories
        most = float((categories - 1).sum())
        total = expected.sum(1).clamp(INWARDS, most - INWARDS)

        def moments(theta: Tensor) -> tuple[Tensor, Tensor]:
            location = theta.unsqueeze(1) - self.difficulty.to(theta.dtype)  # (n, i)
            means, variances = category_moments(category_log_probabilities(location, step, categories))
            return means.sum(1), variances.sum(1)

        with torch.no_grad():
            low, high = torch.full_like(total, -BOX), torch.full_like(total, BOX)
            for _ in range(60):
                middle = (low + high) / 2
                below = moments(middle)[0] < total
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
            mean, variance = moments(high)
        return high + (total - mean) / variance

    def centered(self) -> ManyFacetRasch:
        """The same probabilities with the constraints of identification fulfilled."""
        own = torch.arange(self.step.shape[1], device=self.step.device) < (self.categories - 1).unsqueeze(1)
        mean = (self.step * own).sum(1) / own.sum(1)
        difficulty = self.difficulty + mean
        shift = difficulty.mean() + self.severity.mean()
        return ManyFacetRasch(
            self.theta - shift,
            difficulty - difficulty.mean(),
            self.severity - self.severity.mean(),
            (self.step - mean.unsqueeze(1)) * own,
            self.categories,
        )


@component("ordinal-rasch")
def fit_rasch(
    text: Int[Tensor, "n"],
    item: Int[Tensor, "n"],
    rater: Int[Tensor, "n"],
    rating: Int[Tensor, "n"],
    *,
    num_categories: Sequence[int],
    prior_std: float = 1.5,
    rater_prior_std: float = 3.0,
    iterations: int = 200,
) -> ManyFacetRasch:
    """Joint maximum likelihood with normal priors on texts and raters, by L-BFGS in float64.

    Without the priors a text (or rater) with nothing but lowest or highest ratings has no finite place. They lie around
    the common centre, which is free. Joint estimates of few items are stretched by about I / (I - 1): compare ranks, or
    fits of the same items.

    Args:
        text, item, rater: (n,) indices from 0, one row for each rating; missing ratings are absent rows.
        rating: (n,) the categories given.
        num_categories: of each item.
        prior_std: standard deviation of the texts.
        rater_prior_std: standard deviation of the raters.
        iterations: of L-BFGS, at most.

    Returns:
        The centred scale.

    Raises:
        InputError: shapes that differ, indices that leave gaps, ratings outside of an item's categories, a category
            that nobody gave (its step has no finite value), a standard deviation that is not positive, or texts and
            raters (or items) that fall into blocks which no rating links, so that their scales cannot be compared.
    """
    categories = torch.as_tensor(num_categories, device=rating.device)
    _check(text, item, rater, rating, categories, prior_std, rater_prior_std)
    sizes = (int(text.max()) + 1, len(categories), int(rater.max()) + 1)
    widths = [*sizes, len(categories) * (int(categories.max()) - 1)]
    free = torch.zeros(sum(widths), dtype=torch.float64, device=rating.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [free], max_iter=iterations, history_size=20, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def model(parameters: Tensor) -> ManyFacetRasch:
        theta, difficulty, severity, step = parameters.split(widths)
        return ManyFacetRasch(theta, difficulty, severity, step.view(len(categories), -1), categories)

    def closure() -> Tensor:
        optimizer.zero_grad()
        scale = model(free)
        surprise = -pick(scale.log_probabilities(text, item, rater), rating).sum()
        prior = (scale.theta / prior_std).square().sum() + (scale.severity / rater_prior_std).square().sum()
        value: Tensor = surprise + prior / 2
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(closure)
    return model(free.detach()).centered()


def _check(
    text: Tensor, item: Tensor, rater: Tensor, rating: Tensor, categories: Tensor, text_std: float, rater_std: float
) -> None:
    facets = {"text": text, "item": item, "rater": rater, "rating": rating}
    for name, values in facets.items():
        if values.ndim != 1 or values.is_floating_point() or values.shape != text.shape or not len(values):
            raise InputError(f"{name} must hold an integer for each rating, but came as {values.dtype} of shape "
                             f"{tuple(values.shape)} beside {tuple(text.shape)}")  # fmt: skip
        if int(values.min()) < 0:
            raise InputError(f"{name} must hold numbers >= 0; its smallest is {int(values.min())}")
    if min(text_std, rater_std) <= 0:
        raise InputError(f"prior_std and rater_prior_std must be positive, not {text_std} and {rater_std}")
    if int(item.max()) >= len(categories) or int(categories.min()) < 2:
        raise InputError("num_categories must give a number of at least 2 for every item")
    for name in ("text", "item", "rater"):
        if len(facets[name].unique()) != (len(categories) if name == "item" else int(facets[name].max()) + 1):
            raise InputError(f"{name} must hold every index from 0 up at least once")
    if bool((rating >= categories[item]).any()):
        raise InputError("rating must hold categories from 0 to num_categories - 1 of its item")
    given = torch.zeros(len(categories), int(categories.max()), dtype=torch.bool, device=rating.device)
    given[item, rating] = True
    absent = ~given & (torch.arange(given.shape[1], device=rating.device) < categories.unsqueeze(1))
    if bool(absent.any()):
        one, category = absent.nonzero()[0].tolist()
        raise InputError(f"rating never holds category {category} of item {one}; join it with a neighbour")
    for name in ("rater", "item"):
        if not bool(linked(text, facets[name]).all()):
            raise InputError(f"text and {name} fall into blocks that no rating links, with no common scale")


@component("ordinal-rasch")
def linked(first: Int[Tensor, "n"], second: Int[Tensor, "n"]) -> Bool[Tensor, "m"]:
    """(m,) whether each member of the first facet is reached from the member 0 by pairs of the two facets."""
    left = first.new_zeros(int(first.max()) + 1)
    right = second.new_zeros(int(second.max()) + 1)
    left[0] = 1
    while True:
        right = right.scatter_reduce(0, second, left[first], "amax")
        wider = left.scatter_reduce(0, first, right[second], "amax")
        if torch.equal(wider, left):
            return left.bool()
        left = wider
