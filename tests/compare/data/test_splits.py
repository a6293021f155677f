"""Splits: disjoint, complete, stratified, of sizes that no seed changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdita.compare.data.splits import check_folds, splits
from perdita.compare.data.table import load
from perdita.compare.spec import DataSpec
from perdita.core.errors import InputError

WINE = load(DataSpec("wine"))
DIABETES = load(DataSpec("diabetes"))


def cut(table, target, classes):
    return replace(table, target=np.asarray(target), class_names=tuple(map(str, range(classes))))


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=5).filter(lambda counts: sum(counts) >= 8),
    folds=st.sampled_from([0, 2, 5]),
    seeds=st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)),
)
def test_parts_are_disjoint_complete_and_of_equal_sizes_for_every_seed(counts, folds, seeds):
    table = cut(WINE, np.repeat(np.arange(len(counts)), counts), len(counts))
    if folds and min(counts) < folds:
        with pytest.raises(InputError, match="fewer than"):
            splits(table, folds=folds)
        return
    for fold in range(max(folds, 1)):
        drawn = [splits(table, fold=fold, folds=folds, seed=seed) for seed in seeds]
        for parts in drawn:
            np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(table.rows))
            assert all(len(part) and (np.diff(part) > 0).all() for part in parts)
            assert len(np.unique(table.target[parts[0]])) == len(counts)
        for one, other in zip(*drawn, strict=True):
            np.testing.assert_array_equal(
                np.bincount(table.target[one], minlength=len(counts)),
                np.bincount(table.target[other], minlength=len(counts)),
            )


def test_shares_and_strata_of_the_hold_out():
    train, validation, test = splits(WINE, seed=3)
    assert (len(train), len(validation), len(test)) == (114, 20, 44)  # 25 % of 178, then 15 % of 134
    np.testing.assert_array_equal(np.bincount(WINE.target[test]), [15, 17, 12])  # of 59, 71 and 48: 14.75, 17.75, 12
    assert tuple(map(len, splits(DIABETES, seed=3))) == (282, 50, 110)


def test_the_seed_decides_and_nothing_else():
    again = [splits(WINE, seed=5) for _ in range(2)]
    for one, other in zip(*again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(splits(WINE, seed=5)[2], splits(WINE, seed=6)[2])
    assert not np.array_equal(splits(WINE, seed=5, folds=3)[2], splits(WINE, seed=6, folds=3)[2])


@pytest.mark.parametrize("table", [WINE, DIABETES], ids=["wine", "diabetes"])
def test_folds_test_every_row_once(table):
    tested = np.concatenate([splits(table, fold=fold, folds=5, seed=1)[2] for fold in range(5)])
    np.testing.assert_array_equal(np.sort(tested), np.arange(table.rows))


@pytest.mark.parametrize("folds", [0, 4])
def test_a_fixed_test_part_is_the_same_for_every_seed(folds):
    one, other = (splits(WINE, folds=folds, seed=seed, fixed_test=True) for seed in (1, 2))
    np.testing.assert_array_equal(one[2], other[2])
    assert not np.array_equal(one[1], other[1])


def test_bad_folds():
    with pytest.raises(InputError, match="178 rows, but 179 folds need at least 179"):
        check_folds(WINE, 179)
    with pytest.raises(InputError, match="class 'class_2' of wine has 48 rows, fewer than the 49 folds"):
        check_folds(WINE, 49)
    for folds in (1, -2):
        with pytest.raises(InputError, match="folds must be 0"):
            check_folds(WINE, folds)
    with pytest.raises(InputError, match="fold must be from 0 to 2, not 3"):
        splits(WINE, fold=3, folds=3)
    with pytest.raises(InputError, match="has 7 rows, but a split needs at least 8"):
        splits(cut(WINE, [0, 1, 0, 1, 0, 1, 0], 2))
