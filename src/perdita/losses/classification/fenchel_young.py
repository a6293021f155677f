"""Fenchel-Young losses of maps from logits to probabilities that may be exactly 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.core.numerics import pick

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def ranks(like: Float[Tensor, "n c *d"]) -> Float[Tensor, "1 c *d"]:
    """1, 2, …, c along dimension 1."""
    return torch.arange(1, like.shape[1] + 1, dtype=like.dtype, device=like.device).view(1, -1, *[1] * (like.ndim - 2))


def sparsemax_of(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """The nearest point of the probability simplex."""
    ordered = logits.sort(1, descending=True).values
    threshold = (ordered.cumsum(1) - 1) / ranks(logits)  # if the k largest were all that is left
    kept = (ordered > threshold).sum(1, keepdim=True).clamp_min(1)
    return (logits - threshold.gather(1, kept - 1)).relu()


def entmax_root_of(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """Square roots of the 1.5-entmax probabilities, max(0, z / 2 - threshold)."""
    ordered = (logits / 2).sort(1, descending=True).values
    rank = ranks(logits)
    mean, square = ordered.cumsum(1) / rank, ordered.square().cumsum(1) / rank
    left = (1 - rank * (square - mean.square())) / rank
    inside = left > 0
    threshold = mean - torch.where(inside, torch.where(inside, left, 1.0).sqrt(), 0.0)
    kept = (ordered >= threshold).sum(1, keepdim=True).clamp_min(1)
    return (logits / 2 - threshold.gather(1, kept - 1)).relu()


@loss(
    task="multiclass",
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    cost=Cost(time="n c log c", passes=6),
    ignore_index=-100,
)  # fmt: skip
def sparsemax(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""The loss of sparsemax, whose probabilities are the point of the simplex nearest to the logits.

    With p the sparsemax of the logits z and y the target:

    .. math:: \ell = \sum_k p_k z_k - z_y + \tfrac12 \Big(1 - \sum_k p_k^2\Big)

    The gradient is p minus the target's indicator. The value is exactly 0 where z_y exceeds all other logits by 1.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1.

    Example:
        >>> perdita.functional.sparsemax(torch.tensor([[0.5, 0.0]]), torch.tensor([0])).item()
        0.0625

    Source:
        Martins, Astudillo, "From Softmax to Sparsemax", ICML 2016, arXiv 1602.02068; as a Fenchel-Young loss: Blondel,
        Martins, Niculae, JMLR 2020, arXiv 1901.02324.
    """
    logits = logits - logits.detach().amax(1, keepdim=True)
    probs = sparsemax_of(logits)
    return (probs * logits).sum(1) - pick(logits, target) + (1 - probs.square().sum(1)) / 2


@loss(
    task="multiclass",
    aliases=("entmax_15",),
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    cost=Cost(time="n c log c", passes=7),
    ignore_index=-100,
)  # fmt: skip
def entmax15(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""The loss of 1.5-entmax, between softmax and sparsemax.

    With p = max(0, z / 2 - \tau)^2, \tau such that p sums to one, and y the target:

    .. math:: \ell = \sum_k p_k z_k - z_y + \tfrac43 \Big(1 - \sum_k p_k^{3/2}\Big)

    The gradient is p minus the target's indicator. The value is exactly 0 where z_y exceeds all other logits by 2.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1.

    Example:
        >>> perdita.functional.entmax15(torch.tensor([[0.0, 0.0]]), torch.tensor([0])).item()
        0.39052...

    Source:
        Peters, Niculae, Martins, "Sparse Sequence-to-Sequence Models", ACL 2019, arXiv 1905.05702.
    """
    logits = logits - logits.detach().amax(1, keepdim=True)
    root = entmax_root_of(logits)
    return (root.square() * logits).sum(1) - pick(logits, target) + 4 / 3 * (1 - root.pow(3).sum(1))
