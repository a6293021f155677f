"""The target: which task it asks for, and its values as class numbers or as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perdita.compare.spec import TASKS
from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    import polars as pl

MOST_CLASSES = 20  # whole numbers with more distinct values are a quantity


@dataclass(frozen=True)
class Target:
    """The target as it is learnt."""

    values: np.ndarray  # int64 classes (n,), or float64 (n,) or (n, k)
    task: str
    class_names: tuple[str, ...]
    why: str
    notes: tuple[str, ...] = ()


def read_target(values: Any, name: str, task: str | None = None) -> Target:
    """Infer the task (unless given), check every value and encode the classes 0..c-1 in the labels' sorted order.

    Text and booleans are classes. Whole numbers are classes where there are at most 20 of them and each occurs twice;
    all other numbers are a quantity. Two classes make a binary task.

    Args:
        values: a Polars series or NumPy array (n,), or numbers (n, k) for a regression of k targets.
        name: of the target, for the messages.
        task: multiclass, binary or regression instead of the inferred one; or ordinal or embedding, never inferred.

    Raises:
        InputError: unknown task; missing or infinite values; one class only; text in a regression; no classes at all.
    """
    import polars as pl

    if task is not None and task not in TASKS:
        raise InputError(f"task must be one of {', '.join(TASKS)}, not {task!r}{nearest(task, TASKS)}")
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if isinstance(values, np.ndarray):
        if values.ndim == 2:
            return _several(values, name, task)
        if values.ndim != 1 or values.dtype.kind not in "biufU":
            raise InputError(f"target {name!r} must be numbers or text, one for each row; it has type {values.dtype} "
                             f"and shape {values.shape}")  # fmt: skip
        values = pl.Series(name, values)
    column: pl.Series = values.cast(pl.Float64) if values.dtype.is_decimal() else values
    text = column.dtype in (pl.String, pl.Categorical, pl.Enum)
    if not (text or column.dtype == pl.Boolean or column.dtype.is_numeric()):
        if column.null_count() == len(column):
            _refuse_missing(np.ones(len(column), dtype=bool), name)
        raise InputError(f"target {name!r} must be numbers, text or booleans, not {column.dtype}")
    _refuse_missing(_missing(column), name)
    if task is None:
        inferred, why = _infer(column, name, text)
    else:
        inferred, why = task, f"Task {task}: as asked."
    if inferred == "regression":
        return Target(_numbers(column, name, text), "regression", (), why)
    return _classes(column, name, None if task is None else inferred, why)


def _infer(column: pl.Series, name: str, text: bool) -> tuple[str, str]:
    import polars as pl

    distinct = column.n_unique()
    if text:
        numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
        some = numbers.drop_nulls().n_unique()
        if numbers.null_count() and some and (some > MOST_CLASSES or distinct > len(column) / 2):
            _refuse_text(column, numbers, name)
        return "classes", f"the target {name!r} is text with {distinct} different values"
    if column.dtype == pl.Boolean:
        return "classes", f"the target {name!r} is true or false"
    whole = column.dtype.is_integer() or bool((column == column.round()).all())
    least = int(column.value_counts()["count"].min())
    if whole and distinct <= MOST_CLASSES and (least >= 2 or distinct == 1):
        return "classes", f"the target {name!r} has only {distinct} different whole numbers, each more than once"
    kind = "whole " if whole else ""
    return "regression", f"Task regression: the target {name!r} has {distinct} different {kind}numbers."


def _classes(column: pl.Series, name: str, task: str | None, why: str) -> Target:
    import polars as pl

    ordered = column.cast(pl.String) if column.dtype in (pl.Categorical, pl.Enum) else column
    labels, values = np.unique(ordered.to_numpy(), return_inverse=True)
    if len(labels) == 1:
        raise InputError(f"target {name!r} has one class only, {_label(labels[0])!r}: there is nothing to learn")
    if len(labels) > len(values) / 2:
        raise InputError(
            f"target {name!r} has {len(labels)} different values in {len(values)} rows, which are no classes"
            + ("; for a quantity the task is regression" if column.dtype.is_numeric() else "")
        )
    if task == "binary" and len(labels) != 2:
        raise InputError(f"task binary needs two classes, but target {name!r} has {len(labels)}")
    found = task or ("binary" if len(labels) == 2 else "multiclass")
    names = tuple(_label(label) for label in labels)
    single = [label for label, count in zip(names, np.bincount(values), strict=True) if count == 1]
    notes: tuple[str, ...] = (
        (f"Classes with a single row, always in the training part: {', '.join(single)}.",) if single else ()
    )
    if task == "ordinal":
        notes = (f"The levels, from the lowest: {', '.join(names)}.", *notes)
    return Target(values.astype(np.int64), found, names, why if task else f"Task {found}: {why}.", notes)


def _label(label: Any) -> str:
    """A label as text: 1.0 is 1."""
    return f"{label:g}" if isinstance(label, np.floating) and label == round(float(label)) else str(label)


def _numbers(column: pl.Series, name: str, text: bool) -> np.ndarray:
    import polars as pl

    if text:
        numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
        if numbers.null_count():
            _refuse_text(column, numbers, name)
        _refuse_missing(_missing(numbers), name)
        column = numbers
    values = column.cast(pl.Float64).to_numpy().copy()
    _refuse_constant(values, name)
    return values


def _several(values: np.ndarray, name: str, task: str | None) -> Target:
    if task not in (None, "regression"):
        raise InputError(f"target {name!r} has {values.shape[1]} columns, which is a regression, not {task}")
    if values.dtype.kind not in "biuf" or values.shape[1] == 0:
        raise InputError(f"a target of several columns must be numbers, not {values.dtype}")
    numbers = values.astype(np.float64)
    _refuse_missing(~np.isfinite(numbers).all(axis=1), name)
    for column in numbers.T:
        _refuse_constant(column, name)
    return Target(numbers, "regression", (), f"Task regression: the target has {values.shape[1]} columns.")


def _missing(column: pl.Series) -> np.ndarray:
    missing: np.ndarray = column.is_null().to_numpy().copy()
    if column.dtype.is_float():
        missing |= ~column.is_finite().fill_null(False).to_numpy()
    return missing


def _refuse_missing(missing: np.ndarray, name: str) -> None:
    if missing.any():
        rows = f"{missing.sum()} rows" if missing.sum() > 1 else "1 row"
        raise InputError(
            f"target {name!r} is missing, NaN or infinite in {rows}, first in data row {int(missing.argmax()) + 1}"
        )


def _refuse_text(column: pl.Series, numbers: pl.Series, name: str) -> None:
    first = int(numbers.is_null().to_numpy().argmax())
    raise InputError(f"target {name!r} of a regression must be numbers, but data row {first + 1} has {column[first]!r}")


def _refuse_constant(values: np.ndarray, name: str) -> None:
    if len(values) and np.ptp(values) == 0:
        raise InputError(f"target {name!r} is {values[0]:g} in every row: there is nothing to learn")
