"""From rows to tensors: imputed, encoded and standardised by what the training part says, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from perdita.compare.data.conditions import apply_condition
from perdita.compare.spec import Condition
from perdita.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float, Num

    from perdita.compare.data.table import Table

LEVELS = 20  # of a column, at most; the rarer ones share one
LARGEST = 1e30  # larger features are cut: their squares must stay finite
CLEAN = Condition()


@dataclass(frozen=True)
class Prepared:
    """The three parts of a split as tensors; the targets of a regression are standardised."""

    train: Float[Tensor, "n *f"]
    train_target: Num[Tensor, "n *k"]
    validation: Float[Tensor, "v *f"]
    validation_target: Num[Tensor, "v *k"]
    test: Float[Tensor, "t *f"]
    test_target: Num[Tensor, "t *k"]
    validation_truth: (
        np.ndarray
    )  # classes, or numbers in the target's own units; under a condition, as selection sees them
    test_truth: np.ndarray  # as it is, under every condition
    mean: np.ndarray | None = None  # of a regression's training targets, () or (k,)
    scale: np.ndarray | None = None

    def restore(self, outputs: Tensor) -> np.ndarray:
        """A model's outputs (n, k) in the target's own units; the logits of a classification as they are."""
        numbers = outputs.detach().cpu().double().numpy()
        return numbers if self.mean is None or self.scale is None else numbers * self.scale + self.mean


def prepare(
    table: Table,
    train: np.ndarray,
    validation: np.ndarray,
    test: np.ndarray,
    *,
    condition: Condition = CLEAN,
    seed: int = 0,
) -> Prepared:
    """Put the training part under a condition, fit the preprocessing on what is left of it, and transform all parts.

    Numbers: the median stands for what is missing, a further feature says where, then mean 0 and deviation 1. Text,
    categories and booleans: one feature for each level, at most 20; rare and unknown levels share one. Dates: numbers.
    Images: mean 0 and deviation 1 of each channel. What is constant in the training part is left out.

    Args:
        table: the data.
        train, validation, test: row numbers, as from `splits`.
        condition: what is done to the training part, as in `apply_condition`.
        seed: of the condition.

    Raises:
        InputError: every feature is constant in the training part, or the condition cannot be met.
    """
    given, classes = _targets(table, train)
    index, train_target = apply_condition(condition, given, task=table.task, classes=classes, seed=seed)
    given, classes = _targets(table, validation)
    seen, validation_target = apply_condition(
        condition, given, task=table.task, classes=classes, seed=seed, part="validation"
    )
    rows = {"train": train[index], "validation": validation[seen], "test": test}
    targets = {"train": train_target, "validation": validation_target, "test": _targets(table, test)[0]}
    mean = scale = None
    if table.task == "regression":
        mean, deviation = train_target.mean(axis=0), train_target.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)
    transform = _fit(table, rows["train"])
    features = {part: transform(chosen) for part, chosen in rows.items()}
    if 0 in features["train"].shape:
        raise InputError(
            f"every feature of {table.name} is constant in the training part: there is nothing to learn from"
        )
    coded = {part: _coded(values, mean, scale) for part, values in targets.items()}
    return Prepared(
        features["train"], coded["train"], features["validation"], coded["validation"], features["test"], coded["test"],
        targets["validation"], targets["test"], mean, scale,
    )  # fmt: skip


def of_one_width(parts: Sequence[Prepared]) -> list[Prepared]:
    """The same with as many features in all, for models that train as one stack: zeros after the last feature.

    A column that is constant in the training part of one seed is left out there, but not at another seed.
    """
    if len({part.train.shape[1:] for part in parts}) == 1 or any(part.train.ndim != 2 for part in parts):
        return list(parts)
    widest = max(part.train.shape[1] for part in parts)

    def filled(features: Tensor) -> Tensor:
        return torch.nn.functional.pad(features, (0, widest - features.shape[1]))

    return [
        replace(part, train=filled(part.train), validation=filled(part.validation), test=filled(part.test))
        for part in parts
    ]


def _targets(table: Table, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """The targets of a part, and its number of classes (0 for a regression); an embedding's part numbers its own."""
    if table.task == "embedding":
        own, numbered = np.unique(table.target[rows], return_inverse=True)
        return numbered, len(own)
    return table.target[rows], len(table.class_names)


def _coded(target: np.ndarray, mean: np.ndarray | None, scale: np.ndarray | None) -> Tensor:
    if mean is None or scale is None:
        return torch.from_numpy(target.astype(np.int64))
    return torch.from_numpy(((target - mean) / scale).astype(np.float32))


def _fit(table: Table, train: np.ndarray) -> Callable[[np.ndarray], Tensor]:
    """A function from row numbers to features, fitted on the training rows."""
    if not isinstance(table.features, np.ndarray):
        encode = _fit_columns(table.features[train])
    else:
        encode = _fit_numbers(table.features[train]) if table.features.ndim == 2 else _fit_images(table.features[train])
    return lambda rows: torch.from_numpy(np.ascontiguousarray(encode(table.features[rows]), dtype=np.float32))


def _fit_columns(train: pl.DataFrame) -> Callable[[Any], np.ndarray]:
    import polars.selectors as cs

    numeric = train.select(cs.numeric() | cs.temporal()).columns
    levels = [column for column in train.columns if column not in numeric]
    blocks: list[Callable[[Any], np.ndarray]] = []
    if numeric:
        encode_numbers = _fit_numbers(_numbers(train.select(numeric)))
        blocks.append(lambda frame: encode_numbers(_numbers(frame.select(numeric))))
    if levels:
        encode_levels = _fit_levels(_text(train.select(levels)))
        blocks.append(lambda frame: encode_levels(_text(frame.select(levels))))
    return lambda frame: np.hstack([block(frame) for block in blocks])


def _numbers(frame: pl.DataFrame) -> np.ndarray:
    """Numbers, and times as numbers; NaN where missing."""
    import polars as pl
    import polars.selectors as cs

    return frame.with_columns(cs.temporal().to_physical()).cast(pl.Float64).to_numpy()


def _text(frame: pl.DataFrame) -> np.ndarray:
    """Levels as text; what is missing is a level of its own, which no text can name."""
    import polars as pl

    values = frame.select((pl.all().cast(pl.String) + "=").fill_null("missing"))
    return values.to_numpy().astype(object)


def _fit_numbers(train: np.ndarray) -> Callable[[Any], np.ndarray]:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    known = ~np.isnan(train.astype(np.float64)).all(axis=0)

    def read(numbers: np.ndarray) -> np.ndarray:
        return np.clip(numbers[:, known].astype(np.float64), -LARGEST, LARGEST)

    if not known.any():
        return lambda numbers: np.empty((len(numbers), 0))
    steps = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()).fit(read(train))
    keep = np.ptp(steps.transform(read(train)), axis=0) > 0
    return lambda numbers: steps.transform(read(numbers))[:, keep]


def _fit_levels(train: np.ndarray) -> Callable[[Any], np.ndarray]:
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=LEVELS, sparse_output=False).fit(train)
    keep = np.ptp(encoder.transform(train), axis=0) > 0
    return lambda text: encoder.transform(text)[:, keep]


def _fit_images(train: np.ndarray) -> Callable[[Any], np.ndarray]:
    axes = (0, 1, 2) if train.ndim == 3 else (0, 2, 3)
    numbers = np.clip(train.astype(np.float64), -LARGEST, LARGEST)
    unknown = np.isnan(numbers).all(axis=axes, keepdims=True)
    numbers = np.where(unknown, 0.0, numbers)
    mean, deviation = np.nanmean(numbers, axis=axes, keepdims=True), np.nanstd(numbers, axis=axes, keepdims=True)
    if not (deviation > 0).any():
        return lambda images: np.empty((len(images), 0))
    scale = np.where(deviation > 0, deviation, 1.0)
    return lambda images: np.nan_to_num((np.clip(images.astype(np.float64), -LARGEST, LARGEST) - mean) / scale, nan=0.0)
