"""The information that a representation keeps of its features, and the bottleneck that limits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Range, Traits, loss
from perdita.losses.distribution.cauchy_schwarz import (
    DENOMINATOR,
    PAIRS,
    SIGMA,
    conditional_cs_divergence,
    keep,
    log_kernel,
    log_total,
    log_weights,
)

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_EPS = 1e-15  # under the root that normalises information


@loss(
    task="distribution",
    paper="cs-ib",
    aliases=("cs_qmi", "quadratic_mutual_information"),
    traits=Traits(nonnegative=True),
    ranges={"sigma": SIGMA, "sigma_features": SIGMA},
    cost=PAIRS,
)
def cs_mutual_information(
    representation: Float[Tensor, "n r"],
    features: Float[Tensor, "n f"],
    *,
    sigma: float = 1.0,
    sigma_features: float = 1.0,
    normalized: bool = False,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Cauchy-Schwarz divergence between a joint density and the product of its margins.

    With Gaussian kernels K of the features and T of the representation:

    .. math:: I = \log \frac{\sum_{ij} K_{ij} T_{ij}}{n^2} + \log \frac{\sum_{ij} K_{ij} \sum_{ij} T_{ij}}{n^4}
        - 2 \log \frac{\sum_i \sum_j K_{ij} \sum_k T_{ik}}{n^3}

    Where normalized, I(features; representation) is divided by the root of I(features; features) times
    I(representation; representation).

    Args:
        representation: (n, r) what the network makes of the features.
        features: (n, f) features.
        sigma: width of T, in the unit of the representation.
        sigma_features: width of K, in the unit of the features.
        normalized: whether to divide by the root of both informations of a variable about itself.
        weight: (n,) weights of the items, 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One non-negative value for the batch, in nats unless normalized; 0 where one of both is constant.

    Raises:
        InputError: shapes that differ, a sigma that is not positive and finite.

    Example:
        >>> x = torch.tensor([[0.0], [3.0]])
        >>> round(perdita.functional.cs_mutual_information(x, x, normalized=True).item(), 4)
        1.0

    Source:
        Yu et al., "Cauchy-Schwarz Divergence Information Bottleneck for Regression", ICLR 2024, arXiv 2404.17951; from
        the released code, which has base-2 logarithms.
    """
    if not representation.shape[0]:
        return representation.sum()
    own, some = log_weights(representation, weight, mask)
    log_t = log_kernel(*[keep(representation, mask)] * 2, sigma)
    log_k = log_kernel(*[keep(features, mask)] * 2, sigma_features)
    value = _information(log_k, log_t, own)
    if normalized:
        both = _information(log_k, log_k, own) * _information(log_t, log_t, own)
        value = value / (both.clamp_min(0) + _EPS).sqrt()
    return torch.where(some, value, 0.0)


@loss(
    task="regression",
    paper="cs-ib",
    ranges={
        "beta": Range(0, search=(1e-4, 1.0), log=True),
        "sigma_features": SIGMA,
        "sigma": SIGMA,
        "sigma_representation": SIGMA,
        "denominator": DENOMINATOR,
    },
    cost=PAIRS,
)
def cs_information_bottleneck(
    prediction: Float[Tensor, "n k"],
    target: Float[Tensor, "n k"],
    features: Float[Tensor, "n f"],
    representation: Float[Tensor, "n r"],
    *,
    beta: float = 0.01,
    sigma_features: float = 1.0,
    sigma: float = 1.0,
    sigma_representation: float = 1.0,
    denominator: str = "kde",
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Divergence of predictions from targets, plus the information that a representation keeps of the features.

    .. math:: \ell = D_{CS}(t; x \mid \text{features})
        + \text{beta} \cdot I_{CS}^{\text{normalized}}(\text{features}; \text{representation})

    Args:
        prediction: (n, k) predictions x; one number each has k = 1.
        target: (n, k) targets t.
        features: (n, f) features.
        representation: (n, r) the bottleneck from which the prediction is made.
        beta: weight of the second term, at least 0.
        sigma_features: width of the kernel of the features.
        sigma: width of the kernel of targets and predictions.
        sigma_representation: width of the kernel of the representation.
        denominator: "kde" or "official", as in `conditional_cs_divergence`.
        weight: (n,) weights of the items, 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One value for the batch, in nats. It depends on the batch size.

    Raises:
        InputError: shapes that differ, a sigma that is not positive and finite, a negative beta.

    Example:
        >>> x = torch.tensor([[0.0], [3.0]])
        >>> round(perdita.functional.cs_information_bottleneck(x, x, x, x, beta=0.5).item(), 4)
        0.5

    Source:
        Yu et al., "Cauchy-Schwarz Divergence Information Bottleneck for Regression", ICLR 2024, arXiv 2404.17951; from
        the released code, whose published housing runs minimise the sum of squared errors in place of the divergence.
    """
    shared = {"sigma_features": sigma_features, "weight": weight, "mask": mask}
    fit = conditional_cs_divergence.per_example(
        prediction, target, features, sigma=sigma, denominator=denominator, **shared
    )
    kept = cs_mutual_information.per_example(
        representation, features, sigma=sigma_representation, normalized=True, **shared
    )
    return fit + beta * kept


def _information(
    log_k: Float[Tensor, "n n"], log_t: Float[Tensor, "n n"], own: Float[Tensor, "n"]
) -> Float[Tensor, ""]:
    """I of two log-kernels; the powers of the total weight cancel. Row sums make the third term quadratic in n."""
    pairs = own + own.unsqueeze(1)
    rows_k, rows_t = torch.logsumexp(log_k + own, 1), torch.logsumexp(log_t + own, 1)
    joint, apart = log_total(log_k + log_t + pairs), log_total(rows_k + own) + log_total(rows_t + own)
    return joint + apart - 2 * log_total(rows_k + rows_t + own)
