"""How a term's weight changes while training goes on: functions of progress, from 0 at its start to 1 at its end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from perdita.core.errors import InputError, nearest

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class WarmUp:
    """Rises on a line from ``start`` to 1 at progress ``until``, and stays there."""

    until: float = 0.1
    start: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.until <= 1:
            raise InputError(f"until must be a share of the training in (0, 1], not {self.until}")

    def __call__(self, progress: float) -> float:
        """The factor at a progress."""
        return self.start + (1 - self.start) * min(progress / self.until, 1.0)


@dataclass(frozen=True)
class Cosine:
    """Goes from ``start`` to ``end`` on half a cosine wave."""

    start: float = 1.0
    end: float = 0.0

    def __call__(self, progress: float) -> float:
        """The factor at a progress."""
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class Stepwise:
    """1, then the factor of the last place that progress has reached: ``Stepwise({0.5: 0.1, 0.8: 0.0})``."""

    at: Mapping[float, float]

    def __post_init__(self) -> None:
        places = [float(place) for place in self.at]
        if not places or not all(0 <= place <= 1 for place in places):
            raise InputError(f"at must map shares of the training in [0, 1] to factors, not {dict(self.at)}")
        object.__setattr__(self, "at", {float(place): float(self.at[place]) for place in sorted(self.at, key=float)})

    def __call__(self, progress: float) -> float:
        """The factor at a progress."""
        reached = [factor for place, factor in self.at.items() if progress >= place]
        return reached[-1] if reached else 1.0


SCHEDULES: dict[str, type[WarmUp] | type[Cosine] | type[Stepwise]] = {
    "warm_up": WarmUp,
    "cosine": Cosine,
    "step": Stepwise,
}


def build_schedule(config: str | Mapping[str, Any] | Schedule | None) -> Schedule | None:
    """A schedule from its configuration, ``{"shape": "warm_up", "until": 0.2}`` or a bare shape; a callable stays.

    Raises `InputError` for an unknown shape or option.
    """
    if config is None or (callable(config) and not isinstance(config, str)):
        return config
    given = {"shape": config} if isinstance(config, str) else dict(config)
    shape = given.pop("shape", None)
    if shape not in SCHEDULES:
        close = nearest(str(shape), SCHEDULES) or f"; there are {', '.join(SCHEDULES)}"
        raise InputError(f"unknown schedule {shape!r}{close}")
    try:
        return SCHEDULES[shape](**given)
    except TypeError as error:
        raise InputError(f"schedule {shape}: {error}") from error


def schedule_config(schedule: Schedule) -> dict[str, Any]:
    """The inverse of `build_schedule`. Raises `InputError` for a callable that is none of `SCHEDULES`."""
    for shape, kind in SCHEDULES.items():
        if type(schedule) is kind:
            return {"shape": shape, **asdict(schedule)}
    raise InputError(f"the schedule {schedule!r} is no name in a configuration; those are {', '.join(SCHEDULES)}")


def check_length(scheduled: Sequence[str], steps: int | None, position: int) -> None:
    """Raise `InputError` where terms have a schedule and the training's length is unknown or at its end."""
    if scheduled and steps is None:
        raise InputError(f"term {scheduled[0]!r} has a schedule, so the compound needs steps, the training's length")
    if scheduled and position >= (steps or 0):
        raise InputError(
            f"the schedule of term {scheduled[0]!r} ended at step {steps}, and the training goes on; "
            "give the compound as many steps as the training has"
        )
