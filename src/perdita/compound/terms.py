"""A term of a compound: a criterion, what it reads of the model's outputs and of the batch, and what it weighs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from perdita.compound.schedules import Schedule, build_schedule
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float

Fields = str | int | Sequence[str | int] | Mapping[str, str | int] | None


@dataclass(frozen=True)
class Term:
    """One criterion among several.

    A field is a key of a mapping, an attribute of an object or a place in a tuple. A field or a list of fields goes to
    the criterion by position, outputs first; a mapping goes by keyword, {argument: field}; None hands over everything.

    Args:
        criterion: called with what was read, for a scalar.
        outputs: which of the model's outputs it reads.
        batch: which fields of the batch it reads.
        weight: its weight in the total.
        schedule: factor of the weight by progress, or the schedule's configuration.

    Example:
        >>> from perdita.compound import Term
        >>> depth = Term(perdita.L1(), outputs="depth", batch={"target": "depth", "mask": "valid"}, weight=0.5)
    """

    criterion: nn.Module
    outputs: Fields = None
    batch: Fields = None
    weight: float = 1.0
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.criterion, nn.Module):
            raise InputError(f"a term's criterion must be a module, not {type(self.criterion).__name__}")
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float):
            raise InputError(f"a term's weight must be a number, not {self.weight!r}")
        object.__setattr__(self, "schedule", build_schedule(self.schedule))

    def scale(self, progress: float) -> float:
        """The term's weight at a progress."""
        return self.weight if self.schedule is None else self.weight * float(self.schedule(progress))

    def read(self, name: str, outputs: Any, batch: Any) -> tuple[list[Any], dict[str, Any]]:
        """The criterion's arguments, by position and by keyword. Raises `InputError` for a field that is not there."""
        placed: list[Any] = []
        named: dict[str, Any] = {}
        for what, source, fields in (("output", outputs, self.outputs), ("batch field", batch, self.batch)):
            if fields is None:
                placed.append(source)
            elif isinstance(fields, Mapping):
                named |= {key: _field(name, what, source, field) for key, field in fields.items()}
            else:
                chosen = [fields] if isinstance(fields, str | int) else fields
                placed += [_field(name, what, source, field) for field in chosen]
        return placed, named


def check_names(what: str, names: Collection[str], known: Collection[str]) -> None:
    """Raise `InputError` where a name is no term's, with the nearest ones."""
    for name in names:
        if name not in known:
            there = nearest(str(name), known) or f"; there are {', '.join(known)}"
            raise InputError(f"{what} names the term {name!r}, which is not there{there}")


def check_finite(values: Float[Tensor, "k"], names: Collection[str], verb: str, step: int) -> None:
    """Raise `InputError` that names the term and the step where a number is NaN or infinite."""
    if not values.isfinite().all():
        found = dict(zip(names, values.tolist(), strict=True))
        name = next(name for name, value in found.items() if not math.isfinite(value))
        raise InputError(f"term {name!r} {verb} {found[name]} at step {step}")


def _field(name: str, what: str, source: Any, field: str | int) -> Any:
    """One field of the outputs or of the batch."""
    if isinstance(source, Mapping):
        if field in source:
            return source[field]
        there = list(map(str, source))
    elif isinstance(field, int) and isinstance(source, Sequence):
        if -len(source) <= field < len(source):
            return source[field]
        there = list(map(str, range(len(source))))
    elif isinstance(field, str) and not isinstance(source, Tensor) and hasattr(source, field):
        return getattr(source, field)
    else:
        raise InputError(
            f"term {name!r} reads the {what} {field!r}, but a {type(source).__name__} came, without fields"
        )
    raise InputError(
        f"term {name!r} reads the {what} {field!r}, which is not there{nearest(str(field), there)}; "
        f"there are: {', '.join(there) or 'none'}"
    )
