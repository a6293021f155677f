"""Cauchy-Schwarz divergences between samples, by Gaussian kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, component, loss
from perdita.core.numerics import most_negative
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

SIGMA = Range(0, open="both", search=(0.3, 3.0), log=True)
DENOMINATOR = Choice(("kde", "official"))
PAIRS = Cost(time="n n d", memory="n n d")


@component("cs-ib")
def median_bandwidth(x: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    """Median of the distances between the items: a usual width of a kernel.

    The released function of this purpose takes ten times the median of the squared distances.
    """
    first, second = torch.triu_indices(len(x), len(x), 1, device=x.device)
    return (x[first] - x[second]).square().sum(1).sqrt().median()


def log_kernel(a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], sigma: float) -> Float[Tensor, "n m"]:
    """-|a - b|^2 / (2 sigma^2) of every pair, from differences, so that far points keep their digits."""
    return (a.unsqueeze(1) - b).square().sum(2) * (-0.5 / sigma**2)


def log_weights(
    like: Tensor, weight: Tensor | None, mask: Tensor | None
) -> tuple[Float[Tensor, "n"], Bool[Tensor, ""]]:
    """Logarithms of the items' weights, very negative where an item counts nothing, and whether any item counts."""
    counted = like.new_ones(like.shape[0])
    if weight is not None:
        counted = counted * align(weight, counted.shape, "weight").to(like.dtype)
    if mask is not None:
        counted = torch.where(mask, counted, 0.0)
    some = counted > 0
    return torch.where(some, torch.where(some, counted, 1.0).log(), most_negative(like.dtype) / 4), some.any()


def log_total(log_terms: Tensor) -> Float[Tensor, ""]:
    """Logarithm of the sum of what these are the logarithms of."""
    return torch.logsumexp(log_terms.flatten(), 0)


def keep(tensor: Float[Tensor, "n d"], mask: Bool[Tensor, "n"] | None) -> Float[Tensor, "n d"]:
    """Rows that are masked become 0, so that a NaN there reaches nothing."""
    return tensor if mask is None else torch.where(mask.unsqueeze(1), tensor, 0.0)


@loss(
    task="distribution", paper="cs-ib", traits=Traits(nonnegative=True), ranges={"sigma": SIGMA}, cost=PAIRS,
)  # fmt: skip
def cs_divergence(
    samples: Float[Tensor, "n d"], target: Float[Tensor, "m d"], *, sigma: float = 1.0
) -> Float[Tensor, ""]:
    r"""Cauchy-Schwarz divergence between the densities of two samples.

    With the mean Gaussian kernel k of width sigma over pairs:

    .. math:: \ell = \log \overline{k(x, x')} + \log \overline{k(t, t')} - 2 \log \overline{k(x, t)}
        \approx \log \int p^2 + \log \int q^2 - 2 \log \int p\,q

    Args:
        samples: (n, d) points x of one distribution.
        target: (m, d) points t of the other.
        sigma: width of the kernel, in the unit of the points.

    Returns:
        One non-negative value, in nats: 0 where the densities agree, or where a sample is empty.

    Raises:
        InputError: shapes that differ, a sigma that is not positive and finite.

    Example:
        >>> samples, target = torch.tensor([[0.0]]), torch.tensor([[2.0]])
        >>> perdita.functional.cs_divergence(samples, target).item()
        4.0

    Source:
        Yu et al., "Cauchy-Schwarz Divergence Information Bottleneck for Regression", ICLR 2024, arXiv 2404.17951; from
        the released code and slides.
    """
    n, m = samples.shape[0], target.shape[0]
    if not n or not m:
        return samples.sum() * 0 + target.sum() * 0
    within, other = log_kernel(samples, samples, sigma), log_kernel(target, target, sigma)
    return log_total(within) + log_total(other) - 2 * log_total(log_kernel(samples, target, sigma))  # the counts cancel


@loss(
    task="distribution",
    paper="cs-ib",
    ranges={"sigma_features": SIGMA, "sigma": SIGMA, "denominator": DENOMINATOR},
    cost=PAIRS,
)
def conditional_cs_divergence(
    prediction: Float[Tensor, "n k"],
    target: Float[Tensor, "n k"],
    features: Float[Tensor, "n f"],
    *,
    sigma_features: float = 1.0,
    sigma: float = 1.0,
    denominator: str = "kde",
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Cauchy-Schwarz divergence between what targets and predictions look like given the features.

    With Gaussian kernels K of the features, L of the outputs:

    .. math:: \ell = \log \sum_{ji} \frac{K_{ji} L(t_j, t_i)}{c_j} + \log \sum_{ji} \frac{K_{ji} L(x_j, x_i)}{c_j}
        - 2 \log \sum_{ji} \frac{K_{ji} L(x_j, t_i)}{c_j}, \qquad c_j = \Big(\sum_i K_{ji}\Big)^2

    Wide sigma_features let predictions imitate the noise of neighbouring targets; narrow ones make it a robust loss of
    each item.

    Args:
        prediction: (n, k) predictions x; one number each has k = 1.
        target: (n, k) targets t.
        features: (n, f) what both are conditioned on.
        sigma_features: width of K, in the unit of the features.
        sigma: width of L, in the unit of the targets.
        denominator: "kde", or "official" for the released code's sum of K squared in place of c.
        weight: (n,) weights of the items, 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One value for the batch, in nats: 0 where every prediction is its target. It depends on the batch size.

    Raises:
        InputError: shapes that differ, a sigma that is not positive and finite, an unknown denominator.

    Example:
        >>> features, target = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [2.0]])
        >>> perdita.functional.conditional_cs_divergence(target + 1, target, features).item()
        0.72734...

    Source:
        Yu et al., "Cauchy-Schwarz Divergence Information Bottleneck for Regression", ICLR 2024, arXiv 2404.17951; from
        the released code and slides. The code has base-2 logarithms, and its housing script passes vectors where the
        kernels need columns: its divergence is then the sum of squared errors.
    """
    if not prediction.shape[0]:
        return prediction.sum()
    prediction, target, features = (keep(tensor, mask) for tensor in (prediction, target, features))
    own, some = log_weights(prediction, weight, mask)
    log_k = log_kernel(features, features, sigma_features)
    spread = (2 * log_k if denominator == "official" else log_k) + own
    log_c = torch.logsumexp(spread, 1) * (1 if denominator == "official" else 2)
    base = log_k + own + (own - log_c).unsqueeze(1)  # (n, n): j conditions, i is averaged

    def over(a: Tensor, b: Tensor) -> Tensor:
        return log_total(base + log_kernel(a, b, sigma))

    value = over(target, target) + over(prediction, prediction) - 2 * over(prediction, target)
    return torch.where(some, value, 0.0)
