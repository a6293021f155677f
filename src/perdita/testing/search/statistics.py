"""The statistic of the targets at which a constant prediction is best: what ``Traits(minimizer=…)`` may name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Statistic = Callable[[Tensor, Mapping[str, Any]], Tensor]


def quantile(targets: Tensor, options: Mapping[str, Any]) -> Tensor:
    """The quantile of the loss's own level (hyper-parameter ``level`` or ``quantile``)."""
    return torch.quantile(targets, _level(options), interpolation="higher")


def expectile(targets: Tensor, options: Mapping[str, Any]) -> Tensor:
    """The e at which the excess above and below balance: level E(y - e)+ = (1 - level) E(e - y)+."""
    level, low, high = _level(options), targets.min(), targets.max()
    for _ in range(100):
        middle = (low + high) / 2
        excess = level * (targets - middle).clamp(min=0).mean() - (1 - level) * (middle - targets).clamp(min=0).mean()
        low, high = torch.where(excess > 0, middle, low), torch.where(excess > 0, high, middle)
    return (low + high) / 2


def mode(targets: Tensor, options: Mapping[str, Any]) -> Tensor:
    """The most frequent value."""
    values, counts = targets.unique(return_counts=True)
    return values[counts.argmax()]


def _level(options: Mapping[str, Any]) -> float:
    for name in ("level", "quantile", "levels", "quantiles"):
        if name in options:
            value = options[name]
            return float(value[0] if isinstance(value, list | tuple) else value)
    raise KeyError("a loss whose minimiser is a quantile or expectile has the hyper-parameter 'level'")


STATISTICS: dict[str, Statistic] = {
    "mean": lambda targets, options: targets.mean(),
    "median": lambda targets, options: targets.median(),
    "mode": mode,
    "quantile": quantile,
    "expectile": expectile,
    "log_mean": lambda targets, options: targets.mean().log(),
    "mean_log": lambda targets, options: targets.log().mean(),
    "geometric_mean": lambda targets, options: targets.log().mean().exp(),
    "harmonic_mean": lambda targets, options: 1 / (1 / targets).mean(),
    "log_odds": lambda targets, options: torch.logit(targets.mean()),
    "log_median": lambda targets, options: targets.median().log(),
    "midrange": lambda targets, options: (targets.min() + targets.max()) / 2,
}
