"""Targets that spread over classes, in terms of the reference for class indices."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def distribution(target: Array, classes: int, label_smoothing: float = 0.0) -> Array:
    """(n, c, *d) the target as probabilities, each smoothed towards uniform."""
    soft = np.issubdtype(target.dtype, np.floating)
    probs = target if soft else np.moveaxis(np.eye(classes)[target], -1, 1)
    return (1 - label_smoothing) * probs + label_smoothing / classes


def expected(hard: Callable[..., Any]) -> Callable[..., Any]:
    """The reference of a loss for soft and smoothed targets too: what a class drawn from the target costs on average.

    Counts are those of the class index itself, and 1 for a soft target.
    """

    @functools.wraps(hard)
    def reference(logits: Array, target: Array, *, label_smoothing: float = 0.0, **options: Any) -> Any:
        soft = np.issubdtype(target.dtype, np.floating)
        if not soft and label_smoothing == 0:
            return hard(logits, target, **options)
        classes = target.shape[1] if soft else logits.shape[1]
        shares = distribution(target, classes, label_smoothing)
        total, counts = np.zeros(shares[:, 0].shape), None
        for k in range(classes):
            found = hard(logits, np.full(total.shape, k), **options)
            values, weights = found if isinstance(found, tuple) else (found, None)
            total = total + shares[:, k] * values
            if not soft and weights is not None:
                counts = np.where(target == k, weights, 0.0 if counts is None else counts)
        return total if counts is None else (total, counts)

    own = inspect.signature(hard)
    if "label_smoothing" not in own.parameters:
        smoothing = inspect.Parameter("label_smoothing", inspect.Parameter.KEYWORD_ONLY, default=0.0)
        own = own.replace(parameters=[*own.parameters.values(), smoothing])
    reference.__signature__ = own  # type: ignore[attr-defined]
    return reference
