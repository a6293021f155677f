"""Losses of a depth map: errors of its logarithm up to scale, errors up to scale and shift, and the reverse Huber.

A pixel without a measured depth is masked. One value for each image, but for the reverse Huber.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.segmentation.overlap import inside, pixels

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_COST = Cost(time="n", memory="n", passes=5)
_HELD = "the threshold is a share of the batch's largest error, held constant in the gradient as the method demands"


def pixel_mean(values: Float[Tensor, "n p"], counted: Bool[Tensor, "n p"]) -> Float[Tensor, "n 1"]:
    """Mean over the pixels that count; 0 where none does."""
    return torch.where(counted, values, 0.0).sum(1, keepdim=True) / counted.sum(1, keepdim=True).clamp_min(1)


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("silog", "scale_invariant_log"),
    traits=Traits(bounded=False, nonnegative=True),
    ranges={"variance_share": Range(0, 1, search=(0.1, 1.0))},
    domains={"prediction": "positive", "target": "positive"},
    cost=_COST,
)
def scale_invariant_depth(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    variance_share: float = 0.5,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Mean squared error of an image's log-depths, less a share of the square of their mean error.

    With d = log x - log t and means over the pixels of one image:

    .. math:: \ell = \overline{d^2} - \text{variance\_share}\; \bar d^2

    With variance_share = 1 it is the variance of d: a prediction that is wrong by one factor everywhere costs nothing.

    Args:
        prediction: (n, *d) depths x > 0.
        target: (n, *d) depths t > 0.
        variance_share: in [0, 1]; training usually has 1/2, measuring 1.
        mask: (n,) or (n, *d); pixels where it is False leave every mean, an image without pixels leaves the batch's.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a depth that is not positive, a variance_share outside [0, 1], shapes that differ.

    Example:
        >>> prediction, target = torch.tensor([[2.0, 6.0]]), torch.tensor([[1.0, 3.0]])
        >>> perdita.functional.scale_invariant_depth(prediction, target, variance_share=0.5).item()
        0.24022...

    Source:
        Eigen, Puhrsch, Fergus, "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", NeurIPS
        2014, arXiv 1406.2283, equation 4. As printed in Terven et al., 2025, arXiv 2307.02694, equation 139, with half
        the sum in place of the mean, it is not invariant to scale.
    """
    counted = pixels(inside(mask, prediction), 1)
    error = torch.where(counted, pixels(prediction, 1), 1.0).log() - torch.where(counted, pixels(target, 1), 1.0).log()
    middle = pixel_mean(error, counted)
    spread = pixel_mean((error - middle).square(), counted)  # the variance, without a difference of large squares
    values = (spread + (1 - variance_share) * middle.square()).squeeze(1)
    return values if mask is None else (values, counted.any(1))


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("ssi_mse", "scale_shift_invariant"),
    traits=Traits(bounded=True, nonnegative=True, scale_invariant=True),
    cost=_COST,
)
def scale_shift_invariant_depth(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, mask: Bool[Tensor, "n *d"] | None = None
) -> Float[Tensor, "n"]:
    r"""Half the mean squared error that is left after the best scale and shift of an image's prediction.

    .. math:: \ell = \min_{s, b} \tfrac12 \overline{(s x + b - t)^2}

    The scale is found by least squares, of either sign. A constant prediction costs half the variance of the target.

    Args:
        prediction: (n, *d) depths or disparities x, in any unit.
        target: (n, *d) depths or disparities t.
        mask: (n,) or (n, *d); pixels where it is False leave every mean, an image without pixels leaves the batch's.

    Returns:
        (n,) non-negative values, at most half the variance of the target.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> prediction, target = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[5.0, 3.0, 1.0]])
        >>> perdita.functional.scale_shift_invariant_depth(prediction, target).item()
        0.0

    Source:
        Ranftl et al., "Towards Robust Monocular Depth Estimation" (MiDaS), TPAMI 2020, arXiv 1907.01341, equation 3.
    """
    counted = pixels(inside(mask, prediction), 1)
    x, t = (torch.where(counted, pixels(field, 1), 0.0) for field in (prediction, target))
    x, t = (torch.where(counted, field - pixel_mean(field, counted), 0.0) for field in (x, t))
    power = x.square().sum(1, keepdim=True)
    flat = power == 0
    scale = torch.where(flat, 0.0, (x * t).sum(1, keepdim=True) / torch.where(flat, 1.0, power))
    values = 0.5 * pixel_mean((scale * x - t).square(), counted).squeeze(1)
    return values if mask is None else (values, counted.any(1))


def median_of(values: Float[Tensor, "n p"], counted: Bool[Tensor, "n p"]) -> Float[Tensor, "n 1"]:
    """Median of the pixels that count, the mean of the middle two where their number is even; 0 where none does."""
    if not values.shape[1]:
        return values.sum(1, keepdim=True)
    order = torch.where(counted, values.detach(), torch.inf).argsort(dim=1, stable=True)
    number = counted.sum(1, keepdim=True)
    middle = torch.cat([(number - 1).clamp_min(0) // 2, (number // 2).clamp_max(values.shape[1] - 1)], 1)
    pair = torch.where(counted, values, 0.0).gather(1, order.gather(1, middle))
    return pair.mean(1, keepdim=True)


def standardized(values: Float[Tensor, "n p"], counted: Bool[Tensor, "n p"]) -> Float[Tensor, "n p"]:
    """Distance from the median in mean absolute distances from it; 0 where all are alike, and where nothing counts."""
    centred = torch.where(counted, values - median_of(values, counted), 0.0)
    size = pixel_mean(centred.abs(), counted)
    flat = size == 0
    return torch.where(flat, 0.0, centred / torch.where(flat, 1.0, size))


@loss(
    task="depth",
    aliases=("ssi_trim", "ssi_mae", "robust_scale_shift_depth"),
    traits=Traits(bounded=True, nonnegative=True, scale_invariant=True),
    ranges={"kept": Range(0, 1, open="low", search=(0.6, 1.0))},
    cost=Cost(time="n log n", memory="n", passes=8),
)
def median_aligned_depth(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    kept: float = 0.8,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Half the mean absolute error of depths that are shifted by their median and scaled by their mean distance to it.

    With m pixels in an image, and r the sorted errors, of which the first kept m are summed:

    .. math:: \ell = \frac{1}{2 m} \sum_{j \le \text{kept}\, m} r_{(j)}, \qquad
        r = \left| \frac{x - \mathrm{median}(x)}{\overline{|x - \mathrm{median}(x)|}}
        - \frac{t - \mathrm{median}(t)}{\overline{|t - \mathrm{median}(t)|}} \right|

    The robust relative of `scale_shift_invariant_depth`, whose squares a few wild pixels rule: they do not move the
    median, move the scale by their size alone, and where they are the largest errors they do not count at all. With
    kept = 1 all count. Prediction and target are scaled each by itself, so a prediction with the opposite order of
    depths costs much, where least squares forgives it. A constant map becomes 0 everywhere. The gradient passes through
    medians and scales.

    Args:
        prediction: (n, *d) depths or disparities x, in any unit.
        target: (n, *d) depths or disparities t, in any unit.
        kept: share of the pixels that count, those of the smallest errors, rounded down; in (0, 1].
        mask: (n,) or (n, *d); pixels where it is False leave every mean, an image without pixels leaves the batch's.

    Returns:
        (n,) values in [0, 1].

    Raises:
        InputError: shapes that differ, a kept outside (0, 1].

    Example:
        >>> prediction, target = torch.tensor([[0.0, 1.0, 2.0, 9.0]]), torch.tensor([[1.0, 3.0, 5.0, 7.0]])
        >>> perdita.functional.median_aligned_depth(prediction, target, kept=0.75).item()
        0.1875

    Source:
        Ranftl et al., "Towards Robust Monocular Depth Estimation" (MiDaS), TPAMI 2020, arXiv 1907.01341, section 5: the
        robust alignment and the trimmed absolute error, in which a fifth of the pixels is left out. Not verified in the
        paper's text; the formula is that of others' accounts of it.
    """
    counted = pixels(inside(mask, prediction), 1)
    error = (standardized(pixels(prediction, 1), counted) - standardized(pixels(target, 1), counted)).abs()
    number = counted.sum(1, keepdim=True)
    if kept < 1:
        order = torch.where(counted, error.detach(), torch.inf).argsort(dim=1, stable=True)
        error = error.gather(1, order)
        place = torch.arange(error.shape[1], device=error.device)
        counted = place < torch.floor(kept * number.to(torch.float64) + 1e-6)  # 0.29 * 100 is below 29
    values = 0.5 * torch.where(counted, error, 0.0).sum(1) / number.clamp_min(1).squeeze(1)
    return values if mask is None else (values, number.squeeze(1) > 0)


@loss(
    task="depth",
    paper="loss-metric-survey",
    aliases=("reverse_huber",),
    traits=Traits(bounded=False, nonnegative=True),
    ranges={"share": Range(0, open="low", search=(0.05, 1.0), log=True), "threshold": Range(0, open="low")},
    cost=Cost(time="n", memory="n"),
    rowwise=False,
    limits={"gradcheck": _HELD, "gradgradcheck": _HELD, "extra_dims": "the threshold is that of the whole batch"},
)
def berhu(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    share: float = 0.2,
    threshold: float | None = None,
    mask: Bool[Tensor, "n *d"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Absolute error up to a share of the batch's largest one, and a square beyond: the Huber loss turned around.

    With e = x - t, and c the threshold or, where there is none, share \max |e| over the batch, through which no
    gradient flows:

    .. math:: \ell = |e| \text{ where } |e| \le c, \qquad \frac{e^2 + c^2}{2 c} \text{ elsewhere}

    Args:
        prediction: (n, *d) predictions x.
        target: (n, *d) targets t, in the same unit.
        share: of the largest error, above 0; from 1 on it is the absolute error.
        threshold: a fixed c > 0, in the unit of the error; the share is then without use.
        mask: (n,) up to (n, *d); elements where it is False do not count, for the largest error neither.

    Returns:
        (n, *d) non-negative values, in that unit.

    Raises:
        InputError: shapes that differ, a share or a threshold that is not positive.

    Example:
        >>> perdita.functional.berhu(torch.tensor([0.1, 1.0]), torch.zeros(2), reduction="none")
        tensor([0.1000, 2.6000])

    Source:
        Laina et al., "Deeper Depth Prediction with Fully Convolutional Residual Networks", 3DV 2016, arXiv 1606.00373,
        equation 2.
    """
    size = (prediction - target).abs()
    if mask is not None:
        size = torch.where(inside(mask, size), size, 0.0)
    if threshold is None:
        edge = share * torch.cat([size.detach().flatten(), size.new_zeros(1)]).amax()  # of an empty batch: 0
    else:
        edge = size.new_tensor(threshold)
    safe = torch.where(edge == 0, 1.0, edge)
    return torch.where(size <= edge, size, (size.square() + safe.square()) / (2 * safe))
