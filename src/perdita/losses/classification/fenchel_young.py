"""Fenchel-Young losses of maps from logits to probabilities that may be exactly 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


STEPS = 20  # of Newton's method from below; each divides excess times slope by four at least, and ten are seen at most


def support_of(
    logits: Float[Tensor, "n c *d"], mass_and_slope: Callable[[Tensor], tuple[Tensor, Tensor]]
) -> Bool[Tensor, "n c *d"]:
    """Where max(0, logits - threshold) is above 0 for the threshold at which its mass is one: no sort, no gradient."""
    still = logits.detach()
    threshold = still.amax(1, keepdim=True) - 1
    for _ in range(STEPS):
        mass, slope = mass_and_slope((still - threshold).relu())
        threshold = threshold + (mass - 1) / slope
    return still > threshold


def sum_and_count(left: Float[Tensor, "n c *d"]) -> tuple[Float[Tensor, "n 1 *d"], Float[Tensor, "n 1 *d"]]:
    """The sum over dimension 1, and how fast it falls with the threshold."""
    return left.sum(1, keepdim=True), left.sign().sum(1, keepdim=True)


def square_and_slope(left: Float[Tensor, "n c *d"]) -> tuple[Float[Tensor, "n 1 *d"], Float[Tensor, "n 1 *d"]]:
    """The sum of squares over dimension 1, and how fast it falls with the threshold."""
    return left.square().sum(1, keepdim=True), 2 * left.sum(1, keepdim=True)


def sparsemax_of(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """The nearest point of the probability simplex."""
    kept = support_of(logits, sum_and_count)
    threshold = (torch.where(kept, logits, 0.0).sum(1, keepdim=True) - 1) / kept.sum(1, keepdim=True)
    return (logits - threshold).relu()


def entmax_root_of(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """Square roots of the 1.5-entmax probabilities, max(0, z / 2 - threshold)."""
    half = logits / 2
    kept = support_of(half, square_and_slope)
    count, alone = kept.sum(1, keepdim=True).to(half.dtype), torch.where(kept, half, 0.0)
    mean = alone.sum(1, keepdim=True) / count
    left = 1 / count - alone.square().sum(1, keepdim=True) / count + mean.square()
    inside = left > 0
    threshold = mean - torch.where(inside, torch.where(inside, left, 1.0).sqrt(), 0.0)
    return (half - threshold).relu()


def square_entropy(probs: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """(1 - sum p^2) / 2, whose best response to logits is sparsemax."""
    return (1 - probs.square().sum(1)) / 2


def root_entropy(roots: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """4/3 (1 - sum p^{3/2}) from the square roots of p, whose best response to logits is 1.5-entmax."""
    return 4 / 3 * (1 - roots.pow(3).sum(1))


def at_target(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    label_smoothing: float,
    entropy: Callable[[Tensor], Tensor],
) -> Float[Tensor, "n *d"]:
    """The mean logit under the target plus the target's own entropy, which is 0 for a class index."""
    if not is_spread(target, label_smoothing):
        return pick(logits, target)
    truth = as_distribution(target, logits, label_smoothing)
    return (truth * logits).sum(1) + entropy(truth)


@loss(
    task="multiclass",
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=26),
    ignore_index=-100,
)  # fmt: skip
def sparsemax(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""The loss of sparsemax, whose probabilities are the point of the simplex nearest to the logits.

    With p the sparsemax of the logits z and t the target as a distribution:

    .. math:: \ell = \sum_k (p_k - t_k) z_k + \tfrac12 \sum_k (t_k^2 - p_k^2)

    The Fenchel-Young loss: the gradient is p - t, and the value exactly 0 where p is t, for a class index y where z_y
    exceeds all other logits by 1.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> perdita.functional.sparsemax(torch.tensor([[0.5, 0.0]]), torch.tensor([0])).item()
        0.0625

    Source:
        Martins, Astudillo, "From Softmax to Sparsemax", ICML 2016, arXiv 1602.02068; as a Fenchel-Young loss: Blondel,
        Martins, Niculae, JMLR 2020, arXiv 1901.02324.
    """
    logits = logits - logits.detach().amax(1, keepdim=True)
    probs = sparsemax_of(logits)
    highest = (probs * logits).sum(1) + square_entropy(probs)
    return highest - at_target(logits, target, label_smoothing, square_entropy)


@loss(
    task="multiclass",
    aliases=("entmax_15",),
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=27),
    ignore_index=-100,
)  # fmt: skip
def entmax15(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""The loss of 1.5-entmax, between softmax and sparsemax.

    With p = max(0, z / 2 - \tau)^2, \tau such that p sums to one, and t the target as a distribution:

    .. math:: \ell = \sum_k (p_k - t_k) z_k + \tfrac43 \sum_k (t_k^{3/2} - p_k^{3/2})

    The Fenchel-Young loss: the gradient is p - t, and the value exactly 0 where p is t, for a class index y where z_y
    exceeds all other logits by 2.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> perdita.functional.entmax15(torch.tensor([[0.0, 0.0]]), torch.tensor([0])).item()
        0.39052...

    Source:
        Peters, Niculae, Martins, "Sparse Sequence-to-Sequence Models", ACL 2019, arXiv 1905.05702.
    """
    logits = logits - logits.detach().amax(1, keepdim=True)
    root = entmax_root_of(logits)
    highest = (root.square() * logits).sum(1) + root_entropy(root)
    return highest - at_target(logits, target, label_smoothing, lambda probs: root_entropy(probs.sqrt()))
