"""What several claims measure on held-out predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.compare.verdict.class_metrics import reliability

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def calibration_error(probs: Float[Tensor, "n c"], labels: Int[Tensor, "n"], bins: int = 15) -> float:
    """Expected calibration error: the mean over the items of |confidence - accuracy| of the item's bin."""
    return sum(share * abs(confidence - right) for confidence, right, share in reliability(probs, labels, bins))
