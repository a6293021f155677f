"""Do two regions have their borders in the same places?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Bool
    from torch import Tensor


def boundary(region: Bool[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    """Pixels of a region with a neighbour, above, below or beside, outside it; beyond the image is outside."""
    padded = torch.nn.functional.pad(region, (1, 1, 1, 1))
    around = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return region & ~around


@component("loss-metric-survey")
def boundary_f1(prediction: Bool[Tensor, "h w"], target: Bool[Tensor, "h w"], *, tolerance: float = 2.0) -> float:
    """Harmonic mean of the shares of each border that lie within ``tolerance`` pixels of the other.

    Two regions without a border agree, 1; one with and one without do not, 0.

    Args:
        prediction: (h, w) predicted region.
        target: (h, w) true region.
        tolerance: Euclidean distance, in pixels.

    Raises:
        InputError: regions that are not boolean images of one shape, a negative tolerance.

    Source:
        Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013.
    """
    if prediction.shape != target.shape or prediction.ndim != 2 or {prediction.dtype, target.dtype} != {torch.bool}:
        raise InputError(
            f"prediction and target must be boolean of one shape (h, w), not {prediction.dtype} of shape "
            f"{tuple(prediction.shape)} and {target.dtype} of shape {tuple(target.shape)}"
        )
    if tolerance < 0:
        raise InputError(f"tolerance must be at least 0, not {tolerance}")
    ours, theirs = (boundary(region).nonzero().double() for region in (prediction, target))
    if not len(ours) or not len(theirs):
        return float(len(ours) == len(theirs))
    near = torch.cdist(ours, theirs) <= tolerance
    precision, recall = (near.any(axis).double().mean().item() for axis in (1, 0))
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
