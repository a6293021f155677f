"""What a few calls tell of a loss that no trait names: how hard outliers pull, and whether easy background counts."""

from __future__ import annotations

import torch

from perdita.catalogue.curve import loss_curve
from perdita.core.card import Card
from perdita.core.errors import InputError

SAME = 1.02  # times the slope: the tails of log-cosh, say, are straight up to that
EASY = 20.0  # a logit that leaves no doubt


def pulls_evenly(card: Card) -> bool:
    """Whether the slope of a loss of residuals does not grow from a residual of 3 to one of 6."""
    curve = loss_curve(card)
    if curve is None or curve.axis != "prediction - target":
        return False
    slope = [abs(b - a) for a, b in zip(curve.y, curve.y[1:], strict=False)]
    quarter = len(slope) // 4
    return slope[-1] <= SAME * slope[-quarter] and slope[0] <= SAME * slope[quarter - 1]


def background_is_free(card: Card) -> bool:
    """Whether background that is predicted right changes nothing, however much of it an image has."""
    if card.function is None:
        return False
    logits, target = torch.tensor([[[1.0, -1.0], [2.0, 0.5]]]), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    more = torch.nn.functional.pad(logits, (0, 200), value=-EASY), torch.nn.functional.pad(target, (0, 200))
    try:
        alone, among = card.function(logits, target), card.function(*more)
    except (InputError, RuntimeError, TypeError):  # of classes, or of further tensors
        return False
    return bool((alone - among).abs() < 1e-4 * alone.abs())
