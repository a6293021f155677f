"""Measures of held-out quality. A model's outputs are logits or numbers; probabilities are their softmax or sigmoid."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from perdita.compare.spec import Condition, Metric
from perdita.compare.verdict import embedding_metrics
from perdita.compare.verdict.class_metrics import OF_CLASSES, guess_of
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float, Num
    from torch import Tensor

PINBALL_LEVELS = (0.1, 0.9)

_SHARE, _SIZE = (0.0, 1.0), (0.0, math.inf)
_CLASSES = (
    Metric("accuracy", True, "Accuracy", _SHARE),
    Metric("balanced_accuracy", True, "Balanced accuracy", _SHARE),
    Metric("macro_f1", True, "Macro F1", _SHARE),
    Metric("log_loss", False, "Log-loss", _SIZE),
    Metric("brier", False, "Brier score", (0.0, 2.0)),
    Metric("ece", False, "Calibration error", _SHARE),
    Metric("auc", True, "Area under the ROC curve", _SHARE),
)
_LEVELS = (
    Metric("label_mae", False, "Mean distance in levels", _SIZE),
    Metric("quadratic_kappa", True, "Quadratic weighted kappa", (-1.0, 1.0)),
    Metric("ranked_probability_score", False, "Ranked probability score", _SIZE),
    *(metric for metric in _CLASSES if metric.name in ("accuracy", "balanced_accuracy", "log_loss", "ece")),
)
_NUMBERS = (
    Metric("rmse", False, "Root mean squared error", _SIZE),
    Metric("mae", False, "Mean absolute error", _SIZE),
    Metric("r2", True, "R²", (-math.inf, 1.0)),
    *(Metric(f"pinball_{level * 100:.0f}", False, f"Pinball loss at {level:g}", _SIZE) for level in PINBALL_LEVELS),
)
METRICS: dict[str, tuple[Metric, ...]] = {
    "multiclass": _CLASSES,
    "binary": _CLASSES,
    "ordinal": _LEVELS,
    "regression": _NUMBERS,
    "embedding": embedding_metrics.OF_EMBEDDINGS,
}
"""The metrics of each task; the first is primary.

Accuracy, because no loss trains it: log-loss and the Brier score are themselves losses, and would favour the arm that
trains them. For numbers no measure is neutral: RMSE rewards the conditional mean, as the squared error does, MAE the
median, as the absolute error does; RMSE is the habit of the field. MAP@R of embeddings, because Recall@1 looks at one
neighbour only and is near 1 for most losses on easy data. Whoever cares for another names it before the run.
"""


def primary_metric(task: str, name: str | None = None, conditions: tuple[Condition, ...] = ()) -> Metric:
    """The metric that ranks the losses: the one named, else balanced accuracy where a condition unbalances the classes,
    else the task's first.

    Raises:
        InputError: the task has no metric of this name.
    """
    known = {metric.name: metric for metric in METRICS[task]}
    if name is None:
        uneven = any(condition.kind == "imbalance" for condition in conditions) and "balanced_accuracy" in known
        return known["balanced_accuracy"] if uneven else METRICS[task][0]
    if name not in known:
        raise InputError(f"unknown metric {name!r}{nearest(name, known)}; the task {task} has {', '.join(known)}")
    return known[name]


def evaluate(task: str, outputs: Any, target: Any) -> dict[str, float]:
    """Every metric of the task.

    Args:
        task: multiclass, binary, ordinal, regression or embedding.
        outputs: (n, c) logits, (n,) or (n, 1) logits of the second class, (n, k) numbers in the target's units, or
            (n, d) embeddings.
        target: (n,) classes, or numbers (n,) or (n, k).

    Returns:
        Name → value. All are NaN where an output is not finite; one is NaN where these targets do not define it. The
        metrics of several targets are means over the targets.
    """
    return _measure(task, [metric.name for metric in METRICS[task]], outputs, target)


def primary_curve(
    name: str, task: str, outputs: Float[Tensor, "*models n k"], target: Num[Tensor, "*seeds n *k"], scale: Any = 1.0
) -> Float[Tensor, "*models"]:
    """One metric of many models at once.

    Args:
        name: of the metric.
        task: multiclass, binary, ordinal, regression or embedding.
        outputs: of every model.
        target: (*seeds, n), or (*seeds, n, k) where k > 1; the seeds are the last dimensions of the models. Rows of
            embeddings with a negative label are not there; of many rows a part is measured.
        scale: (*seeds, k) or a number that brings standardised numbers back to their own units.

    Returns:
        The metric of each model; NaN where its outputs are not finite.
    """
    if task == "embedding":
        return embedding_metrics.curve(name, outputs, target)
    if task == "regression":
        scale = torch.as_tensor(scale, dtype=outputs.dtype)
        scale = scale.unsqueeze(-2) if scale.ndim else scale
        target = target.unsqueeze(-1) if outputs.shape[-1] == 1 else target
        outputs, target = outputs * scale, target * scale
    models, rows = outputs.shape[:-2], target.shape[-2:] if task == "regression" else target.shape[-1:]
    if name in _STACKED:
        values = _STACKED[name](outputs, target)
    else:
        truths = target.expand(*models, *rows).reshape(-1, *rows)
        found = [
            _measure(task, [name], *pair)[name]
            for pair in zip(outputs.reshape(-1, *outputs.shape[-2:]), truths, strict=True)
        ]
        values = torch.tensor(found, dtype=outputs.dtype).reshape(models)
    finite = outputs.isfinite().all(-1).all(-1)
    return torch.where(finite, values, torch.nan)


def _measure(task: str, names: list[str], outputs: Any, target: Any) -> dict[str, float]:
    outputs, target = np.asarray(outputs, dtype=np.float64), np.asarray(target)
    if outputs.size == 0 or not np.isfinite(outputs).all():
        return dict.fromkeys(names, float("nan"))
    if task == "regression":
        target = target.reshape(outputs.shape).astype(np.float64)
        return {name: float(_OF_NUMBERS[name](outputs, target)) for name in names}
    if task == "embedding":
        return embedding_metrics.measure(names, outputs, target)
    guess = guess_of(outputs, target.astype(np.int64))
    return {name: float(OF_CLASSES[name](guess)) for name in names}


def _r2(outputs: np.ndarray, target: np.ndarray) -> float:
    from sklearn.metrics import r2_score

    return r2_score(target, outputs) if len(target) > 1 else float("nan")


def _pinball(level: float) -> Callable[[np.ndarray, np.ndarray], float]:
    def measure(outputs: np.ndarray, target: np.ndarray) -> float:
        from sklearn.metrics import mean_pinball_loss

        return mean_pinball_loss(target, outputs, alpha=level)

    return measure


def _rmse(outputs: np.ndarray, target: np.ndarray) -> float:
    from sklearn.metrics import root_mean_squared_error

    return root_mean_squared_error(target, outputs)


def _mae(outputs: np.ndarray, target: np.ndarray) -> float:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(target, outputs)


_OF_NUMBERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
    **{f"pinball_{level * 100:.0f}": _pinball(level) for level in PINBALL_LEVELS},
}


def _predicted(outputs: Tensor) -> Tensor:
    return outputs.argmax(-1) if outputs.shape[-1] > 1 else (outputs[..., 0] > 0).long()  # (*models, n)


def _right(outputs: Tensor, target: Tensor) -> Tensor:
    return _predicted(outputs) == target


def _recall(outputs: Tensor, target: Tensor) -> Tensor:
    members = torch.nn.functional.one_hot(target, max(outputs.shape[-1], 2)).to(outputs.dtype)  # (*seeds, n, c)
    hits = (_right(outputs, target).unsqueeze(-1) * members).sum(-2)
    return (hits / members.sum(-2)).nanmean(-1)  # a class without rows has no recall


_STACKED: dict[
    str, Callable[[Tensor, Tensor], Tensor]
] = {  # the curve's fast way for the metrics that are often primary
    "accuracy": lambda outputs, target: _right(outputs, target).to(outputs.dtype).mean(-1),
    "balanced_accuracy": _recall,
    "label_mae": lambda outputs, target: (_predicted(outputs) - target).abs().to(outputs.dtype).mean(-1),
    "rmse": lambda outputs, target: (outputs - target).square().mean(-2).sqrt().mean(-1),
    "mae": lambda outputs, target: (outputs - target).abs().mean((-2, -1)),
}
