"""Where data come from: scikit-learn's bundled sets, CSV, Parquet and NPZ files, image folders, Hugging Face."""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perdita.core.errors import InputError, MissingExtraError, nearest

if TYPE_CHECKING:
    import polars as pl

EMBEDDED = ("digits", "wine", "breast_cancer", "diabetes", "iris", "linnerud")
ENDINGS = (".csv", ".tsv", ".parquet", ".npz")
FEATURE_NAMES = ("x", "X", "features", "data")
TARGET_NAMES = ("y", "Y", "target", "targets", "label", "labels")
MISSING = ["", "NA", "N/A", "null", "NULL", "?"]
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
LARGEST_SIDE, COMMON_SIDE = 64, 32


@dataclass(frozen=True)
class Source:
    """Features and target as they were read."""

    features: pl.DataFrame | np.ndarray
    target: Any  # a Polars series, or an array (n,) or (n, k)
    target_name: str
    name: str
    notes: tuple[str, ...] = ()


def open_source(source: str, target: str | None = None) -> Source:
    """Read an embedded set, a file, a folder of pictures (one sub-folder for each class) or ``hf:name``.

    Raises:
        InputError: no such source, file type, column or array, or a file that is broken or empty.
        MissingExtraError: pictures without Pillow, ``hf:`` without datasets.
    """
    check_source(source)
    path = Path(source)
    if source.startswith("hf:"):
        return _hub(source, target)
    if source in EMBEDDED:
        return _embedded(source, target)
    return _folder(path) if path.is_dir() else _file(path, target)


def check_source(source: str) -> None:
    """Raise `InputError` where there is no such source; nothing is read, and no library loaded."""
    path = Path(source)
    if source.startswith("hf:") or source in EMBEDDED or path.is_dir() or path.is_file():
        return
    if path.suffix or path.parent != Path("."):
        beside = [str(path.with_name(item.name)) for item in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"no such file: {source}{nearest(source, beside)}")
    raise InputError(
        f"unknown data set {source!r}{nearest(source, EMBEDDED)}; embedded are {', '.join(EMBEDDED)}; "
        f"or give a file ({', '.join(ENDINGS)}), a folder of pictures or hf:name"
    )


def _embedded(name: str, target: str | None) -> Source:
    import polars as pl
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    if name == "digits" and target in (None, "target"):
        return Source(bunch.images, bunch.target, "digit", name)
    frame = pl.DataFrame(np.asarray(bunch.data), schema=list(bunch.feature_names))
    if name == "linnerud":
        answers = pl.DataFrame(bunch.target, schema=list(bunch.target_names))
    elif name == "diabetes":
        answers = pl.DataFrame({"target": bunch.target})
    else:
        answers = pl.DataFrame({"target": np.asarray(bunch.target_names)[bunch.target].astype(str)})
    if target is None or target == "target":
        values = answers.to_series() if answers.width == 1 else answers.to_numpy()
        return Source(frame, values, ", ".join(answers.columns), name)
    return pick_target(frame.hstack(answers), target, name)


def pick_target(frame: pl.DataFrame, target: str | None, name: str, notes: Sequence[str] = ()) -> Source:
    """Take the target's column out of a frame; ``a,b`` names two.

    Raises:
        InputError: no target named, or no such column.
    """
    columns = " ".join(", ".join(frame.columns[:12]).split()) + (
        f" and {frame.width - 12} more" if frame.width > 12 else ""
    )
    if target is None:
        raise InputError(f"{name} needs --target, the column to predict; its columns are {columns}")
    wanted = [target] if target in frame.columns else [part.strip() for part in target.split(",")]
    for column in wanted:
        if column not in frame.columns:
            hint = nearest(column, frame.columns) or f"; its columns are {columns}"
            raise InputError(f"{name} has no column {column!r}{hint}")
    values: Any = frame[wanted[0]]
    if len(wanted) > 1:
        for column in wanted:
            if not frame[column].dtype.is_numeric():
                raise InputError(
                    f"a target of several columns must be numbers, but {column!r} is {frame[column].dtype}"
                )
        values = frame.select(wanted).to_numpy()
    return Source(frame.drop(wanted), values, ", ".join(wanted), name, tuple(notes))


def _file(path: Path, target: str | None) -> Source:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path.name}: files that end in {ending or 'nothing'} are not supported; "
                         f"the supported ones end in {', '.join(ENDINGS)}")  # fmt: skip
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty")
    if ending == ".npz":
        return _npz(path, target)
    return pick_target(_read_frame(path, ending), target, path.name)


def _read_frame(path: Path, ending: str) -> pl.DataFrame:
    import polars as pl

    try:
        if ending == ".parquet":
            return pl.read_parquet(path)
        separator = _separator(path, ending)
        return pl.read_csv(
            path, separator=separator, null_values=MISSING, infer_schema_length=None, try_parse_dates=True
        )
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path.name} cannot be read as {ending[1:].upper()}: {reason}") from error


def _separator(path: Path, ending: str) -> str:
    """The one that cuts the first line most often; refuses column names that occur twice."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        first = lines.readline()
    separator = "\t" if ending == ".tsv" else max(",;\t", key=first.count)
    names = Counter(next(csv.reader([first], delimiter=separator), []))
    if twice := [name for name, count in names.items() if count > 1]:
        raise InputError(f"{path.name} has more than one column named {', '.join(map(repr, twice))}")
    return separator


def _npz(path: Path, target: str | None) -> Source:
    try:
        with path.open("rb") as file, zipfile.ZipFile(file), np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        reason = "it holds Python objects" if "Object arrays" in str(error) else "it is no archive of plain arrays"
        raise InputError(f"{path.name} cannot be read as NPZ: {reason}") from error
    held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    if target is not None and target not in arrays:
        raise InputError(f"{path.name} has no array {target!r}{nearest(target, arrays)}; it holds {held}")
    answers = target or next((name for name in TARGET_NAMES if name in arrays), None)
    if answers is None:
        raise InputError(f"{path.name} needs --target, the array to predict; it holds {held}")
    questions = next((name for name in FEATURE_NAMES if name in arrays and name != answers), None)
    if questions is None:
        raise InputError(f"{path.name} needs an array of features named {', '.join(FEATURE_NAMES)}; it holds {held}")
    features, values = arrays[questions], arrays[answers]
    if features.ndim == 0 or values.ndim == 0:
        raise InputError(f"{path.name}: features and target need a row for each example; it holds {held}")
    return Source(features.reshape(-1, 1) if features.ndim == 1 else features, values, answers, path.name)


def _folder(path: Path) -> Source:
    files = sorted(item for item in path.glob("*/*") if item.suffix.lower() in PICTURES)
    if not files:
        raise InputError(f"{path} has no pictures; a folder needs a sub-folder of {', '.join(PICTURES)} for each class")
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise MissingExtraError("Pillow", "compare") from error
    pictures = []
    for item in files:
        try:
            with Image.open(item) as picture:
                pictures.append(picture.convert("L" if picture.mode in ("1", "L", "I", "F", "I;16") else "RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise InputError(f"{item} cannot be read as a picture") from error
    pixels, notes = _pixels(pictures)
    return Source(pixels, np.array([item.parent.name for item in files]), "folder", path.name, notes)


def _pixels(pictures: Sequence[Any]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Pictures of one size: (n, h, w) where all are grey, else (n, 3, h, w)."""
    sizes = Counter(picture.size for picture in pictures)
    size, notes = next(iter(sizes)), ()
    if len(sizes) > 1 or max(size) > LARGEST_SIDE:
        size, notes = (COMMON_SIDE, COMMON_SIDE), (f"All pictures were resized to {COMMON_SIDE} × {COMMON_SIDE}.",)
    mode = "L" if all(picture.mode == "L" for picture in pictures) else "RGB"
    pixels = np.stack([np.asarray(picture.convert(mode).resize(size)) for picture in pictures])
    return (pixels if mode == "L" else np.moveaxis(pixels, -1, 1)), notes


def _hub(source: str, target: str | None) -> Source:
    """The training split of a Hugging Face data set: ``hf:name`` or ``hf:name:configuration``."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hf") from error
    import polars as pl

    name, _, configuration = source.removeprefix("hf:").partition(":")
    try:
        data = datasets.load_dataset(name, configuration or None, split="train")
    except Exception as error:  # the library raises errors of its own for names, networks and formats
        raise InputError(f"{source} cannot be loaded: {(str(error).splitlines() or ['unknown reason'])[0]}") from error
    target = target or next((column for column in TARGET_NAMES if column in data.column_names), None)
    picture = next((column for column, kind in data.features.items() if type(kind).__name__ == "Image"), None)
    if picture is not None and target in data.column_names:
        pixels, notes = _pixels([item.convert("L" if item.mode in ("1", "L") else "RGB") for item in data[picture]])
        return Source(pixels, _hub_labels(data, target), target, source, notes)
    frame = pl.DataFrame({column: list(data[column]) for column in data.column_names}, strict=False)
    if target in data.column_names:
        return Source(frame.drop(target), pl.Series(target, _hub_labels(data, target)), target, source)
    return pick_target(frame, target, source)


def _hub_labels(data: Any, target: str) -> np.ndarray:
    """The target's values, by name where the data set names its classes."""
    values, names = np.asarray(data[target]), getattr(data.features[target], "names", None)
    return values if names is None else np.asarray(names)[values]
