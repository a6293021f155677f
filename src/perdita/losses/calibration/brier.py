"""The Brier score: squared distance between predicted probabilities and what came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Range, Traits, loss
from perdita.core.numerics import as_distribution

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("brier_score", "quadratic_score"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": Range(0, 1, search=(0.0, 0.3))},
    ignore_index=-100,
)  # fmt: skip
def brier(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Squared distance between the softmax and the target, summed over classes.

    With p = softmax(logits) and t the target as a distribution:

    .. math:: \ell = \sum_k (p_k - t_k)^2

    A proper score that a sure mistake costs at most 2, where cross-entropy has no bound.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) values in [0, 2].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a smoothing outside [0, 1].

    Example:
        >>> perdita.functional.brier(torch.tensor([[0.0, 0.0]]), torch.tensor([0])).item()
        0.5

    Source:
        Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.
    """
    return (logits.softmax(1) - as_distribution(target, logits, label_smoothing)).square().sum(1)
