"""Preprocessing: fitted on the training part alone, finite, and reversible for the targets."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import torch

from perdita.compare.data.prepare import prepare
from perdita.compare.data.sources import Source
from perdita.compare.data.splits import splits
from perdita.compare.data.table import load, make_table
from perdita.compare.spec import Condition, DataSpec
from perdita.core.errors import InputError

ROWS = 120
TRAIN, VALIDATION, TEST = np.arange(80), np.arange(80, 100), np.arange(100, 120)


@pytest.fixture
def mixed():
    """Numbers, gaps, levels rare and unknown, truth values, dates, and a column that is constant in training."""
    wine, colours = load(DataSpec("wine")), ("red", "green", "blue")
    rows = np.random.default_rng(0).permutation(wine.rows)[:ROWS]
    frame = wine.features[rows].select("alcohol", "proline").with_columns(
        pl.Series("gaps", [None if i % 5 == 0 else float(i) for i in range(ROWS)]),
        pl.Series("colour", [None if i % 11 == 0 else colours[i % 3] if i < 100 else "new" for i in range(ROWS)]),
        pl.Series("many", [f"level {i % 30}" for i in range(ROWS)]),
        pl.Series("truth", [i % 4 == 0 for i in range(ROWS)]),
        pl.Series("day", [date(2024, 1, 1) + timedelta(days=i) for i in range(ROWS)]),
        pl.Series("later", [0.0] * 80 + [float(i) for i in range(40)]),
        pl.Series("late", [None] * 80 + [float(i) for i in range(40)]),
    )  # fmt: skip
    return make_table(Source(frame, wine.target[rows], "y", "mixed"))


def test_every_kind_of_column_becomes_finite_numbers(mixed):
    prepared = prepare(mixed, TRAIN, VALIDATION, TEST)
    for part in (prepared.train, prepared.validation, prepared.test):
        assert part.dtype is torch.float32
        assert part.isfinite().all()
    # alcohol, proline, gaps, day; where gaps are; colour: 3 and missing; many: 19 and the rest; truth: 2
    assert prepared.train.shape == (80, 4 + 1 + 4 + 20 + 2)
    assert prepared.test.shape == (20, 31)
    numbers = prepared.train[:, :5].double()
    torch.testing.assert_close(numbers.mean(0), torch.zeros(5, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(numbers.std(0, correction=0), torch.ones(5, dtype=torch.float64), atol=1e-6, rtol=0)
    colours = prepared.test[:, 5:9]
    unknown = np.array([i % 11 != 0 for i in TEST])
    assert (colours[unknown] == 0).all()  # a level that training has not seen
    assert (colours[~unknown].sum(1) == 1).all()


def test_the_median_of_the_training_part_stands_for_a_gap(mixed):
    prepared = prepare(mixed, TRAIN, VALIDATION, TEST)
    known = np.array([float(i) for i in TRAIN if i % 5])
    filled = np.array([float(i) if i % 5 else np.median(known) for i in TRAIN])
    expected = (np.array([float(i) if i % 5 else np.median(known) for i in TEST]) - filled.mean()) / filled.std()
    np.testing.assert_allclose(prepared.test[:, 2], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "condition", [Condition(), Condition("noise", 0.3), Condition("imbalance", 3), Condition("few", 9)]
)
def test_no_leakage_from_the_other_parts(mixed, condition):
    before = prepare(mixed, TRAIN, VALIDATION, TEST, condition=condition, seed=4)
    spoilt = mixed.features.with_columns(
        pl.when(pl.int_range(pl.len()) < 80).then(pl.col("alcohol")).otherwise(1e6).alias("alcohol"),
        pl.when(pl.int_range(pl.len()) < 80).then(pl.col("gaps")).otherwise(None).alias("gaps"),
        pl.when(pl.int_range(pl.len()) < 80).then(pl.col("colour")).otherwise(pl.lit("strange")).alias("colour"),
    )
    target = np.concatenate([mixed.target[:80], np.zeros(40, dtype=np.int64)])
    after = prepare(
        replace(mixed, features=spoilt, target=target), TRAIN, VALIDATION, TEST, condition=condition, seed=4
    )
    assert torch.equal(before.train, after.train)
    assert torch.equal(before.train_target, after.train_target)
    assert not torch.equal(before.test, after.test)


def test_no_leakage_into_the_scale_of_a_regression():
    table = load(DataSpec("diabetes"))
    train, validation, test = splits(table, seed=0)
    target, features = table.target.copy(), table.features.to_numpy().copy()
    target[test], features[test] = 1e6, -1e6
    before = prepare(table, train, validation, test)
    spoilt = replace(table, target=target, features=pl.DataFrame(features, schema=table.features.columns))
    after = prepare(spoilt, train, validation, test)
    assert torch.equal(before.train, after.train)
    assert torch.equal(before.train_target, after.train_target)
    assert torch.equal(before.validation, after.validation)


@pytest.mark.parametrize("name", ["diabetes", "linnerud"])
def test_targets_are_standardised_and_restored(name):
    table = load(DataSpec(name))
    parts = splits(table, seed=2)
    prepared = prepare(table, *parts)
    assert prepared.train_target.shape == table.target[parts[0]].shape
    np.testing.assert_allclose(prepared.train_target.double().mean(0), 0.0, atol=1e-6)
    np.testing.assert_allclose(prepared.train_target.double().std(0, correction=0), 1.0, atol=1e-6)
    outputs = prepared.test_target.reshape(len(parts[2]), -1)
    truth = table.target[parts[2]].reshape(len(parts[2]), -1)
    np.testing.assert_allclose(prepared.restore(outputs), truth, rtol=1e-5)
    np.testing.assert_array_equal(prepared.test_truth, table.target[parts[2]])


def test_logits_are_not_rescaled():
    table = load(DataSpec("iris"))
    prepared = prepare(table, *splits(table))
    assert prepared.train_target.dtype is torch.int64
    np.testing.assert_array_equal(prepared.restore(torch.tensor([[1.5, 2.0]])), [[1.5, 2.0]])


def test_conditions_reach_training_and_selection_but_not_the_test():
    table = load(DataSpec("digits"))
    parts = splits(table, seed=1)
    prepared = prepare(table, *parts, condition=Condition("noise", 0.4), seed=1)
    for target, rows in ((prepared.train_target, parts[0]), (prepared.validation_target, parts[1])):
        assert (target.numpy() != table.target[rows]).sum() == round(0.4 * len(rows))
    np.testing.assert_array_equal(prepared.validation_truth, prepared.validation_target)
    np.testing.assert_array_equal(prepared.test_target, table.target[parts[2]])


@pytest.mark.parametrize("kind", ["clean", "noise", "imbalance", "outliers", "few"])
@pytest.mark.parametrize("name", ["digits", "breast_cancer", "diabetes"])
def test_sizes_do_not_depend_on_the_seed(kind, name):
    if (kind, name) == ("imbalance", "diabetes"):
        with pytest.raises(InputError, match="a regression has none"):
            prepare(load(DataSpec(name)), TRAIN, VALIDATION, TEST, condition=Condition(kind, 5))
        return
    table = load(DataSpec(name))
    amount = {"imbalance": 10.0, "few": 5.0}.get(kind, 0.2)
    for fold, folds in itertools.chain([(0, 0)], [(fold, 3) for fold in range(3)]):
        drawn = [
            prepare(
                table, *splits(table, fold=fold, folds=folds, seed=seed), condition=Condition(kind, amount), seed=seed
            )
            for seed in (0, 1, 7)
        ]
        assert len({(p.train.shape, p.validation.shape, p.test.shape) for p in drawn}) == 1


def test_images_are_standardised_by_channel():
    digits = load(DataSpec("digits")).features[:200]
    images = np.stack([digits, 3 * digits + 1, np.full_like(digits, 7.0)], axis=1)
    table = make_table(Source(images, np.arange(200) % 4, "y", "images"))
    prepared = prepare(table, np.arange(150), np.arange(150, 170), np.arange(170, 200))
    train = prepared.train.double()
    assert train.shape == (150, 3, 8, 8)
    torch.testing.assert_close(train.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), atol=1e-6, rtol=0)
    np.testing.assert_allclose(train.std((0, 2, 3), correction=0), [1.0, 1.0, 0.0], atol=1e-6)
    expected = (digits[170:] - digits[:150].mean()) / digits[:150].std()
    np.testing.assert_allclose(prepared.test[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_missing_pixels_are_the_mean():
    images = load(DataSpec("digits")).features[:100].copy()
    images[3, 2, 2] = np.inf
    table = make_table(Source(images, np.arange(100) % 4, "y", "images"))
    prepared = prepare(table, np.arange(70), np.arange(70, 80), np.arange(80, 100))
    assert prepared.train[3, 2, 2] == 0
    assert "no finite number" in table.notes[0]


def test_huge_features_stay_finite():
    features = np.where(np.arange(40)[:, None] % 2, [[1e300, 1.0]], [[-1e300, 2.0]])
    table = make_table(Source(features, np.arange(40) // 2 % 2, "y", "huge"))
    prepared = prepare(table, np.arange(20), np.arange(20, 30), np.arange(30, 40))
    assert prepared.train.isfinite().all()
    assert prepared.train.std() > 0


def test_nothing_to_learn_from():
    features = np.repeat([[1.0], [2.0]], 20, axis=0)
    table = make_table(Source(features, np.arange(40) % 2, "y", "flat"))
    with pytest.raises(InputError, match="every feature of flat is constant in the training part"):
        prepare(table, np.arange(20), np.arange(20, 30), np.arange(30, 40))
