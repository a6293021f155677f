"""Losses that measure how far two regions overlap: one value for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

SMOOTH = Range(0, search=(1e-5, 10.0), log=True)


def dice_distance(
    probs: Float[Tensor, "*n p"], truth: Float[Tensor, "*n p"], smooth: float
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """The Dice distance of two fuzzy regions over the last dimension, and the size of the true one.

    Twice the overlap of two fuzzy regions is |p| + |t| - |p - t|, so 1 - (overlap + smooth) / (|p| + |t| + smooth)
    is what is returned; two empty regions are at distance 0.
    """
    size = truth.sum(-1)
    total = probs.sum(-1) + size + smooth
    return (probs - truth).abs().sum(-1) / torch.where(total == 0, 1.0, total), size


def inside(
    mask: Bool[Tensor, "n *d"] | Bool[Tensor, "n"] | None, values: Float[Tensor, "n *d"]
) -> Bool[Tensor, "n *d"]:
    """The mask at every pixel; an image's mask speaks for all of its pixels."""
    if mask is None:
        return torch.ones_like(values, dtype=torch.bool)
    return mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim)).expand_as(values)


def pixels(values: Tensor, axis: int) -> Tensor:
    """All dimensions from ``axis`` on as one, which has size 1 where there are none."""
    return values.unsqueeze(-1).flatten(axis)


@loss(
    task="segmentation",
    aliases=("dice_loss", "soft_dice"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False),
    ranges={"smooth": SMOOTH, "classes": Choice(("all", "present"))},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def dice(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    smooth: float = 1.0,
    classes: str = "all",
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the soft Dice overlap of each class's pixels, averaged over classes: one value for each image.

    With p = softmax(logits) over dimension 1, t the target as a distribution, and sums over the pixels of one image:

    .. math:: \ell = \frac{1}{|K|} \sum_{k \in K} \frac{\sum |p_k - t_k|}{\sum p_k + \sum t_k + \text{smooth}}

    For class indices each term is the usual 1 - (2 \sum p_k t_k + smooth) / (\sum p_k + \sum t_k + smooth). For soft
    targets the overlap is that of fuzzy sets, so that p = t gives 0 there too. K holds all classes, or with
    classes="present" those with any true pixel in the image. A region that is empty in truth and prediction gives 0.

    Every image counts alike (Dice over each image, then the mean), so no value depends on how images are batched.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        smooth: at least 0, in pixels; it softens the loss of small regions.
        classes: "all" or "present".
        mask: (n,) or (n, *d); pixels where it is False leave every sum, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a negative smooth.

    Example:
        >>> logits = torch.tensor([[[9.0, -9.0], [-9.0, 9.0]]])  # two classes, two pixels
        >>> perdita.functional.dice(logits, torch.tensor([[0, 0]]), smooth=0.0).item()
        0.66666...

    Source:
        Soft Dice: Milletari et al., "V-Net", 3DV 2016, arXiv 1606.04797, without the squares. For soft targets:
        Wang et al., "Dice Semimetric Losses", MICCAI 2023, arXiv 2303.16296.
    """
    counted = inside(mask, logits[:, 0])  # (n, *d)
    every = counted.unsqueeze(1)
    probs = torch.where(every, torch.where(every, logits, 0.0).softmax(1), 0.0)
    truth = torch.where(every, as_distribution(target, logits), 0.0)
    distance, size = dice_distance(pixels(probs, 2), pixels(truth, 2), smooth)  # (n, c)
    chosen = (size > 0).to(distance.dtype) if classes == "present" else torch.ones_like(distance)
    values = (distance * chosen).sum(1) / chosen.sum(1).clamp_min(1.0)
    return values if mask is None else (values, pixels(counted, 1).any(1))


@loss(
    task="segmentation",
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=False, scale_invariant=False),
    ranges={"smooth": SMOOTH},
    domains={"target": "unit"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_dice(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    smooth: float = 1.0,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""One minus the soft Dice overlap of one foreground class: one value for each image.

    With p = sigmoid(logits) and sums over all numbers of one image:

    .. math:: \ell = \frac{\sum |p - t|}{\sum p + \sum t + \text{smooth}}

    It is `dice` for the foreground alone; an image that is empty in truth and prediction gives 0.

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
        >>> perdita.functional.binary_dice(logits, torch.tensor([[1.0, 0.0, 0.0]]), smooth=0.0).item()
        0.33338...

    Source:
        As `dice`.
    """
    counted = inside(mask, logits)
    probs = torch.where(counted, torch.where(counted, logits, 0.0).sigmoid(), 0.0)
    truth = torch.where(counted, target.to(logits.dtype), 0.0)
    values = dice_distance(pixels(probs, 1), pixels(truth, 1), smooth)[0]
    return values if mask is None else (values, pixels(counted, 1).any(1))
