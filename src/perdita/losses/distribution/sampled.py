"""Proper losses of a model that is known by its samples alone: polynomials of probabilities, estimated without bias.

A polynomial of degree r in the model's probabilities has an unbiased estimate from r draws or more, and no other
function has one from a fixed number of draws. Cross-entropy therefore needs a random number of draws. The values may be
negative and mean something only on average: never clip them.

Source:
    Kimpara, Frongillo, Waggoner, "Proper Losses for Discrete Generative Models", ICML 2023, arXiv 2211.03761. Of the
    paper its abstract alone was seen; the estimators follow from falling factorials, and tests check their means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core import Cost, InputError, Traits, component, loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    Counts = Int[Tensor, "*b k"] | Float[Tensor, "*b k"]


@component("proper-discrete")
def outcome_counts(samples: Int[Tensor, "*b n"], num_categories: int) -> Float[Tensor, "*b k"]:
    """How often each outcome 0 … num_categories - 1 occurs in each set of samples, in float64.

    Raises:
        InputError: an outcome outside the categories.
    """
    if samples.numel() and (samples.min() < 0 or samples.max() >= num_categories):
        raise InputError(f"samples must hold outcomes from 0 to {num_categories - 1}")
    counts = torch.zeros(*samples.shape[:-1], num_categories, dtype=torch.float64, device=samples.device)
    return counts.scatter_add(-1, samples.long(), torch.ones_like(samples, dtype=torch.float64))


@component("proper-discrete")
def falling_moment(counts: Counts, power: int) -> Float[Tensor, "*b k"]:
    r"""Unbiased estimate of each outcome's probability to a power, (h)_r / (n)_r.

    (v)_r = v (v - 1) … (v - r + 1); h are the counts, and n their sum, which must be at least the power.

    Raises:
        InputError: fewer draws than the power.
    """
    draws = counts.sum(-1, keepdim=True)
    if (draws < power).any():
        raise InputError(f"a power of {power} needs at least {power} draws, not {int(draws.min())}")
    found = torch.ones_like(counts, dtype=torch.float64)
    for step in range(power):  # ratios, not factorials: nothing overflows
        found = found * (counts - step) / (draws - step)
    return found


@component("proper-discrete")
def power_distance(
    model_counts: Counts, target_counts: Counts, *, power: int = 2, include_target: bool = True
) -> Float[Tensor, "*b"]:
    r"""Unbiased estimate of \sum_i (p_i - q_i)^power from samples of p and q; power 2 is the squared distance.

    Args:
        model_counts: how often each outcome was drawn from the model p; at least ``power`` draws.
        target_counts: likewise of the target q; ``power`` draws, or one fewer without the target term.
        power: even.
        include_target: False leaves out \sum_i q_i^power, which does not depend on the model.

    Raises:
        InputError: an odd power, or too few draws.
    """
    if power < 2 or power % 2:
        raise InputError(f"power must be an even number of at least 2, not {power}")
    total = torch.zeros((), dtype=torch.float64, device=model_counts.device)
    for own in range(0 if include_target else 1, power + 1):
        other = power - own
        term = falling_moment(model_counts, own) * falling_moment(target_counts, other)
        total = total + (-1) ** other * math.comb(power, own) * term.sum(-1)
    return total


@component("proper-discrete")
def power_score(model_counts: Counts, target_counts: Counts, *, power: int = 2) -> Float[Tensor, "*b"]:
    r"""Unbiased estimate of (power - 1) \sum_i p_i^power - power \sum_i p_i^{power - 1} q_i, least where p = q.

    It is the proper loss of the convex function \sum_i p_i^power, and needs ``power`` draws of the model but only one
    of the target.

    Raises:
        InputError: a power below 2, or too few draws.
    """
    if power < 2:
        raise InputError(f"power must be at least 2, not {power}")
    target = falling_moment(target_counts, 1)
    own = (power - 1) * falling_moment(model_counts, power)
    return (own - power * falling_moment(model_counts, power - 1) * target).sum(-1)


@component("proper-discrete")
def kernel_distance(
    model_counts: Counts, target_counts: Counts, similarity: Float[Tensor, "k k"], *, include_target: bool = True
) -> Float[Tensor, "*b"]:
    r"""Unbiased estimate of (p - q)^T A (p - q), for outcomes that are more or less alike.

    Args:
        model_counts, target_counts: as in `power_distance`, which is the case of the identity.
        similarity: A, symmetric and positive definite.
        include_target: False leaves out q^T A q, which does not depend on the model.

    Raises:
        InputError: fewer than two draws where a quadratic term is estimated, or no draw of the target.
    """
    kernel = similarity.double()
    model = model_counts.double()

    def alike(counts: Tensor) -> Tensor:
        draws = counts.sum(-1)
        if (draws < 2).any():
            raise InputError(f"a quadratic term needs at least 2 draws, not {int(draws.min())}")
        pairs = ((counts @ kernel) * counts).sum(-1) - (counts * kernel.diagonal()).sum(-1)
        return pairs / (draws * (draws - 1))

    cross = ((falling_moment(model, 1) @ kernel) * falling_moment(target_counts, 1)).sum(-1)
    return alike(model) - 2 * cross + (alike(target_counts.double()) if include_target else 0.0)


class Waiting(NamedTuple):
    """What `sequential_cross_entropy` found for each target."""

    values: Float[Tensor, "n"]
    draws: Int[Tensor, "n"]
    hit: Bool[Tensor, "n"]  # False where the draws ran out: the value is then too small on average


@component("proper-discrete")
def sequential_cross_entropy(
    sampler: Callable[[Int[Tensor, "waiting"]], Int[Tensor, "waiting"]],
    target_samples: Int[Tensor, "n"],
    *,
    max_draws: int = 100_000,
) -> Waiting:
    r"""Unbiased estimates of -log p(target): draw from the model until the target comes.

    If it comes at draw W, the value is 1 + 1/2 + … + 1/(W - 1), whose mean is \sum_j (1 - p)^j / j = -log p. The mean
    number of draws is 1/p.

    Args:
        sampler: gives one outcome of the model for each of the targets, named by their positions, that still wait.
        target_samples: outcomes of the data.
        max_draws: where a target has not come by then, its value is 1 + … + 1/max_draws, a lower bound on average.
    """
    draws = torch.zeros_like(target_samples)
    values = torch.zeros(target_samples.shape, dtype=torch.float64, device=target_samples.device)
    waiting = torch.arange(len(target_samples), device=target_samples.device)
    for draw in range(1, max_draws + 1):
        if not len(waiting):
            break
        draws[waiting] = draw
        waiting = waiting[sampler(waiting) != target_samples[waiting]]
        values[waiting] += 1 / draw
    hit = torch.ones_like(target_samples, dtype=torch.bool)
    hit[waiting] = False
    return Waiting(values, draws, hit)


@component("proper-discrete")
def poisson_cross_entropy(
    model_samples: Int[Tensor, "draws"], target_samples: Int[Tensor, "n"], *, rate: float
) -> Float[Tensor, "n"]:
    r"""Unbiased estimates of -log p(target) from one sample of the model whose size was drawn from a Poisson law.

    With N the number of draws and k of them the target:

    .. math:: \ell = \sum_{j=1}^{N} \frac{1}{j} \binom{N-k}{j} \Big/ \binom{N}{j} \Big/ P(N \ge j)

    Unbiased, but its variance is infinite: rare large samples carry the mean. `sequential_cross_entropy` is calmer.
    Whether the paper has this very form was not verified; it follows from its theorem that the size must be random.

    Args:
        model_samples: N draws, N itself drawn from the Poisson law.
        target_samples: outcomes of the data.
        rate: mean of the law, above 0.

    Raises:
        InputError: a rate that is not positive.
    """
    if not rate > 0:
        raise InputError(f"rate must be above 0, not {rate}")
    size = model_samples.shape[0]
    order = torch.arange(1, size + 1, dtype=torch.float64, device=model_samples.device)
    hits = (model_samples.unsqueeze(0) == target_samples.unsqueeze(1)).sum(1, keepdim=True)  # (n, 1)
    missed = ((size - hits - (order - 1)).clamp_min(0) / (size - (order - 1))).cumprod(1)  # (n, draws)
    reached = torch.special.gammainc(order, torch.full_like(order, rate))  # P(N >= j)
    estimates: Tensor = (missed / (order * reached)).sum(1)
    return estimates


@component("proper-discrete")
def poisson_series(counts: Counts, coefficients: Sequence[float], *, rate: float) -> Float[Tensor, "*b k"]:
    r"""Unbiased estimate of \sum_r a_r p_i^r for each outcome, from a sample whose size is Poisson with this rate.

    Each outcome's count is then Poisson with mean rate * p_i, and (h)_r / rate^r is unbiased for p_i^r: no number of
    draws is needed for any power.
    """
    factor = torch.ones_like(counts, dtype=torch.float64)
    total = torch.zeros_like(factor)
    for power, coefficient in enumerate(coefficients):
        total = total + coefficient * factor
        factor = factor * (counts - power) / rate
    return total


@loss(
    task="distribution",
    paper="proper-discrete",
    aliases=("collision_loss",),
    traits=Traits(nonnegative=False),
    domains={"log_probs": "log_probs", "model_samples": "indices", "target_samples": "indices"},
    cost=Cost(time="n (n + m)", memory="n (n + m)", passes=2),
    rowwise=False,
)
def black_box_brier(
    log_probs: Float[Tensor, "n"],
    model_samples: Int[Tensor, "n"],
    target_samples: Int[Tensor, "m"],
    *,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""A surrogate whose gradient trains a generator of outcomes on the squared distance to the data's distribution.

    With x_a drawn from the model, y_b from the data, and p(x_a) the model's own probability of its draw:

    .. math:: \ell_a = 2 \Big(\frac{1}{n-1} \sum_{b \ne a} [x_b = x_a] - \frac{1}{m} \sum_b [y_b = x_a]\Big)
              \log p(x_a)

    Its gradient is on average that of \sum_i (p_i - q_i)^2, since the other draws estimate p(x_a) without bias. The
    value itself is no distance: watch `power_distance` of the samples. A single draw has no collisions.

    Args:
        log_probs: (n,) log-probability that the model gives each of its draws, with a gradient.
        model_samples: (n,) the draws, as integers.
        target_samples: (m,) outcomes of the data.
        mask: (n,); draws where it is False count nowhere.

    Returns:
        (n,) values, of either sign.

    Raises:
        InputError: log-probabilities above 0.

    Example:
        >>> log_probs = torch.tensor([0.5, 0.5]).log()
        >>> draws, data = torch.tensor([0, 0]), torch.tensor([1])
        >>> perdita.functional.black_box_brier(log_probs, draws, data).item()
        -1.38629...

    Source:
        Kimpara, Frongillo, Waggoner, "Proper Losses for Discrete Generative Models", ICML 2023, arXiv 2211.03761: the
        loss of degree two. Its gradient by the score function is not the paper's.
    """
    counted = torch.ones_like(model_samples, dtype=torch.bool) if mask is None else mask
    others = (model_samples.unsqueeze(0) == model_samples.unsqueeze(1)) & counted  # (n, n)
    collisions = (others.sum(1) - 1) / (counted.sum() - 1).clamp_min(1)
    matches = (model_samples.unsqueeze(1) == target_samples.unsqueeze(0)).sum(1) / max(target_samples.shape[0], 1)
    return 2 * (collisions - matches).to(log_probs.dtype) * log_probs
