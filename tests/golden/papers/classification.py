"""Adapters for losses/classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import perdita.functional as P
from perdita.core.numerics import one_hot
from tests.golden.adapters import adapter
from tests.golden.reader import Reader, UnreadError

REDUCTIONS = ("mean", "sum", "none")


def weights_of(found: Any) -> Tensor | None:
    """A list of weights as a tensor."""
    return None if found is None else torch.tensor(found, dtype=torch.float64)


def item_weights(class_weight: Tensor | None, target: Tensor, ignored: int) -> Tensor | None:
    """The weight of each item's class; ignored items have weight 0."""
    if class_weight is None:
        return None
    return torch.where(target == ignored, 0.0, class_weight[target.masked_fill(target == ignored, 0)])


def in_forms(read: Reader, reduction: str, forms: Mapping[str, Tensor]) -> dict[str, Any]:
    """The loss under its reduction, under every other, and its gradients."""
    loss = forms[reduction]
    return {"loss": loss, **{f"loss_{form}": value for form, value in forms.items()}, **read.gradients(loss)}


@adapter("squentropy")
def squentropy(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target = read.tensor("input"), read.constant("target")
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    ignore_index = read.param("ignore_index", -100)
    read.param("label_smoothing", 0.0, among=(0.0,))  # the paper defines no smoothed or soft targets
    if read.has("square_weight") and read.has("resquare"):
        raise UnreadError("square_weight and resquare are two names of one param")
    square_weight = read.option("square_weight", read.option("resquare", 1.0))
    class_weight = weights_of(read.option("weight", None))
    read.done()
    contract = {"weight": item_weights(class_weight, target, ignore_index), "ignore_index": ignore_index}
    forms = {
        form: P.squentropy(logits, target, square_weight=square_weight, reduction=form, **contract)
        for form in REDUCTIONS
    }
    return in_forms(read, reduction, forms)


def epsilon_of(found: Any) -> float | tuple[float, ...]:
    """One coefficient, or several for Poly-N."""
    return tuple(found) if isinstance(found, list) else float(found)


def reductions_of(values: Tensor, kept: Tensor | None = None) -> dict[str, Tensor]:
    """Values under each reduction; the mean divides by the number of items that are kept, whatever their weights."""
    count = values.numel() if kept is None else kept.sum().clamp_min(1)
    return {"none": values, "sum": values.sum(), "mean": values.sum() / count}


def poly_entropy(read: Reader, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Poly-1 and Poly-N of cross-entropy, whose class weights scale the cross-entropy alone."""
    epsilon = epsilon_of(read.option("epsilon", 1.0))
    class_weight = weights_of(read.option("weight", None))
    ignore_index = read.param("ignore_index", -100)
    smoothing = {"label_smoothing": read.param("label_smoothing", 0.0)}
    smooth_polynomial = read.param("smooth_polynomial", True, among=(True, False))
    given = {"ignore_index": ignore_index, "reduction": "none", **smoothing}
    values = P.poly_cross_entropy(logits, target, epsilon=epsilon, smooth_polynomial=smooth_polynomial, **given)
    if class_weight is not None:
        weighted = P.cross_entropy(logits, target, class_weight=class_weight, **given)
        values = values - P.cross_entropy(logits, target, **given) + weighted
    return reductions_of(values, None if target.is_floating_point() else target != ignore_index)


def poly_truncated(read: Reader, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The first terms of cross-entropy's series."""
    ignore_index = read.param("ignore_index", -100)
    terms = read.param("terms") if read.has("terms") else read.param("N")
    values = P.poly_drop(logits, target, terms=terms, ignore_index=ignore_index, reduction="none")
    return reductions_of(values, target != ignore_index)


def poly_sigmoid(read: Reader, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Poly-1 and Poly-N of the sigmoid focal loss; alpha, weight and pos_weight scale the focal term alone."""
    epsilon, gamma = epsilon_of(read.option("epsilon", 1.0)), read.param("gamma", 2.0)
    alpha = read.param("alpha", 0.25)
    alpha = None if alpha is None or alpha < 0 else alpha  # a negative alpha switches it off
    weight, positive = weights_of(read.option("weight", None)), weights_of(read.option("pos_weight", None))
    one_hot_given = read.param("label_is_onehot", target.shape == logits.shape, among=(True, False))
    labels = target.to(logits.dtype) if one_hot_given else one_hot(target, logits)
    values = P.poly_focal(logits, labels, epsilon=epsilon, gamma=gamma, alpha=alpha, reduction="none")
    if weight is not None or positive is not None:
        factor = torch.ones_like(logits) if weight is None else weight.expand_as(logits)
        factor = factor if positive is None else factor * torch.where(labels > 0, positive, 1.0)
        values = values + (factor - 1) * P.binary_focal(logits, labels, gamma=gamma, alpha=alpha, reduction="none")
    return reductions_of(values)


def poly_softmax_focal(read: Reader, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
    """Poly-1 and Poly-N of the softmax focal loss."""
    epsilon, gamma = epsilon_of(read.option("epsilon", 1.0)), read.param("gamma", 2.0)
    ignore_index = read.param("ignore_index", -100)
    given = {"ignore_index": ignore_index, "reduction": "none"}
    values = P.poly_focal_multiclass(logits, target, epsilon=epsilon, gamma=gamma, **given)
    return reductions_of(values, target != ignore_index)


POLY_KINDS = {
    "poly1_cross_entropy": poly_entropy,
    "poly_n_cross_entropy": poly_entropy,
    "poly_drop": poly_truncated,
    "poly1_sigmoid_focal": poly_sigmoid,
    "poly_n_sigmoid_focal": poly_sigmoid,
    "poly1_softmax_focal": poly_softmax_focal,
    "poly_n_softmax_focal": poly_softmax_focal,
}


@adapter("polyloss")
def polyloss(inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    read = Reader(inputs, params)
    logits, target = read.tensor("input"), read.constant("target")
    reduction = read.param("reduction", "mean", among=REDUCTIONS)
    forms = POLY_KINDS[read.param("kind", "poly1_cross_entropy", among=tuple(POLY_KINDS))](read, logits, target)
    read.done()
    return in_forms(read, reduction, forms)
