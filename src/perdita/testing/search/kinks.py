"""Is the gradient continuous? Follow it along lines and narrow down where it changes most."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from perdita.testing.registry import at
from perdita.testing.search.points import Points, draw
from perdita.testing.subject import Subject

GRID, REACH, HALVINGS, SUSPECTS = 301, 6.0, 38, 4


def find_kink(subject: Subject, effort: int) -> str:
    """A place on a line where the slope or the value jumps: the jump stays when the interval shrinks to rounding."""
    points = draw(subject, 16 * effort, 9, largest=0.5)
    count = len(points.z)
    generator = torch.Generator().manual_seed(10)
    direction = torch.randn(points.z.shape, generator=generator, dtype=torch.float64)
    direction[::4] = (torch.rand(direction[::4].shape, generator=generator) > 0.7).double()  # along the axes
    direction = torch.where(direction.flatten(1).any(1).view(-1, *[1] * (direction.ndim - 1)), direction, 1.0)
    start = points.z.clone()
    start[1::4] = 0.0  # through the origin, where norms and absolute values have their kinks
    time = torch.linspace(-REACH, REACH, GRID, dtype=torch.float64)

    def along(lines: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
        """Value and slope of some lines at some times, one for each."""
        own, view = points.take(lines), (-1, *[1] * (points.z.ndim - 1))
        z = (start[lines] + times.view(view) * direction[lines]).requires_grad_()
        values = own.at(z)
        gradient = torch.autograd.grad(values.sum(), z)[0]
        return values.detach(), (gradient * direction[lines]).flatten(1).sum(1)

    lines = torch.arange(count).repeat_interleave(GRID)
    values, slopes = (found.view(count, GRID) for found in along(lines, time.repeat(count)))
    for what, curve in (("slope", slopes), ("value", values)):
        if found := _narrow(points, along, what, curve, time, start, direction):
            return found
    return ""


def _narrow(
    points: Points, along: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], what: str, curve: Tensor, time: Tensor,
    start: Tensor, direction: Tensor,
) -> str:  # fmt: skip
    """Halve the most suspect intervals of every line, each time keeping the half with the larger change."""
    change = curve.diff(dim=1)
    around = torch.nn.functional.pad(change.abs(), (1, 1))
    surprise = change.abs() - (around[:, :-2] + around[:, 2:]) / 2
    suspects = surprise.nan_to_num(torch.inf).topk(SUSPECTS, dim=1).indices
    lines = torch.arange(len(curve)).repeat_interleave(SUSPECTS)
    picked = suspects.flatten()
    low, high = time[picked], time[picked + 1]
    at_low, at_high = curve[lines, picked], curve[lines, picked + 1]
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        values, slopes = along(lines, middle)
        at_middle = slopes if what == "slope" else values
        left = (at_middle - at_low).abs() > (at_high - at_middle).abs()
        high, at_high = torch.where(left, middle, high), torch.where(left, at_middle, at_high)
        low, at_low = torch.where(left, low, middle), torch.where(left, at_low, at_middle)
    jump = (at_high - at_low).abs() / (1e-3 + torch.maximum(at_low.abs(), at_high.abs()))
    worst = int(jump.argmax())
    if not jump[worst] > 1e-4:
        return ""
    place = start[lines] + low.view(-1, *[1] * (start.ndim - 1)) * direction[lines]
    own = points.take(lines)
    return (
        f"the {what} jumps from {at_low[worst]:.6g} to {at_high[worst]:.6g}{at(own.describe(own.link(place), worst))}"
    )
