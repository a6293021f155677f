"""Measures of a predicted depth map. Sums over all pixels that are given: choose the valid ones first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def _positive(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape or not prediction.numel():
        raise InputError(
            f"prediction and target must be of one shape, with a pixel, not {tuple(prediction.shape)} and "
            f"{tuple(target.shape)}"
        )
    for name, depth in (("prediction", prediction), ("target", target)):
        if not bool((depth > 0).all()):
            raise InputError(f"{name} must hold depths > 0; its smallest is {depth.min().item():.6g}")


@component("loss-metric-survey")
def depth_errors(prediction: Float[Tensor, "*p"], target: Float[Tensor, "*p"]) -> dict[str, Float[Tensor, ""]]:
    """What depth is judged by: mean |x - t| / t, the root mean squares of x - t and of log x - log t, mean |log10 x -
    log10 t|, and the variance of log x - log t, which one factor everywhere does not change.

    Args:
        prediction: depths x > 0.
        target: depths t > 0, of the same shape.

    Returns:
        abs_rel, rmse, rmse_log, log10 and scale_invariant, each with a gradient; the less the better.

    Raises:
        InputError: shapes that differ, no pixel, a depth that is not positive.

    Source:
        Eigen, Puhrsch, Fergus, NeurIPS 2014, arXiv 1406.2283, section 4.3.
    """
    _positive(prediction, target)
    error, ratio = prediction - target, prediction.log() - target.log()
    return {
        "abs_rel": (error.abs() / target).mean(),
        "rmse": error.square().mean().sqrt(),
        "rmse_log": ratio.square().mean().sqrt(),
        "log10": (prediction.log10() - target.log10()).abs().mean(),
        "scale_invariant": (ratio - ratio.mean()).square().mean(),
    }


@component("loss-metric-survey")
def threshold_accuracy(
    prediction: Float[Tensor, "*p"], target: Float[Tensor, "*p"], *, power: int = 1, base: float = 1.25
) -> float:
    """Share of the pixels whose depth is off by a factor below base ** power: delta 1, 2 and 3 of the tables.

    Raises:
        InputError: shapes that differ, no pixel, a depth that is not positive.
    """
    _positive(prediction, target)
    factor = torch.maximum(prediction / target, target / prediction)
    return (factor < base**power).double().mean().item()


@component("loss-metric-survey")
def outlier_share(prediction: Float[Tensor, "*p"], target: Float[Tensor, "*p"], *, threshold: float) -> float:
    """Share of the pixels whose relative error |x - t| / t is above the threshold.

    Raises:
        InputError: shapes that differ, no pixel, a depth that is not positive.
    """
    _positive(prediction, target)
    return ((prediction - target).abs() / target > threshold).double().mean().item()


@component("loss-metric-survey")
def ordinal_disagreement(
    first: Float[Tensor, "n"],
    second: Float[Tensor, "n"],
    relation: Int[Tensor, "n"],
    *,
    weight: Float[Tensor, "n"] | None = None,
    tolerance: float = 0.1,
) -> float:
    """WHDR: the weighted share of pairs of points whose order people see otherwise.

    Args:
        first: (n,) predictions > 0 at the first points.
        second: (n,) at the second points.
        relation: (n,) what people say: 1 the first is larger, -1 the second is, 0 they are alike.
        weight: (n,) how sure people are.
        tolerance: two predictions are alike where neither is larger than the other by more than this share.

    Raises:
        InputError: predictions that are not positive, a relation that is not -1, 0 or 1.

    Source:
        Bell, Bala, Snavely, "Intrinsic Images in the Wild", SIGGRAPH 2014, equation 1.
    """
    _positive(first, second)
    if not bool(torch.isin(relation, torch.tensor([-1, 0, 1], device=relation.device)).all()):
        raise InputError("relation must hold -1, 0 or 1")
    limit = 1 + tolerance
    said = (first / second > limit).long() - (second / first > limit).long()
    weight = torch.ones_like(first) if weight is None else weight
    return ((weight * (said != relation)).sum() / weight.sum()).item()
