"""The shape of a loss: its value against one number, and a small drawing of it for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from perdita.core.card import Card
from perdita.core.errors import InputError
from perdita.core.signature import REQUIRED, Field, Shape

CLASSES = 3
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # bits of a braille character, by row and column
# Domain of the target → the number that stands for "the true class", or for a target in the middle.
TARGETS = {"real": 0.0, "binary": 1.0, "unit": 1.0, "sign": 1.0, "nonnegative": 1.0, "positive": 1.0, "labels": 0.0}
# Domain of the prediction → where it runs from and to.
SPANS = {"real": (-6.0, 6.0), "unit": (0.01, 0.99), "simplex": (0.01, 0.99), "positive": (0.05, 4.0)}


@dataclass(frozen=True)
class Curve:
    """Values of a loss, and what they are drawn against."""

    axis: str
    x: tuple[float, ...]
    y: tuple[float, ...]


def loss_curve(card: Card, points: int = 121) -> Curve | None:
    """The loss of one item against its true class's logit (others 0), its probability, or the residual.

    Rows are items, so it is drawn only where each row stands for itself and takes a prediction and a target alone;
    None for any other loss, and where a value is not finite.
    """
    needed = [field for field in card.signature.fields if not field.optional]
    if len(needed) != 2 or card.function is None or not card.rowwise or REQUIRED in card.signature.defaults.values():
        return None
    prediction, target = needed
    low, high = SPANS.get(prediction.domain, (math.nan, math.nan))
    x = torch.linspace(low, high, points, dtype=torch.float64)
    tensors = [_prediction(prediction, x), _target(target, points)]
    if math.isnan(low) or any(tensor is None for tensor in tensors):
        return None
    try:
        values = card.function(*tensors, reduction="none")
    except (InputError, RuntimeError):  # shapes of a family that has no such picture
        return None
    if values.shape[:1] != (points,) or not values.isfinite().all():
        return None
    y = values.detach().double().flatten(1).mean(1) if values.ndim > 1 else values.detach().double()
    return Curve(_axis(prediction, target), tuple(x.tolist()), tuple(y.tolist()))


def draw(curve: Curve, width: int = 56, height: int = 9, unicode: bool = True) -> list[str]:
    """Lines of text with the curve: braille dots, or asterisks where the terminal knows only ASCII."""
    across, down = (2, 4) if unicode else (1, 1)
    low, high = min(curve.y), max(curve.y)
    span = high - low or 1.0
    columns, rows = width * across, height * down
    cells = [[0] * width for _ in range(height)]
    previous: int | None = None
    for column in range(columns):
        value = _at(curve.y, column / (columns - 1))
        row = round((high - value) / span * (rows - 1))
        start = row if previous is None else previous  # a steep curve stays joined
        for filled in range(min(start, row), max(start, row) + 1):
            cells[filled // down][column // across] |= DOTS[filled % 4][column % 2] if unicode else 1
        previous = row
    plot = ["".join((chr(0x2800 + cell) if unicode else "*") if cell else " " for cell in line) for line in cells]
    labels = [f"{high:.3g}", *[""] * (height - 2), f"{low:.3g}"]
    margin = max(map(len, labels))
    side, corner, floor = ("│", "└", "─") if unicode else ("|", "+", "-")
    lines = [f"{label:>{margin}} {side}{line.rstrip()}" for label, line in zip(labels, plot, strict=True)]
    ends = f"{curve.x[0]:<8.3g}{curve.axis:^{max(width - 16, 0)}}{curve.x[-1]:>8.3g}"
    return [*lines, f"{'':>{margin}} {corner}{floor * width}", f"{'':>{margin}}  {ends}"]


def _at(values: Sequence[float], share: float) -> float:
    """Linear interpolation over equally spaced values; ``share`` in [0, 1]."""
    place = share * (len(values) - 1)
    left = min(int(place), len(values) - 2)
    return values[left] + (place - left) * (values[left + 1] - values[left])


def _dims(shape: Shape, points: int) -> tuple[int, ...] | None:
    """Sizes with ``n`` items and ``c`` classes and nothing else; None where the shape has other dimensions."""
    named = {"n": points, "c": CLASSES}
    fixed = shape.before + shape.after
    sizes = tuple(named[dim] for dim in fixed if dim in named)
    if len(sizes) != len(fixed):
        return None
    return sizes or ((points,) if shape.variadic else None)


def _prediction(field: Field, x: Tensor) -> Tensor | None:
    sizes = _dims(field.shapes[0], len(x))
    if sizes is None or sizes[0] != len(x):
        return None
    if len(sizes) == 1:
        return x
    others = (1 - x) / (sizes[1] - 1) if field.domain == "simplex" else torch.zeros_like(x)
    return torch.stack([x, *[others] * (sizes[1] - 1)], dim=1)


def _target(field: Field, points: int) -> Tensor | None:
    sizes = _dims(field.shapes[0], points)
    if sizes is None or sizes[0] != points:
        return None
    if field.shapes[0].kind == "Int":
        return torch.full(sizes, int(TARGETS.get(field.domain, 0.0)))
    if field.domain == "simplex" and len(sizes) == 2:
        return torch.eye(CLASSES, dtype=torch.float64)[torch.zeros(points, dtype=torch.long)]
    value = TARGETS.get(field.domain)
    return None if value is None else torch.full(sizes, value, dtype=torch.float64)


def _axis(prediction: Field, target: Field) -> str:
    if prediction.domain in ("unit", "simplex"):
        return "probability of the true class"
    if target.domain == "real":
        return "prediction - target" if target.shapes[0].kind == "Float" else "prediction"
    if target.domain in ("nonnegative", "positive"):
        return "prediction, for a target of 1"
    return "logit of the true class"
