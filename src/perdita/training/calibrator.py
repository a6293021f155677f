"""Fit a calibrator on held-out logits of a frozen classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

Objective = Callable[..., "Tensor"]  # (logits, target, temperature=) → a scalar


@component("calibration-correctness")
def fit_temperature(
    calibrator: nn.Module,
    logits: Float[Tensor, "n c"],
    features: Float[Tensor, "n f"],
    target: Int[Tensor, "n"],
    objective: Objective,
    *,
    steps: int = 300,
    learning_rate: float = 1e-2,
) -> float:
    """Fit the temperatures of a calibrator, with Adam on all items at once.

    Use items that did not train the classifier: on those that did it is nearly always right.

    Args:
        calibrator: features → (n,) temperatures.
        logits: (n, c) of the frozen classifier.
        features: (n, f) that the calibrator sees.
        target: (n,) class indices.
        objective: such as `perdita.functional.correctness_aware`, called with temperature= by keyword.
        steps: of the optimiser.
        learning_rate: of Adam. The authors take 1e-4, with which little moves.

    Returns:
        The objective after the last step.

    Raises:
        InputError: no steps.
    """
    if steps < 1:
        raise InputError(f"steps must be at least 1, not {steps}")
    optimizer = torch.optim.Adam(calibrator.parameters(), lr=learning_rate)
    logits, features = logits.detach(), features.detach()
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        objective(logits, target, temperature=calibrator(features)).backward()
        optimizer.step()
    with torch.no_grad():
        return objective(logits, target, temperature=calibrator(features)).item()
