"""Confidence that knows whether it is right: 1 where the prediction is correct, 0 where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.losses.calibration.rank_mixup import confidence

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def top_confidence(logits: Float[Tensor, "n c *d"], temperature: Float[Tensor, "n *d"] | None) -> Float[Tensor, "n *d"]:
    """The largest softmax probability of the logits over the temperature."""
    return confidence(logits if temperature is None else logits / temperature.unsqueeze(1))


def correctness(logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    """1 where the first of the largest logits is the target's; no temperature changes that."""
    return (logits.argmax(1) == target).to(logits.dtype)


@loss(
    task="multiclass",
    paper="calibration-correctness",
    aliases=("ca_loss", "top_label_brier"),
    traits=Traits(
        proper=False, classification_calibrated=False, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False,
    ),
    domains={"temperature": "positive"},
    ignore_index=-100,
)  # fmt: skip
def correctness_aware(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    temperature: Float[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Squared distance of the confidence from 1 where the prediction is right and from 0 where it is wrong.

    With T the temperature of an item, 1 unless given, and y its class:

    .. math:: \ell = \Big(\max_k \mathrm{softmax}(z / T)_k - [\arg\max_k z_k = y]\Big)^2

    It fits a calibrator of a frozen classifier, on items that trained neither: `perdita.nn.temperature` holds the
    paper's, which gives each item a temperature. It trains no classifier, since a wrong prediction with little
    confidence costs little. Its mean is the Brier score of the top label.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y.
        temperature: (n, *d) positive.

    Returns:
        (n, *d) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, a temperature that is not positive.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.correctness_aware(logits, torch.tensor([1])).item()
        0.77580...

    Source:
        Liu, Wang, Zou, Zou, Zheng, "Optimizing Calibration by Gaining Aware of Prediction Correctness", 2024,
        arXiv 2404.13016; from the authors' code, the paper's own equations were not seen.
    """
    return (top_confidence(logits, temperature) - correctness(logits, target)).square()


@loss(
    task="multiclass",
    paper="calibration-correctness",
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False),
    domains={"temperature": "positive"},
    cost=Cost(passes=4),
    ignore_index=-100,
    rowwise=False,
)
def balanced_correctness_aware(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    temperature: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""`correctness_aware` with right and wrong predictions of a batch weighing equally.

    With a the share of the batch's predictions that are right, and c = 1 where an item's is, else 0:

    .. math:: \ell = w \cdot \text{correctness\_aware}, \qquad w = c\,(1 - a) + (1 - c)\, a

    and the mean divides by the sum of w. Where all are right or all are wrong, w is 1. The weights pretend that one
    prediction in two is right, so that a calibrator fitted to the end is badly calibrated; it is here because the
    authors' code has it, whose small learning rate hides this.

    Args:
        logits: (n, c) unnormalised scores.
        target: (n,) class indices.
        temperature: (n,) positive.
        mask: (n,); items where it is False count nowhere.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, a temperature that is not positive.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
        >>> perdita.functional.balanced_correctness_aware(logits, torch.tensor([0, 0, 1])).item()
        0.39500...

    Source:
        Liu, Wang, Zou, Zou, Zheng, 2024, arXiv 2404.13016, as in the authors' code.
    """
    counted = torch.ones_like(target, dtype=torch.bool) if mask is None else mask
    logits = torch.where(counted.unsqueeze(1), logits, 0.0)
    temperature = None if temperature is None else torch.where(counted, temperature, 1.0)
    right = correctness(logits, torch.where(counted, target, 0)) * counted
    share = right.sum() / counted.sum().clamp_min(1)
    even = (share > 0) & (share < 1)
    weight = torch.where(even, right * (1 - share) + (1 - right) * share, 1.0)
    return weight * (top_confidence(logits, temperature) - right).square(), weight  # type: ignore[return-value]
