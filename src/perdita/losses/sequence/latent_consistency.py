"""Consistency of what a model foresees with what it later knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@loss(
    task="sequence",
    paper="multi-token",
    aliases=("latent_consistency_loss", "lcm_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"features": Choice(("mean", "sum"))},
    cost=Cost(time="n k d", memory="n k d"),
)
def latent_consistency(
    hidden: Float[Tensor, "n k d"],
    target: Float[Tensor, "n d"],
    *,
    features: str = "mean",
    mask: Bool[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Mean squared distance of several early states from the one state that they foresee.

    With z the target, which gets no gradient, and z_1, ..., z_k the states that predict the same token from fewer
    tokens, of which the set S counts:

    .. math:: \ell = \frac{1}{|S|} \sum_{j \in S} \mathrm{mean}_d\, (z - z_j)^2

    Args:
        hidden: (n, k, d) states at mask tokens.
        target: (n, d) state at the ordinary token; both before the last normalisation, or both after it.
        features: "mean" over d keeps the term at one size for every width; "sum" is the squared distance.
        mask: (n,) or (n, k); False leaves a state out of S.

    Returns:
        (n,) non-negative values; 0 where S is empty, which leaves the mean.

    Raises:
        InputError: shapes that do not fit, a ``features`` that is neither "mean" nor "sum".

    Example:
        >>> hidden, target = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]]), torch.zeros(1, 2)
        >>> perdita.functional.latent_consistency(hidden, target).item()  # mean of 5/2 and 0
        1.25

    Source:
        Samragh et al., "Your LLM Knows the Future", 2025, arXiv 2507.11851, equation 1, which prints (z - z_j)^2: the
        mean over features is a choice made here.
    """
    aim = target.detach().unsqueeze(1)
    if mask is None:
        distance = (hidden - aim).square()
        return (distance.mean(2) if features == "mean" else distance.sum(2)).mean(1)
    counted = mask.reshape(mask.shape + (1,) * (2 - mask.ndim)).expand(hidden.shape[:2])
    some = counted.any(1)
    aim = torch.where(some[:, None, None], aim, 0.0)
    distance = torch.where(counted.unsqueeze(2), hidden - aim, 0.0).square()
    each = distance.mean(2) if features == "mean" else distance.sum(2)
    return each.sum(1) / counted.sum(1).clamp(min=1), some
