"""The card of a loss: every fact about it, once. Catalogue, messages, docs, search spaces and tests all read it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from perdita.core.errors import InputError
from perdita.core.signature import REQUIRED, Signature


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is claimed of a loss; None claims nothing. The conformance battery searches for a counter-example of every
    True, and must find one for every False. They hold at the default hyper-parameters."""

    proper: bool | None = None  # the expected loss is minimal at the true class probabilities
    classification_calibrated: bool | None = None  # its minimiser ranks the most probable class first
    convex: bool | None = None  # in the first argument
    bounded: bool | None = None  # in the first argument
    nonnegative: bool | None = None
    symmetric: bool | None = None  # the sum over all labels is a constant
    shift_invariant: bool | None = None  # adding a constant to all logits of an item changes nothing
    scale_invariant: bool | None = None  # multiplying the logits by a positive number changes nothing
    differentiable: bool | None = None  # the gradient is continuous
    minimizer: str | None = None  # statistic of the targets at which a constant prediction is best, as in STATISTICS
    constant_hessian: bool | None = None

    def items(self) -> list[tuple[str, Any]]:
        """The claims that are made."""
        return [(f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) is not None]


@dataclass(frozen=True)
class Range:
    """Where a number may lie, and where a search for a good one should look (``search``, on a log scale if ``log``)."""

    low: float = -math.inf
    high: float = math.inf
    open: str = ""  # "low", "high" or "both": the ends that are excluded
    search: tuple[float, float] | None = None
    log: bool = False
    integer: bool = False

    def check(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} must be a number, not {value!r}")
        below = value < self.low or (value == self.low and self.open in ("low", "both"))
        above = value > self.high or (value == self.high and self.open in ("high", "both"))
        if below or above or value != value or (self.integer and int(value) != value):
            raise InputError(f"{name} must be {self}, not {value!r}")

    def __str__(self) -> str:
        left = "(" if self.open in ("low", "both") or self.low == -math.inf else "["
        right = ")" if self.open in ("high", "both") or self.high == math.inf else "]"
        return f"{'an integer' if self.integer else 'a number'} in {left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class Choice:
    """One of a few named values."""

    values: tuple[Any, ...]

    def check(self, name: str, value: Any) -> None:
        if value not in self.values:
            raise InputError(f"{name} must be one of {self.values}, not {value!r}")

    def __str__(self) -> str:
        return f"one of {', '.join(map(repr, self.values))}"


@dataclass(frozen=True)
class Cost:
    """How the work and the memory grow, and how many passes over the first argument forward and backward make."""

    time: str = "n c"
    memory: str = "n c"
    passes: int = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Card:
    """One loss in the catalogue."""

    name: str
    task: str
    paper: str | None
    aliases: tuple[str, ...]
    traits: Traits
    ranges: Mapping[str, Range | Choice]
    cost: Cost
    signature: Signature
    per_example: Callable[..., Any]
    doc: str
    ignore_index: int | None = None
    reduction: str = "mean"
    link: str = "softmax"  # or sigmoid: what makes probabilities of the outputs; another one's name where it is neither
    rowwise: bool = True  # each value depends on its own row alone; False for losses over sets, pairs or whole batches
    limits: Mapping[str, str] = field(default_factory=dict)  # a check of the battery it does not pass: why not
    function: Callable[..., Any] | None = None
    criterion: type[Any] | None = None

    @property
    def class_name(self) -> str:
        return self.criterion.__name__ if self.criterion else self.name

    @property
    def summary(self) -> str:
        return self.section("summary")

    @property
    def formula(self) -> str:
        return self.section("definition")

    @property
    def source(self) -> str:
        return self.section("source")

    def section(self, name: str) -> str:
        return sections(self.doc).get(name, "")

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise `InputError` for a hyper-parameter outside its range, or one that the loss does not have."""
        for name, value in options.items():
            if name not in self.signature.defaults:
                known = ", ".join(self.signature.defaults) or "none"
                raise InputError(f"{self.name} has no hyper-parameter {name!r} (it has: {known})")
            allowed = self.ranges.get(name)
            if allowed is not None and not (value is None and self.signature.defaults[name] is None):
                for single in value if isinstance(value, list | tuple) and isinstance(allowed, Range) else (value,):
                    allowed.check(name, single)
        missing = [name for name, value in self.signature.defaults.items() if value is REQUIRED and name not in options]
        if missing:
            raise InputError(f"{self.name} needs {', '.join(missing)}")


HEADS = ("Args", "Returns", "Raises", "Example", "Properties", "Cost", "Source")


def sections(doc: str) -> dict[str, str]:
    """Split a docstring into its parts: summary, definition, then one for each head (lower case)."""
    parts = re.split(rf"^({'|'.join(HEADS)}):[ \t]*\n?", doc, flags=re.MULTILINE)
    opening = parts[0].strip().split("\n\n", 1)
    found = {"summary": " ".join(opening[0].split()), "definition": opening[1].strip() if len(opening) > 1 else ""}
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        found[head.lower()] = "\n".join(line.removeprefix("    ") for line in body.rstrip().splitlines()).strip()
    return found


SHARED_ARGS = """\
    weight: (n,) up to the shape of the values; scales each item's share, and the mean divides by the sum of weights.
    mask: boolean, (n,) up to the shape of the values; False leaves an item out as if it were not there.
    ignore_index: items whose integer target equals it are left out.
    reduction: "mean", "sum", "none", or "batchmean" (the sum divided by the number of items).
    normalizer: number or tensor that replaces the mean's denominator (accumulated or sharded batches).
"""


def compose_doc(doc: str, traits: Traits, cost: Cost, arguments: str = SHARED_ARGS) -> str:
    """Add to a written docstring what the card knows: shared arguments, Properties and Cost, in the house's order."""
    claims = [f"{name}: {str(value).lower()}" for name, value in traits.items()]
    properties = f"Properties:\n    {'; '.join(claims) or 'none claimed'}.\n\n"
    price = f"Cost:\n    time O({cost.time}), memory O({cost.memory}), {cost.passes} passes over the first argument."
    head, source = (doc.rstrip() + "\n").split("\nSource:", 1) if "\nSource:" in doc else (doc.rstrip() + "\n", "")
    before, args, after = head.partition("\nReturns:")
    lines = [line for line in arguments.splitlines() if f"\n{line.split(':')[0]}:" not in before]
    shared = "\n".join([*lines, ""])
    return f"{before.rstrip()}\n{shared}{args}{after}".rstrip() + f"\n\n{properties}{price}\n\nSource:{source}"
