"""The log of a training as a file: CSV as loggers, boards and spreadsheets write it, with what is missing left out."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float

STEP_NAMES = ("step", "global_step", "_step", "iteration", "iter", "epoch")  # the first that a log has, in any case
DELIMITERS = (",", ";", "\t")  # the one that the first line has most of


@dataclass(frozen=True)
class Series:
    """A column of a log, where it has values, by their steps."""

    steps: Float[np.ndarray, "n"]
    values: Float[np.ndarray, "n"]


def read_log(path: str | Path, step: str | None = None) -> dict[str, Series]:
    """The numeric columns of a CSV file by name; empty cells and text are left out, ``nan`` and ``inf`` are kept.

    Fields may be separated by commas, tabs or semicolons, with which a comma is a decimal point. Lines are ordered by
    their steps, those of one step as they come, and a last line that was cut off is left out.

    Args:
        path: of the file; its first line names the columns.
        step: the column of steps; None takes the first of `STEP_NAMES` that is there, else counts the lines.

    Raises:
        InputError: no such file or column, no text, no lines, lines of unequal length, two columns of one name, no
            column with numbers.
    """
    path = Path(path)
    names, lines, delimiter = _lines(path)
    known = {name.lower(): name for name in reversed(names)}
    if step is None:
        step = next((known[name] for name in STEP_NAMES if name in known), None)
    elif step not in names:
        raise InputError(f"{path} has no column {step!r}{nearest(step, names)}")
    columns = {name: [_number(line[place], delimiter) for line in lines] for place, name in enumerate(names)}
    counted: list[float | None] = [float(count) for count in range(len(lines))]
    steps = counted if step is None else columns.pop(step)
    found = {}
    for name, values in columns.items():
        pairs = np.array([(at, value) for at, value in zip(steps, values, strict=True) if None not in (at, value)])
        if len(pairs):
            kept = pairs[~np.isnan(pairs[:, 0])]
            found[name] = Series(*kept[np.argsort(kept[:, 0], kind="stable")].T)
    if not found:
        shown = ", ".join(f"{name} has {line!r}" for name, line in zip(names, lines[0], strict=True) if name != step)
        raise InputError(f"{path} has no column of numbers beside its steps: {shown or 'there is none at all'}")
    return found


def _lines(path: Path) -> tuple[list[str], list[list[str]], str]:
    """The names, the lines under them, and what separates their fields."""
    if not path.exists():
        raise InputError(f"no such file: {path}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; name the CSV file of the log")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no CSV file: it is no text in UTF-8 ({error.reason})") from error
    head = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    lines = csv.reader(text.splitlines(), delimiter=delimiter)
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line]
    if len(numbered) < 2:
        raise InputError(f"{path} must have a line of names and lines of numbers")
    names = [name.strip() for name in numbered[0][1]]
    if len(numbered) > 2 and len(numbered[-1][1]) < len(names):  # a training that was killed while it wrote
        numbered.pop()
    for number, line in numbered[1:]:
        if len(line) != len(names):
            raise InputError(f"{path}: line {number} has {len(line)} cells, but there are {len(names)} names")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path} has two columns called {twice[0]!r}; rename one of them")
    return names, [line for _, line in numbered[1:]], delimiter


def _number(cell: str, delimiter: str) -> float | None:
    try:
        return float(cell.replace(",", ".") if delimiter == ";" else cell)
    except ValueError:  # an empty cell, or text
        return None
