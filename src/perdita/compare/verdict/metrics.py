"""Measures of held-out quality. A model's outputs are logits or numbers; probabilities are their softmax or sigmoid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from perdita.compare.spec import Condition, Metric
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float, Num
    from torch import Tensor

BINS = 15  # of equal width, over the confidences from 0 to 1
PINBALL_LEVELS = (0.1, 0.9)

_CLASSES = (
    Metric("accuracy", True, "Accuracy"),
    Metric("balanced_accuracy", True, "Balanced accuracy"),
    Metric("macro_f1", True, "Macro F1"),
    Metric("log_loss", False, "Log-loss"),
    Metric("brier", False, "Brier score"),
    Metric("ece", False, "Calibration error"),
    Metric("auc", True, "Area under the ROC curve"),
)
_NUMBERS = (
    Metric("rmse", False, "Root mean squared error"),
    Metric("mae", False, "Mean absolute error"),
    Metric("r2", True, "R²"),
    *(Metric(f"pinball_{level * 100:.0f}", False, f"Pinball loss at {level:g}") for level in PINBALL_LEVELS),
)
METRICS: dict[str, tuple[Metric, ...]] = {"multiclass": _CLASSES, "binary": _CLASSES, "regression": _NUMBERS}
"""The metrics of each task; the first is primary.

Accuracy, because no loss trains it: log-loss and the Brier score are themselves losses, and would favour the arm that
trains them. For numbers no measure is neutral: RMSE rewards the conditional mean, as the squared error does, MAE the
median, as the absolute error does; RMSE is the habit of the field. Whoever cares for another names it before the run.
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
        task: multiclass, binary or regression.
        outputs: (n, c) logits, (n,) or (n, 1) logits of the second class, or (n, k) numbers in the target's units.
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
        task: multiclass, binary or regression.
        outputs: of every model.
        target: (*seeds, n), or (*seeds, n, k) where k > 1; the seeds are the last dimensions of the models.
        scale: (*seeds, k) or a number that brings standardised numbers back to their own units.

    Returns:
        The metric of each model; NaN where its outputs are not finite.
    """
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


def reliability(probs: Any, target: Any, bins: int = BINS) -> list[list[float]]:
    """How often predictions of each confidence are right.

    The confidence is the largest probability, in two classes too. Bin b holds the confidences in (b / bins, (b + 1) /
    bins]; the first also holds 0.

    Args:
        probs: (n, c) probabilities, or (n,) of the second class.
        target: (n,) classes.
        bins: how many, of equal width.

    Returns:
        A row [mean confidence, accuracy, share of predictions] for each bin; [middle, 0, 0] for an empty one.
    """
    probs, target = np.asarray(probs, dtype=np.float64), np.asarray(target)
    if probs.ndim == 1:
        probs = np.stack([1 - probs, probs], axis=1)
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == target
    inner = np.arange(1, bins) / bins
    place = np.digitize(confidence, inner, right=True)
    counts = np.bincount(place, minlength=bins)
    filled = counts > 0
    middle, some = (np.arange(bins) + 0.5) / bins, np.maximum(counts, 1)
    sums = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    rows = np.stack([np.where(filled, sums / some, middle), hits / some, counts / max(len(target), 1)], axis=1)
    return [list(map(float, row)) for row in rows]


def _measure(task: str, names: list[str], outputs: Any, target: Any) -> dict[str, float]:
    outputs, target = np.asarray(outputs, dtype=np.float64), np.asarray(target)
    if outputs.size == 0 or not np.isfinite(outputs).all():
        return dict.fromkeys(names, float("nan"))
    if task == "regression":
        target = target.reshape(outputs.shape).astype(np.float64)
        return {name: float(_OF_NUMBERS[name](outputs, target)) for name in names}
    guess = _guess(outputs, target.astype(np.int64))
    return {name: float(_OF_CLASSES[name](guess)) for name in names}


@dataclass(frozen=True)
class _Guess:
    target: np.ndarray  # (n,)
    log_probs: np.ndarray  # (n, c)
    probs: np.ndarray
    indicator: np.ndarray  # (n, c), True at the target
    confusion: np.ndarray  # (c, c) counts: row is the target, column the guess (of equals the first class)


def _guess(outputs: np.ndarray, target: np.ndarray) -> _Guess:
    from scipy.special import log_expit, log_softmax

    if outputs.ndim == 2 and outputs.shape[1] > 2:
        log_probs = log_softmax(outputs, axis=1)
    else:  # the difference of two logits is the logit of the second class
        logit = outputs[:, 1] - outputs[:, 0] if outputs.shape[1:] == (2,) else outputs.reshape(len(outputs))
        log_probs = np.stack([log_expit(-logit), log_expit(logit)], axis=1)
    classes = log_probs.shape[1]
    pairs = target * classes + log_probs.argmax(axis=1)
    confusion = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return _Guess(target, log_probs, np.exp(log_probs), target[:, None] == np.arange(classes), confusion)


def _accuracy(guess: _Guess) -> float:
    return np.trace(guess.confusion) / guess.confusion.sum()


def _balanced_accuracy(guess: _Guess) -> float:
    """Mean recall of the classes that have rows."""
    rows = guess.confusion.sum(axis=1)
    return (np.diag(guess.confusion)[rows > 0] / rows[rows > 0]).mean()


def _macro_f1(guess: _Guess) -> float:
    """Mean F1 of the classes that have rows or guesses."""
    either = guess.confusion.sum(axis=0) + guess.confusion.sum(axis=1)
    return (2 * np.diag(guess.confusion)[either > 0] / either[either > 0]).mean()


def _log_loss(guess: _Guess) -> float:
    return -guess.log_probs[guess.indicator].mean()


def _brier(guess: _Guess) -> float:
    square = np.square(guess.probs - guess.indicator).sum(axis=1).mean()
    return square / 2 if guess.probs.shape[1] == 2 else square  # of two classes: the square of the second one's


def _ece(guess: _Guess) -> float:
    rows = reliability(guess.probs, guess.target)
    return sum(share * abs(accuracy - confidence) for confidence, accuracy, share in rows)


def _auc(guess: _Guess) -> float:
    """Each class against the rest by the rank sum of its rows, mean over the classes with rows on both sides."""
    from scipy.stats import rankdata

    members = guess.indicator.sum(axis=0)
    both = (members > 0) & (members < len(guess.target))
    if not both.any():
        return float("nan")
    rank_sums = (rankdata(guess.log_probs, axis=0) * guess.indicator).sum(axis=0)
    pairs = members * (len(guess.target) - members)
    return ((rank_sums - members * (members + 1) / 2)[both] / pairs[both]).mean()


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


_OF_CLASSES: dict[str, Callable[[_Guess], float]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": _macro_f1,
    "log_loss": _log_loss,
    "brier": _brier,
    "ece": _ece,
    "auc": _auc,
}
_OF_NUMBERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
    **{f"pinball_{level * 100:.0f}": _pinball(level) for level in PINBALL_LEVELS},
}


def _right(outputs: Tensor, target: Tensor) -> Tensor:
    predicted = outputs.argmax(-1) if outputs.shape[-1] > 1 else (outputs[..., 0] > 0).long()
    return predicted == target  # (*models, n)


def _recall(outputs: Tensor, target: Tensor) -> Tensor:
    members = torch.nn.functional.one_hot(target, max(outputs.shape[-1], 2)).to(outputs.dtype)  # (*seeds, n, c)
    hits = (_right(outputs, target).unsqueeze(-1) * members).sum(-2)
    return (hits / members.sum(-2)).nanmean(-1)  # a class without rows has no recall


_STACKED: dict[
    str, Callable[[Tensor, Tensor], Tensor]
] = {  # the curve's fast way for the metrics that are often primary
    "accuracy": lambda outputs, target: _right(outputs, target).to(outputs.dtype).mean(-1),
    "balanced_accuracy": _recall,
    "rmse": lambda outputs, target: (outputs - target).square().mean(-2).sqrt().mean(-1),
    "mae": lambda outputs, target: (outputs - target).abs().mean((-2, -1)),
}
