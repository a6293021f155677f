"""Fenchel-Young losses of maps from logits to probabilities that may be exactly 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.core.apply import may_look
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


STEPS = 20  # of Newton's method from below; each divides excess times slope by four at least, and ten are seen at most


def threshold_of(
    logits: Float[Tensor, "n c *d"], mass_and_slope: Callable[[Tensor], tuple[Tensor, Tensor]]
) -> Float[Tensor, "n 1 *d"]:
    """The threshold at which the mass of max(0, logits - threshold) is one: no sort, no gradient.

    Where values may be read, the search ends as soon as no row's mass is above one; elsewhere every step is taken.
    ``mass_and_slope`` may write over what it is given.
    """
    still = logits.detach()
    threshold = still.amax(1, keepdim=True) - 1
    watched, enough = may_look({"logits": still}), 1 + 16 * torch.finfo(still.dtype).eps
    for _ in range(STEPS):
        mass, slope = mass_and_slope((still - threshold).relu_())
        threshold = threshold + (mass - 1) / slope
        if watched and bool((mass <= enough).all()):
            break
    return threshold


def sum_and_count(left: Float[Tensor, "n c *d"]) -> tuple[Float[Tensor, "n 1 *d"], Float[Tensor, "n 1 *d"]]:
    """The sum over dimension 1, and how fast it falls with the threshold."""
    return left.sum(1, keepdim=True), left.sign_().sum(1, keepdim=True)


def square_and_slope(left: Float[Tensor, "n c *d"]) -> tuple[Float[Tensor, "n 1 *d"], Float[Tensor, "n 1 *d"]]:
    """The sum of squares over dimension 1, and how fast it falls with the threshold."""
    slope = 2 * left.sum(1, keepdim=True)
    return left.square_().sum(1, keepdim=True), slope


def above(
    logits: Float[Tensor, "n c *d"], threshold: Float[Tensor, "n 1 *d"]
) -> tuple[Float[Tensor, "n c *d"], Float[Tensor, "n *d"]]:
    """How far logits are above a threshold, 0 for the others, and how many are."""
    kept = logits.detach() > threshold
    return torch.where(kept, logits - threshold, 0.0), kept.sum(1).to(logits.dtype)


def sparsemax_conjugate(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    r"""max over p of <p, z> + (1 - sum p^2) / 2, whose gradient is sparsemax.

    Of the k logits that are x above a threshold, and so for any threshold that parts them from the others, it is
    threshold + 1/2 + (sum x^2 - (sum x - 1)^2 / k) / 2: derivatives of every order need no derivative of the threshold.
    """
    threshold = threshold_of(logits, sum_and_count)
    left, count = above(logits, threshold)
    return threshold.squeeze(1) + 0.5 + 0.5 * (left.square().sum(1) - (left.sum(1) - 1).square() / count)


def entmax_conjugate(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    r"""max over p of <p, z> + 4/3 (1 - sum p^{3/2}), whose gradient is 1.5-entmax.

    At the solution p = r^2 and z / 2 = r + its threshold, so it is 2 threshold + 4/3 + 2/3 sum r^3; threshold and sum
    come from the first three moments of the k logits above a threshold that parts them from the others.
    """
    half = logits / 2
    threshold = threshold_of(half, square_and_slope)
    left, count = above(half, threshold)
    squares = left.square()
    mean, second, third = left.sum(1) / count, squares.sum(1), (squares * left).sum(1)
    spread = second - count * mean.square()  # around the mean, as is the third moment below
    rest = (1 - spread) / count
    inside = rest > 0
    gap = torch.where(inside, torch.where(inside, rest, 1.0).sqrt(), 0.0)
    cubes = third - 3 * mean * second + 2 * count * mean.pow(3) + 3 * gap * spread + count * gap.pow(3)
    return 2 * (threshold.squeeze(1) + mean - gap) + 4 / 3 + 2 / 3 * cubes


def square_entropy(probs: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """(1 - sum p^2) / 2, whose best response to logits is sparsemax."""
    return (1 - probs.square().sum(1)) / 2


def root_entropy(probs: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """4/3 (1 - sum p^{3/2}), whose best response to logits is 1.5-entmax."""
    return 4 / 3 * (1 - probs.pow(1.5).sum(1))


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
    cost=Cost(passes=14),
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
    return sparsemax_conjugate(logits) - at_target(logits, target, label_smoothing, square_entropy)


@loss(
    task="multiclass",
    aliases=("entmax_15",),
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=17),
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
    return entmax_conjugate(logits) - at_target(logits, target, label_smoothing, root_entropy)
