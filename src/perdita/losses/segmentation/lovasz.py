"""The convex extension of the Jaccard index to errors that are numbers: one value for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Traits, loss
from perdita.core.numerics import most_negative, one_hot
from perdita.losses.segmentation.overlap import inside, pixels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

_SORTED = Cost(time="n log n", memory="n", passes=6)


def lovasz_extension(errors: Float[Tensor, "*n p"], truth: Float[Tensor, "*n p"]) -> Float[Tensor, "*n"]:
    r"""\sum_i max(e_i, 0) (J_i - J_{i-1}), with the errors e in descending order.

    J_i is the Jaccard distance of the truth from the truth with the first i pixels changed. Ties keep their places.
    """
    order = errors.argsort(dim=-1, descending=True, stable=True)
    ranked, wanted = errors.gather(-1, order), truth.gather(-1, order)
    size = wanted.sum(-1, keepdim=True)
    kept, grown = size - wanted.cumsum(-1), size + (1 - wanted).cumsum(-1)
    distance = 1 - kept / grown.clamp_min(1)  # a union of no pixel is one of no error
    steps = torch.cat([distance[..., :1], distance.diff(dim=-1)], -1)
    return (ranked.clamp_min(0) * steps).sum(-1)


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    domains={"target": "binary"},
    cost=_SORTED,
)
def lovasz_hinge(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""The Lovász extension of the Jaccard distance, on the hinge errors of one foreground class.

    With s = 2 t - 1, the errors e = 1 - s z of the pixels of one image in descending order, and J_i the Jaccard
    distance of the true region from itself with the first i pixels changed:

    .. math:: \ell = \sum_i \max(e_i, 0)\,(J_i - J_{i-1})

    Args:
        logits: (n, *d) scores z; positive ones predict the foreground.
        target: (n, *d) 0 or 1.
        mask: (n,) or (n, *d); pixels where it is False count nowhere, an image without pixels leaves the mean.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a target that is neither 0 nor 1.

    Example:
        >>> perdita.functional.lovasz_hinge(torch.tensor([[2.0, 0.0]]), torch.tensor([[1, 0]])).item()
        0.5

    Source:
        Berman, Rannen Triki, Blaschko, "The Lovász-Softmax loss", CVPR 2018, arXiv 1705.08790, equation 9.
    """
    counted = pixels(inside(mask, logits), 1)
    truth = torch.where(counted, pixels(target.to(logits.dtype), 1), 0.0)
    scores = torch.where(counted, pixels(logits, 1), 0.0)
    errors = torch.where(counted, 1 - (2 * truth - 1) * scores, most_negative(logits.dtype))  # the last of all
    values = lovasz_extension(errors, truth)
    return values if mask is None else (values, counted.any(1))


@loss(
    task="segmentation",
    paper="loss-metric-survey",
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False),
    ranges={"classes": Choice(("present", "all"))},
    cost=Cost(time="n c log n", memory="n c", passes=8),
    ignore_index=-100,
)
def lovasz_softmax(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    classes: str = "present",
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""The Lovász extension of each class's Jaccard distance, on the errors of the probabilities.

    With p = softmax(logits), the errors e = |[y = k] - p_k| of the pixels of one image in descending order, and J_i the
    Jaccard distance of the true region from itself with the first i pixels changed:

    .. math:: \ell = \frac{1}{|K|} \sum_{k \in K} \sum_i e_i\,(J_i - J_{i-1})

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y.
        classes: "present", those with any true pixel in the image, or "all".
        mask: (n,) or (n, *d); pixels where it is False count nowhere, an image without pixels leaves the mean.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: labels outside 0..c-1.

    Example:
        >>> logits = torch.tensor([[[0.0, 0.0], [0.0, 0.0]]])  # two classes, two pixels
        >>> perdita.functional.lovasz_softmax(logits, torch.tensor([[0, 1]])).item()
        0.5

    Source:
        Berman, Rannen Triki, Blaschko, "The Lovász-Softmax loss", CVPR 2018, arXiv 1705.08790, equation 11.
    """
    counted = inside(mask, logits[:, 0])
    every = counted.unsqueeze(1)
    probs = torch.where(every, logits, 0.0).softmax(1)
    truth = torch.where(every, one_hot(target, logits), 0.0)
    errors = torch.where(every, (truth - probs).abs(), -1.0)  # the last of all
    distance = lovasz_extension(pixels(errors, 2), pixels(truth, 2))  # (n, c)
    present = (pixels(truth, 2).sum(-1) > 0).to(distance.dtype)
    chosen = present if classes == "present" else torch.ones_like(distance)
    values = (distance * chosen).sum(1) / chosen.sum(1).clamp_min(1.0)
    return values if mask is None else (values, pixels(counted, 1).any(1))
