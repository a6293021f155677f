"""Losses of a predicted box: one minus its overlap with the true box, and penalties that pull where nothing overlaps.

A box is (left, top, right, bottom). Two corners in another order stand for the same box.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core import Cost, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_COST = Cost(time="n", memory="n", passes=6)
_HELD = "the weight of the aspect term is held constant in the gradient, as the method demands"


class _Pair(NamedTuple):
    """What the losses of two boxes are made of."""

    overlap: Float[Tensor, "n"]  # intersection over union
    union: Float[Tensor, "n"]
    hull: Float[Tensor, "n 2"]  # sides of the smallest box that holds both
    offset: Float[Tensor, "n 2"]  # from centre to centre


def _compare(boxes: Float[Tensor, "n 4"], target: Float[Tensor, "n 4"]) -> _Pair:
    (low, high), (true_low, true_high) = _corners(boxes), _corners(target)
    shared = (torch.minimum(high, true_high) - torch.maximum(low, true_low)).clamp_min(0).prod(1)
    union = (high - low).prod(1) + (true_high - true_low).prod(1) - shared
    hull = torch.maximum(high, true_high) - torch.minimum(low, true_low)
    offset = (low + high - true_low - true_high) / 2
    return _Pair(_over(shared, union), union, hull, offset)


def _corners(boxes: Float[Tensor, "n 4"]) -> tuple[Float[Tensor, "n 2"], Float[Tensor, "n 2"]]:
    """The corner with the smaller coordinates, and the other."""
    first, second = boxes[:, :2], boxes[:, 2:]
    return torch.minimum(first, second), torch.maximum(first, second)


def _over(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, and 0 where the whole is."""
    nothing = whole <= 0
    return torch.where(nothing, 0.0, part / torch.where(nothing, 1.0, whole))


@loss(
    task="detection", paper="loss-metric-survey", aliases=("iou_loss",), cost=_COST,
    traits=Traits(bounded=True, nonnegative=True),
)  # fmt: skip
def box_iou(boxes: Float[Tensor, "n 4"], target: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    r"""One minus the intersection over union of two boxes.

    .. math:: \ell = 1 - \frac{|A \cap B|}{|A \cup B|}

    Boxes that do not touch are at distance 1 wherever they are: no gradient moves them.

    Args:
        boxes: (n, 4) predicted boxes A: left, top, right, bottom.
        target: (n, 4) true boxes B.

    Returns:
        (n,) values in [0, 1]; 1 for two empty boxes.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> perdita.functional.box_iou(boxes, torch.tensor([[0.0, 0.0, 2.0, 4.0]])).item()
        0.5

    Source:
        Terven et al., "A comprehensive survey of loss functions and metrics in deep learning", Artificial Intelligence
        Review 2025, arXiv 2307.02694.
    """
    return 1 - _compare(boxes, target).overlap


@loss(
    task="detection", paper="loss-metric-survey", aliases=("giou_loss", "giou"), cost=_COST,
    traits=Traits(bounded=True, nonnegative=True),
)  # fmt: skip
def generalized_box_iou(boxes: Float[Tensor, "n 4"], target: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    r"""One minus the intersection over union, plus the empty share of the box that holds both.

    With C the smallest box around A and B:

    .. math:: \ell = 1 - \frac{|A \cap B|}{|A \cup B|} + \frac{|C \setminus (A \cup B)|}{|C|}

    Args:
        boxes: (n, 4) predicted boxes A: left, top, right, bottom.
        target: (n, 4) true boxes B.

    Returns:
        (n,) values in [0, 2].

    Raises:
        InputError: shapes that differ.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
        >>> perdita.functional.generalized_box_iou(boxes, torch.tensor([[3.0, 0.0, 4.0, 1.0]])).item()
        1.5

    Source:
        Rezatofighi et al., "Generalized Intersection over Union", CVPR 2019, arXiv 1902.09630.
    """
    pair = _compare(boxes, target)
    area = pair.hull.prod(1)
    return 1 - pair.overlap + _over(area - pair.union, area)


@loss(
    task="detection", paper="loss-metric-survey", aliases=("diou_loss", "diou"), cost=_COST,
    traits=Traits(bounded=True, nonnegative=True),
)  # fmt: skip
def distance_box_iou(boxes: Float[Tensor, "n 4"], target: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    r"""One minus the intersection over union, plus the squared distance of the centres.

    With d the distance of the centres and c the diagonal of the smallest box around both:

    .. math:: \ell = 1 - \frac{|A \cap B|}{|A \cup B|} + \frac{d^2}{c^2}

    Args:
        boxes: (n, 4) predicted boxes A: left, top, right, bottom.
        target: (n, 4) true boxes B.

    Returns:
        (n,) values in [0, 2].

    Raises:
        InputError: shapes that differ.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> perdita.functional.distance_box_iou(boxes, torch.tensor([[2.0, 2.0, 4.0, 4.0]])).item()
        1.25

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, arXiv 1911.08287, equation 7.
    """
    pair = _compare(boxes, target)
    return 1 - pair.overlap + _over(pair.offset.square().sum(1), pair.hull.square().sum(1))


@loss(
    task="detection", paper="loss-metric-survey", aliases=("ciou_loss", "ciou"), cost=_COST,
    traits=Traits(bounded=True, nonnegative=True), limits={"gradcheck": _HELD, "gradgradcheck": _HELD},
)  # fmt: skip
def complete_box_iou(boxes: Float[Tensor, "n 4"], target: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    r"""The distance loss of two boxes, plus a term for the ratio of their sides.

    With w and h the sides of the predicted box and w', h' those of the true one:

    .. math:: \ell = 1 - \mathrm{IoU} + \frac{d^2}{c^2} + a v, \qquad
        v = \frac{4}{\pi^2} \Big(\arctan \frac{w'}{h'} - \arctan \frac{w}{h}\Big)^2, \qquad
        a = \frac{v}{1 - \mathrm{IoU} + v}

    No gradient flows through a, which weighs the ratio more the better the boxes overlap.

    Args:
        boxes: (n, 4) predicted boxes: left, top, right, bottom.
        target: (n, 4) true boxes.

    Returns:
        (n,) values in [0, 3].

    Raises:
        InputError: shapes that differ.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> perdita.functional.complete_box_iou(boxes, boxes).item()
        0.0

    Source:
        Zheng et al., "Distance-IoU Loss", AAAI 2020, arXiv 1911.08287, equations 8 to 11.
    """
    pair = _compare(boxes, target)
    distance = _over(pair.offset.square().sum(1), pair.hull.square().sum(1))
    ratio = (_angle(target) - _angle(boxes)).square() * (4 / math.pi**2)
    share = _over(ratio, 1 - pair.overlap + ratio).detach()
    return 1 - pair.overlap + distance + share * ratio


def _angle(boxes: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    """arctan(width / height); 0 for an empty box, whose ratio says nothing."""
    low, high = _corners(boxes)
    width, height = (high - low).unbind(1)
    empty = (width <= 0) | (height <= 0)
    return torch.where(empty, 0.0, torch.atan2(torch.where(empty, 1.0, width), torch.where(empty, 1.0, height)))
