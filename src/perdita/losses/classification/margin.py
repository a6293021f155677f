"""Hinge losses over classes: the score of a true class must lead that of every other class by a margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import pick
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("multi_margin_loss", "MultiMarginLoss"),
    traits=Traits(
        proper=False, convex=True, bounded=False, nonnegative=True, symmetric=False, shift_invariant=True,
        scale_invariant=False, differentiable=False,
    ),
    ranges={"p": Choice((1, 2)), "margin": Range(search=(0.1, 10.0), log=True)},
    domains={"class_weight": "nonnegative"},
)  # fmt: skip
def multi_margin(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    class_weight: Float[Tensor, "c"] | None = None,
    p: int = 1,
    margin: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""How much each wrong class lacks to a margin below the true class, to the power p, averaged over all classes.

    .. math:: \ell = \frac{w_y}{c} \sum_{k \ne y} \max(0, \text{margin} - z_y + z_k)^p

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y.
        class_weight: (c,) weight w of each class, 1 unless given; it does not enter the mean's denominator.
        p: 1 or 2.
        margin: the lead that costs nothing.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, another p, shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[1.0, 0.5, -1.0]])
        >>> perdita.functional.multi_margin(logits, torch.tensor([0])).item()
        0.16666...

    Source:
        Equal to torch.nn.functional.multi_margin_loss, where class_weight is called weight. Weston and Watkins,
        "Support Vector Machines for Multi-Class Pattern Recognition", ESANN 1999.
    """
    lack = torch.relu(margin - pick(logits, target).unsqueeze(1) + logits)  # (n, c, *d)
    values = put(lack if p == 1 else lack.square(), target, 0.0).sum(1) / logits.shape[1]
    return values if class_weight is None else values * class_weight[target.long()]


@loss(
    task="multilabel",
    aliases=("multilabel_margin_loss", "MultiLabelMarginLoss"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=False
    ),
    domains={"target": "indices"},
    cost=Cost(time="n c^2", memory="n c^2"),
)
def multilabel_margin(logits: Float[Tensor, "n c"], target: Int[Tensor, "n c"]) -> Float[Tensor, "n"]:
    r"""How much each class that does not apply lacks to a margin of 1 below each class that does, over c.

    .. math:: \ell = \frac{1}{c} \sum_{y \in Y} \sum_{k \notin Y} \max(0, 1 - z_y + z_k)

    Args:
        logits: (n, c) unnormalised scores z.
        target: (n, c) indices of the classes Y that apply, filled up with -1: what follows the first -1 is not read.

    Returns:
        (n,) non-negative values; 0 where no class applies, or all do.

    Raises:
        InputError: shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[0.0, 0.25, 0.5, 1.0]])
        >>> perdita.functional.multilabel_margin(logits, torch.tensor([[3, 0, -1, 1]])).item()
        0.875

    Source:
        Equal to torch.nn.functional.multilabel_margin_loss.
    """
    listed = (target >= 0).long().cumprod(1) == 1  # (n, c): the places before the first -1
    index = torch.where(listed, target, 0).long()
    classes = torch.arange(logits.shape[1], device=logits.device)
    applies = ((index.unsqueeze(2) == classes) & listed.unsqueeze(2)).any(1)  # (n, c)
    lack = torch.relu(1 - logits.gather(1, index).unsqueeze(2) + logits.unsqueeze(1))  # (n, place, class)
    counts = listed.unsqueeze(2) & ~applies.unsqueeze(1)
    return torch.where(counts, lack, 0.0).sum((1, 2)) / logits.shape[1]
