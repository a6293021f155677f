"""What checks of adapters in NumPy share: a case from arrays, comparison, slopes, and two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.golden.adapters import load_adapters


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return dict(load_adapters()[slug](given, params))


def close(got: Any, expected: Any, rtol: float = 1e-9, atol: float = 1e-11) -> None:
    found = got.detach().numpy() if isinstance(got, torch.Tensor) else np.asarray(got)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def slopes(function: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences of a scalar function."""
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[place] += step
        low[place] -= step
        found[place] = (function(high) - function(low)) / (2 * step)
    return found


def log_softmax(z: np.ndarray, axis: int = -1) -> np.ndarray:
    top = z.max(axis, keepdims=True)
    return z - top - np.log(np.exp(z - top).sum(axis, keepdims=True))


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))
