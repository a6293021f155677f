"""Overlaps that count a missed pixel and a false alarm differently, and the Jaccard index: one value for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution
from perdita.losses.segmentation.overlap import SMOOTH, inside, pixels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

_PRICE = Range(0, search=(0.1, 1.0))
_BINARY = Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False)
_CLASSES = Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False)


def tversky_distance(
    probs: Float[Tensor, "*n p"],
    truth: Float[Tensor, "*n p"],
    false_alarms: float,
    misses: float,
    smooth: float,
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """One minus the Tversky index of two fuzzy regions over the last dimension, and the size of the true one.

    The regions share min(p, t); p - t beyond it is false alarm, t - p is missed. Two empty regions are at distance 0.
    """
    excess = false_alarms * (probs - truth).clamp_min(0).sum(-1) + misses * (truth - probs).clamp_min(0).sum(-1)
    total = torch.minimum(probs, truth).sum(-1) + excess + smooth
    return excess / torch.where(total == 0, 1.0, total), truth.sum(-1)


def focus_on_hard(distance: Float[Tensor, "*n"], focus: float) -> Float[Tensor, "*n"]:
    """distance ** focus, whose gradient at 0 is 0 where it would be infinite."""
    if focus == 1:
        return distance
    zero = distance == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, distance) ** focus)


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    aliases=("tversky_loss", "focal_tversky"),
    traits=_CLASSES,
    ranges={
        "false_alarms": _PRICE, "misses": _PRICE, "focus": Range(0, open="low", search=(0.5, 2.0)), "smooth": SMOOTH,
        "classes": Choice(("all", "present")),
    },
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def tversky(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    false_alarms: float = 0.3,
    misses: float = 0.7,
    focus: float = 1.0,
    smooth: float = 1.0,
    classes: str = "all",
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the Tversky index of each class's pixels, averaged over classes: one value for each image.

    With p = softmax(logits) over dimension 1, t the target as a distribution, and sums over the pixels of one image,
    TP = \sum min(p_k, t_k), FP = \sum max(p_k - t_k, 0) and FN = \sum max(t_k - p_k, 0):

    .. math:: \ell = \frac{1}{|K|} \sum_{k \in K} \Big( \frac{\text{false\_alarms}\,FP + \text{misses}\,FN}
        {TP + \text{false\_alarms}\,FP + \text{misses}\,FN + \text{smooth}} \Big)^{\text{focus}}

    For class indices TP is the usual \sum p_k t_k. With false_alarms = misses = 1/2 it is Dice, with both 1 the Jaccard
    distance, `jaccard`; with focus other than 1 it is focal Tversky.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        false_alarms: price of a pixel that is claimed falsely.
        misses: price of a pixel that is missed; above false_alarms for small regions.
        focus: power of a region's distance, above 0; focal Tversky has 3/4.
        smooth: at least 0, in pixels; it softens the loss of small regions.
        classes: "all" or "present", those with any true pixel in the image.
        mask: (n,) or (n, *d); pixels where it is False leave every sum, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, hyper-parameters out of range.

    Example:
        >>> logits = torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]])  # two classes, two pixels
        >>> perdita.functional.tversky(logits, torch.tensor([[0, 0]]), smooth=0.0).item()
        0.70588...

    Source:
        Salehi, Erdogmus, Gholipour, "Tversky loss function", MLMI 2017, arXiv 1706.05721, equation 4. Focal: Abraham
        and Khan, ISBI 2019, arXiv 1810.07842, equation 5.
    """
    counted = inside(mask, logits[:, 0])  # (n, *d)
    every = counted.unsqueeze(1)
    probs = torch.where(every, torch.where(every, logits, 0.0).softmax(1), 0.0)
    truth = torch.where(every, as_distribution(target, logits), 0.0)
    distance, size = tversky_distance(pixels(probs, 2), pixels(truth, 2), false_alarms, misses, smooth)  # (n, c)
    distance = focus_on_hard(distance, focus)
    chosen = (size > 0).to(distance.dtype) if classes == "present" else torch.ones_like(distance)
    values = (distance * chosen).sum(1) / chosen.sum(1).clamp_min(1.0)
    return values if mask is None else (values, pixels(counted, 1).any(1))


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    aliases=("binary_focal_tversky",),
    traits=_BINARY,
    ranges={
        "false_alarms": _PRICE, "misses": _PRICE, "focus": Range(0, open="low", search=(0.5, 2.0)), "smooth": SMOOTH,
    },
    domains={"target": "unit"},
    cost=Cost(time="n", memory="n", passes=5),
)  # fmt: skip
def binary_tversky(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    false_alarms: float = 0.3,
    misses: float = 0.7,
    focus: float = 1.0,
    smooth: float = 1.0,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the Tversky index of one foreground class: one value for each image.

    `tversky` for the foreground alone. With p = sigmoid(logits), and TP, FP and FN the sums of min(p, t), max(p - t, 0)
    and max(t - p, 0) over all numbers of one image:

    .. math:: \ell = \Big( \frac{\text{false\_alarms}\,FP + \text{misses}\,FN}
        {TP + \text{false\_alarms}\,FP + \text{misses}\,FN + \text{smooth}} \Big)^{\text{focus}}

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) numbers in [0, 1].
        false_alarms: price of a pixel that is claimed falsely.
        misses: price of a pixel that is missed.
        focus: power of the distance, above 0.
        smooth: at least 0, in pixels.
        mask: (n,) or (n, *d); pixels where it is False leave every sum, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: a target outside [0, 1], hyper-parameters out of range.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, -9.0]])
        >>> perdita.functional.binary_tversky(logits, torch.tensor([[1.0, 0.0, 0.0]]), smooth=0.0).item()
        0.2308...

    Source:
        As `tversky`.
    """
    counted = inside(mask, logits)
    probs = torch.where(counted, torch.where(counted, logits, 0.0).sigmoid(), 0.0)
    truth = torch.where(counted, target.to(logits.dtype), 0.0)
    values = tversky_distance(pixels(probs, 1), pixels(truth, 1), false_alarms, misses, smooth)[0]
    values = focus_on_hard(values, focus)
    return values if mask is None else (values, pixels(counted, 1).any(1))


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    aliases=("soft_iou", "iou", "jaccard_loss"),
    traits=_CLASSES,
    ranges={"smooth": SMOOTH, "classes": Choice(("all", "present"))},
    cost=Cost(passes=5),
    ignore_index=-100,
)
def jaccard(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    smooth: float = 1.0,
    classes: str = "all",
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the soft intersection over union of each class's pixels: one value for each image.

    With p = softmax(logits) over dimension 1, t the target as a distribution, and sums over the pixels of one image:

    .. math:: \ell = \frac{1}{|K|} \sum_{k \in K} \frac{\sum |p_k - t_k|}{\sum \max(p_k, t_k) + \text{smooth}}

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        smooth: at least 0, in pixels; it softens the loss of small regions.
        classes: "all" or "present", those with any true pixel in the image.
        mask: (n,) or (n, *d); pixels where it is False leave every sum, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a negative smooth.

    Example:
        >>> logits = torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]])  # two classes, two pixels
        >>> perdita.functional.jaccard(logits, torch.tensor([[0, 0]]), smooth=0.0).item()
        0.75...

    Source:
        Rahman and Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", ISVC 2016.
        For soft targets: Wang et al., "Jaccard Metric Losses", NeurIPS 2023, arXiv 2302.05666.
    """
    return tversky.per_example(logits, target, false_alarms=1.0, misses=1.0, smooth=smooth, classes=classes, mask=mask)


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    aliases=("binary_soft_iou",),
    traits=_BINARY,
    ranges={"smooth": SMOOTH},
    domains={"target": "unit"},
    cost=Cost(time="n", memory="n", passes=5),
)
def binary_jaccard(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    smooth: float = 1.0,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the soft intersection over union of one foreground class: one value for each image.

    With p = sigmoid(logits) and sums over all numbers of one image:

    .. math:: \ell = \frac{\sum |p - t|}{\sum \max(p, t) + \text{smooth}}

    Args:
        logits: (n, *d) unnormalised scores.
        target: (n, *d) numbers in [0, 1].
        smooth: at least 0, in pixels.
        mask: (n,) or (n, *d); pixels where it is False leave every sum, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: a target outside [0, 1], a negative smooth.

    Example:
        >>> logits = torch.tensor([[9.0, 9.0, -9.0]])
        >>> perdita.functional.binary_jaccard(logits, torch.tensor([[1.0, 0.0, 0.0]]), smooth=0.0).item()
        0.5000...

    Source:
        As `jaccard`.
    """
    return binary_tversky.per_example(logits, target, false_alarms=1.0, misses=1.0, smooth=smooth, mask=mask)
