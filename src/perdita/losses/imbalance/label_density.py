"""How much a target counts where some targets are rare: the density of targets, and weights that fall with it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

EXACT = 20_000  # targets up to which every pair is looked at
GRID = 1 << 14
SHAPES = ("mdi", "reciprocal", "cosine", "linear", "dense")


@component("cisir")
def label_density(
    target: Float[Tensor, "n"], *, bandwidth: float = 0.07, tail_threshold: float | None = None
) -> Float[Tensor, "n"]:
    """Density of the training targets at each of them, by a Gaussian kernel.

    Args:
        target: (n,) training targets.
        bandwidth: of the kernel, in standard deviations of the targets.
        tail_threshold: targets from here on all get the least density among them; None leaves the tail as it is. The
            released code has 2.0, in the unit of one of its data sets.

    Returns:
        (n,) densities; for more than 20,000 targets from a grid, to about four digits.

    Raises:
        InputError: targets of another shape or dtype, fewer than two of them, targets that are all equal, a bandwidth
            that is not positive.
    """
    if target.ndim != 1 or not target.is_floating_point():
        raise InputError(f"target must be floating and of shape (n,), not {target.dtype} of {tuple(target.shape)}")
    if bandwidth <= 0:
        raise InputError(f"bandwidth must be positive, not {bandwidth}")
    width = bandwidth * target.std() if len(target) > 1 else torch.zeros(())
    if not width > 0:
        raise InputError("target must hold at least two different numbers to have a density")
    density = _pairs(target, width) if len(target) <= EXACT else _grid(target, width)
    if tail_threshold is None:
        return density
    tail = target >= tail_threshold
    return torch.where(tail, torch.where(tail, density, math.inf).min(), density)


@component("cisir")
def density_importance(density: Float[Tensor, "n"], *, shape: str = "mdi", alpha: float = 1.0) -> Float[Tensor, "n"]:
    """Weights that fall with the density of the target, with a mean of one.

    With x = density / (largest density + 0.001) and u the density moved to [0, 1]:

    - ``mdi``: (1 - x^alpha)^(1/alpha), which is its own inverse; alpha = 1 is a line, 2 a quarter of a circle;
    - ``reciprocal``: (x + 1e-8)^-alpha, whose alpha = 1/2 is the square-root inverse;
    - ``cosine``: cos(u pi / 2)^alpha;
    - ``linear``: largest density - density;
    - ``dense``: max(1 - alpha u, 1e-6).

    Args:
        density: (n,) as of `label_density`, of the whole training set.
        shape: one of the five.
        alpha: its parameter, above 0; unused by ``linear``.

    Returns:
        (n,) weights. The released code makes them sum to one and adds up over the batch: its squared error is the mean
        under these weights times the share of the training set that a batch is.

    Raises:
        InputError: an unknown shape, an alpha that is not positive.
    """
    if shape not in SHAPES:
        raise InputError(f"shape must be one of {SHAPES}, not {shape!r}")
    if alpha <= 0:
        raise InputError(f"alpha must be positive, not {alpha}")
    low, high = torch.aminmax(density)
    unit = (density - low) / torch.where(high > low, high - low, 1.0)
    x = density / (high + 1e-3)
    weights = {
        "mdi": lambda: (1 - x**alpha) ** (1 / alpha),
        "reciprocal": lambda: (x + 1e-8) ** -alpha,
        "cosine": lambda: torch.cos(unit * math.pi / 2).clamp_min(0) ** alpha,
        "linear": lambda: high - density,
        "dense": lambda: (1 - alpha * unit).clamp_min(1e-6),
    }[shape]()
    mean = weights.mean()
    return weights / torch.where(mean > 0, mean, 1.0)


def _pairs(target: Float[Tensor, "n"], width: Tensor) -> Float[Tensor, "n"]:
    """The mean of the kernel over all targets, a thousand of them at a time."""
    found = [torch.exp(-0.5 * ((rows[:, None] - target) / width).square()).mean(1) for rows in target.split(1000)]
    return torch.cat(found) / (width * math.sqrt(2 * math.pi))


def _grid(target: Float[Tensor, "n"], width: Tensor) -> Float[Tensor, "n"]:
    """The same on a grid: each target is shared between the two points beside it, then smoothed and read again."""
    low, high = target.min() - 5 * width, target.max() + 5 * width
    step = (high - low) / (GRID - 1)
    place = (target - low) / step
    left = place.long().clamp(0, GRID - 2)
    share = place - left
    mass = torch.zeros(GRID, dtype=target.dtype, device=target.device)
    mass = mass.index_add(0, left, 1 - share).index_add(0, left + 1, share) / len(target)
    frequency = 2 * math.pi * torch.fft.rfftfreq(2 * GRID, 1.0, dtype=target.dtype, device=target.device)
    smooth = torch.exp(-0.5 * (frequency * width / step).square())  # transform of the kernel
    density = torch.fft.irfft(torch.fft.rfft(mass, 2 * GRID) * smooth, 2 * GRID)[:GRID] / step
    return torch.lerp(density[left], density[left + 1], share).clamp_min(0)
