"""Data for a comparison: any source becomes one table of features and a target, and a task with its reason."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perdita.compare.data.sources import Source, open_source
from perdita.compare.data.target import read_target
from perdita.core.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from perdita.compare.spec import DataSpec

ROW_NUMBER_NAMES = ("", "id", "index", "row", "unnamed: 0", "rownames")
TEXT_LEVELS = 20  # text with more levels, most of them unique, names rows and says nothing of them


@dataclass(frozen=True)
class Table:
    """Features and target, ready to be split; rows are examples."""

    features: pl.DataFrame | np.ndarray  # a frame of columns, or numbers (n, f), (n, h, w) or (n, channels, h, w)
    target: np.ndarray  # classes 0..c-1, or numbers (n,) or (n, k) in their own units
    task: str
    feature_names: tuple[str, ...]  # empty where the features are images
    class_names: tuple[str, ...]  # the labels in the data, in sorted order; empty for a regression
    name: str
    fingerprint: str  # of the content: 16 hexadecimal digits
    why_task: str  # how the task was inferred
    notes: tuple[str, ...] = ()  # what was left out or changed, in sentences

    @property
    def rows(self) -> int:
        """Number of examples."""
        return len(self.target)

    @property
    def outputs(self) -> int:
        """Numbers that a model gives for an example: one for each class (two for a binary task too) or target."""
        if self.task != "regression":
            return len(self.class_names)
        return 1 if self.target.ndim == 1 else self.target.shape[1]

    def summary(self) -> dict[str, Any]:
        """What a report says of the data."""
        shape = self.features.shape[1:]
        found: dict[str, Any] = {"name": self.name, "rows": self.rows, "features": " × ".join(map(str, shape))}
        if self.task == "regression":
            found |= {"targets": self.outputs}
        else:
            counts = np.bincount(self.target, minlength=len(self.class_names)).tolist()
            found |= {"classes": dict(zip(self.class_names, counts, strict=True))}
        return {**found, "task": self.task, "fingerprint": self.fingerprint}


def load(spec: DataSpec) -> Table:
    """Read what ``spec`` names: an embedded set, a file, an image folder or a Hugging Face data set.

    Raises:
        InputError: no such source, or a target that cannot be learnt; one line says which and why.
        MissingExtraError: a library that this source needs is not installed.
    """
    for library in ("polars", "sklearn", "scipy"):
        if importlib.util.find_spec(library) is None:
            raise MissingExtraError(library, "compare")
    return make_table(open_source(spec.source, spec.target), spec.task)


def save_arrays(folder: Path, features: Any, target: Any) -> Path:
    """Keep arrays in memory as a file, so that a worker or a later run finds them: ``folder/arrays.npz``.

    Args:
        folder: made if need be.
        features: numbers (n, f), (n, h, w) or (n, channels, h, w); a NumPy array, tensor or anything like one.
        target: numbers or text, (n,) or (n, k).

    Raises:
        InputError: features that are no numbers, or not as many as the targets.
    """
    arrays = {"features": np.asarray(features), "target": np.asarray(target)}
    if arrays["target"].dtype.kind == "O":
        arrays["target"] = arrays["target"].astype(str)
    if arrays["features"].dtype.kind not in "biuf":
        raise InputError("features must be an array of numbers; for columns of text write a CSV or Parquet file")
    if arrays["features"].ndim == 0 or arrays["target"].ndim == 0:
        raise InputError("features and target must be arrays with a row for each example")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "arrays.npz"
    np.savez(path, **arrays)
    return path


def make_table(source: Source, task: str | None = None) -> Table:
    """Infer the task, encode the target and drop the columns that cannot help."""
    if len(source.features) == 0:
        raise InputError(f"{source.name} has no rows")
    if len(source.features) != len(source.target):
        raise InputError(
            f"{source.name} has {len(source.features)} rows of features but {len(source.target)} of the target"
        )
    target = read_target(source.target, source.target_name, task)
    if isinstance(source.features, np.ndarray):
        features, names, notes = _clean_array(source.features, source.name)
    else:
        features, names, notes = _clean_frame(source.features, source.name)
    return Table(
        features,
        target.values,
        target.task,
        names,
        target.class_names,
        source.name,
        _fingerprint(features, target.values, target.task, target.class_names),
        target.why,
        (*source.notes, *notes, *target.notes),
    )


def _clean_array(features: np.ndarray, name: str) -> tuple[np.ndarray, tuple[str, ...], list[str]]:
    if features.dtype.kind not in "biuf":
        raise InputError(f"the features of {name} must be numbers, not {features.dtype}")
    if features.ndim not in (2, 3, 4) or 0 in features.shape:
        raise InputError(
            f"the features of {name} must have shape (n, f), (n, h, w) or (n, channels, h, w), not {features.shape}"
        )
    notes = []
    channels = (1, 3, 4)
    if features.ndim == 4 and features.shape[-1] in channels and features.shape[1] not in channels:
        features = np.moveaxis(features, -1, 1)
        notes.append(f"The last axis of the images, of size {features.shape[1]}, was read as their channels.")
    if features.dtype.kind == "f" and not np.isfinite(features).all():
        missing = ~np.isfinite(features)
        features = np.where(missing, np.nan, features)
        notes.append(f"{missing.sum()} features that are no finite number count as missing.")
    names = tuple(f"x{index}" for index in range(features.shape[1])) if features.ndim == 2 else ()
    return np.ascontiguousarray(features), names, notes


def _clean_frame(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, tuple[str, ...], list[str]]:
    import polars as pl
    import polars.selectors as cs

    dropped: dict[str, list[str]] = {}
    infinite = sum(int(column.is_infinite().sum()) for column in frame.select(cs.float()))
    frame = frame.with_columns(cs.decimal().cast(pl.Float64))
    frame = frame.with_columns(pl.when(cs.float().is_finite()).then(cs.float()))  # NaN and infinity: missing
    for column in frame.columns:
        if reason := _why_useless(frame[column]):
            dropped.setdefault(reason, []).append(column)
    frame = frame.drop([column for columns in dropped.values() for column in columns])
    if not frame.width:
        raise InputError(f"{name} has no column to learn from besides the target")
    notes = [f"Left out, {reason}: {', '.join(map(repr, columns))}." for reason, columns in dropped.items()]
    if infinite:
        notes.append(f"{infinite} infinite features count as missing.")
    missing = sum(column.null_count() for column in frame)
    if missing:
        notes.append(f"{missing} features are missing; the median or a level of its own stands for them.")
    return frame, tuple(frame.columns), notes


def _why_useless(column: pl.Series) -> str:
    """The reason to leave a column out, or nothing."""
    if column.dtype.is_nested() or str(column.dtype) in ("Object", "Binary", "Null"):
        return "constant" if column.null_count() == len(column) else f"of type {column.dtype}"
    distinct = column.n_unique()
    if distinct == 1:
        return "constant"
    if str(column.dtype) == "String" and distinct > max(TEXT_LEVELS, len(column) / 2):
        return "text that differs in most rows"
    if column.name.strip().lower() in ROW_NUMBER_NAMES and column.dtype.is_integer() and not column.null_count():
        steps = column.to_numpy() - np.arange(len(column))
        if np.ptp(steps) == 0:
            return "the row's number"
    return ""


def _fingerprint(features: Any, target: np.ndarray, task: str, class_names: tuple[str, ...]) -> str:
    digest = hashlib.sha256(repr((task, class_names)).encode())
    if not isinstance(features, np.ndarray):
        digest.update(repr([str(dtype) for dtype in features.dtypes]).encode())
        digest.update(features.write_csv().encode())
    for array in (features, target):
        if isinstance(array, np.ndarray):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
