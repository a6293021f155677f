"""Regression with a classification of the binned target beside it, on the same features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, InputError, Range, Traits, component, loss
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

LEFT_OUT = -1  # the label of an item whose class does not count


@component("classification-helps-regression")
def equal_width_edges(target: Float[Tensor, "n"], classes: int) -> Float[Tensor, "c_1"]:
    """(classes + 1,) ends of classes of equal width over the range of the training targets.

    Raises:
        InputError: no targets, or fewer than one class.
    """
    if classes < 1 or not target.numel():
        raise InputError(f"target must hold numbers and classes be at least 1, not {target.numel()} and {classes}")
    low, high = torch.aminmax(target)
    return torch.lerp(low, high, torch.linspace(0, 1, classes + 1, dtype=target.dtype, device=target.device))


@component("classification-helps-regression")
def equalized_edges(target: Float[Tensor, "n"], classes: int) -> Float[Tensor, "k"]:
    """Ends of classes that hold about equally many training targets: neighbours of equal width are merged.

    Class i of equal width goes to the new class ceil(classes * share of targets up to its end) - 1; so there are at
    most ``classes`` of them.
    """
    edges = equal_width_edges(target, classes)
    counts = torch.bincount(bin_targets(target, edges), minlength=classes)
    reached = counts.cumsum(0)
    merged = (classes * reached + len(target) - 1) // len(target) - 1  # the ceiling, in whole numbers
    starts = torch.cat([merged.new_ones(1).bool(), merged[1:] != merged[:-1]])
    return torch.cat([edges[:-1][starts], edges[-1:]])


@component("classification-helps-regression")
def bin_targets(target: Float[Tensor, "n"], edges: Float[Tensor, "c_1"]) -> Int[Tensor, "n"]:
    """(n,) class i of each target with edges[i] <= target < edges[i + 1]; what lies outside goes to the end classes.

    Make the edges from the training targets alone, and use them for every part.
    """
    return (torch.bucketize(target, edges, right=True) - 1).clamp(0, len(edges) - 2)


@component("classification-helps-regression")
def clip_labels(
    labels: Int[Tensor, "n"], classes: int, *, generator: torch.Generator | None = None
) -> Int[Tensor, "n"]:
    """Leave labels of frequent classes out at random (-1), so that every class keeps about as many as the rarest.

    The item's regression still counts. Classes without items take no part.
    """
    counts = torch.bincount(labels, minlength=classes)
    rarest = torch.where(counts > 0, counts, counts.max()).min()
    kept = torch.rand(labels.shape, generator=generator, device=labels.device) < (rarest / counts)[labels]
    return torch.where(kept, labels, LEFT_OUT)


@loss(
    task="regression",
    paper="classification-helps-regression",
    aliases=("reg_cls",),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    ranges={
        "regression_weight": Range(0, search=(1.0, 1e4), log=True),
        "regression": Choice(("mse", "l1")),
    },
    ignore_index=LEFT_OUT,
    cost=Cost(time="n c", memory="n c"),
    limits={"extreme_inputs": "the gradient of a squared error of 1e4, times regression_weight, is beyond float16"},
)
def regression_with_classification(
    prediction: Float[Tensor, "n"],
    target: Float[Tensor, "n"],
    logits: Float[Tensor, "n c"],
    labels: Int[Tensor, "n"],
    *,
    regression_weight: float = 100.0,
    regression: str = "mse",
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Mean error of the number plus mean cross-entropy of its bin, from two heads on the same features.

    With K the items whose label is not -1:

    .. math:: \ell = \text{regression\_weight} \cdot \frac{\sum_i w_i (x_i - t_i)^2}{\sum_i w_i}
        + \frac{-\sum_{i \in K} w_i \log \mathrm{softmax}(z_i)_{y_i}}{\sum_{i \in K} w_i}

    The predictions alone are used afterwards. The weight stands at the regression: it carries the target's unit, and
    to put its inverse at the cross-entropy is another method wherever weight decay or plain gradient descent is used.

    Args:
        prediction: (n,) predictions x.
        target: (n,) targets t, in the same unit.
        logits: (n, c) unnormalised scores z of the bins.
        labels: (n,) bins y of the targets, as of `bin_targets`; -1 leaves an item out of the cross-entropy alone.
        regression_weight: of the first term, at least 0.
        regression: "mse", or "l1" for absolute errors.
        weight: (n,) weights w, 1 unless given.
        mask: (n,) boolean; False leaves an item out of both terms.

    Returns:
        One non-negative value for the batch; a term without items is 0.

    Raises:
        InputError: labels outside -1..c-1, shapes that differ, a negative regression_weight, an unknown regression.

    Example:
        >>> prediction, target = torch.tensor([1.0]), torch.tensor([2.0])
        >>> logits, labels = torch.tensor([[0.0, 0.0]]), torch.tensor([1])
        >>> perdita.functional.regression_with_classification(prediction, target, logits, labels).item()
        100.69314...

    Source:
        Pintea, Lin, Dijkstra, van Gemert, "A step towards understanding why classification helps regression", ICCV
        2023, arXiv 2308.10603. The released code takes a weight of 0 to mean regression alone; here it means
        classification alone.
    """
    counted = torch.ones_like(target) if weight is None else align(weight, target.shape, "weight").to(target.dtype)
    if mask is not None:
        prediction, target = torch.where(mask, prediction, 0.0), torch.where(mask, target, 0.0)
        logits, counted = torch.where(mask.unsqueeze(1), logits, 0.0), torch.where(mask, counted, 0.0)
    error = prediction - target
    first = error.square() if regression == "mse" else error.abs()
    second = F.cross_entropy(logits, labels.clamp_min(0).long(), reduction="none")
    return regression_weight * _mean(first, counted) + _mean(second, torch.where(labels >= 0, counted, 0.0))


def _mean(values: Float[Tensor, "n"], weights: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    total = weights.sum()
    return (weights * values).sum() / torch.where(total == 0, 1.0, total)
