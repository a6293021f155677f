"""Dice over the items of a batch as one set: a soft F1 score, for tagging with few positives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.reduction import align
from perdita.losses.imbalance.hard_negatives import hardest
from perdita.losses.imbalance.item_overlap import ALPHA, SMOOTH, faded, quotient

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="binary",
    paper="dice-nlp",
    aliases=("batch_dice", "set_level_dice"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False),
    ranges={"alpha": ALPHA, "smooth": SMOOTH, "square": Choice((False, True)), "hard_negatives": Range(0)},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n", passes=3),
)
def set_dice(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    alpha: float = 0.0,
    smooth: float = 1.0,
    square: bool = False,
    hard_negatives: float | None = None,
    weight: Float[Tensor, "n *d"] | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, ""]:
    r"""One minus the soft F1 score of a batch: Dice over all of its items as one set.

    With p = sigmoid(logits), y the target, w = (1 - p)^alpha p, and sums over all items:

    .. math:: \ell = 1 - \frac{2 \sum w y + \text{smooth}}{\sum w + \sum y + \text{smooth}}

    With square the denominator has \sum w^2 + \sum y^2. Of the paper's forms this is the one that helps on unbalanced
    data; taken item by item (`binary_self_adjusting_dice`) many negatives swamp the positives. It is for tagging, where
    one class matters: the batch should be large and hold positives. The value belongs to the batch: parts do not add up
    to it. For images, with a value each, take `binary_dice`; for a metric other than F1, `any_loss`.

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) labels 0 or 1.
        alpha: at least 0; how much items that are decided already fade. The released settings have 0.01; with 1 a
            positive is best at p = 1/2.
        smooth: at least 0, in items.
        square: whether the denominator has squares.
        hard_negatives: for each positive, how many of the negatives with the largest p count, whatever their weight;
            None leaves all.
        weight: (n,) up to (n, *d); how often an item counts.
        mask: (n,) up to (n, *d); items where it is False do not count.

    Returns:
        One value in [0, 1).

    Raises:
        InputError: a target other than 0 or 1, a negative alpha, smooth or hard_negatives.

    Example:
        >>> logits = torch.tensor([9.0, -9.0, 0.0])  # a hit, a right rejection, half a false alarm
        >>> perdita.functional.set_dice(logits, torch.tensor([1, 0, 0]), smooth=0.0).item()
        0.20009...

    Source:
        Li et al., "Dice Loss for Data-imbalanced NLP Tasks", ACL 2020, arXiv 1911.02855, as the released code has it
        for one class. Its selection of hard negatives is off by one; here the ratio means what it says.
    """
    truth = target.to(logits.dtype)
    share = torch.ones_like(logits) if weight is None else align(weight, logits.shape, "weight").expand_as(logits)
    share = share.to(logits.dtype)
    if mask is not None:
        counted = align(mask, logits.shape, "mask")
        share, logits, truth = (torch.where(counted, x, 0.0) for x in (share, logits, truth))
    if hard_negatives is not None:
        positive, counted = (x.unsqueeze(1) for x in (truth > 0, share > 0))
        share = share * hardest(logits.unsqueeze(1), positive, counted, hard_negatives).squeeze(1)
    found = faded(logits, alpha)
    sizes = found.square() + truth.square() if square else found + truth
    value = 1 - quotient(2 * (share * found * truth).sum() + smooth, (share * sizes).sum() + smooth)
    return torch.where(share.sum() == 0, (logits * 0).sum(), value)
