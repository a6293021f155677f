"""Splits over classes: disjoint, complete, of as many classes for every seed and fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perdita.compare.data.splits import check_folds, splits
from perdita.compare.data.table import load
from perdita.compare.data.unseen_classes import sizes_of_parts
from perdita.compare.spec import DataSpec
from perdita.core.errors import InputError

DIGITS = load(DataSpec("digits", task="embedding"))


def cut(counts):
    names = tuple(map(str, range(len(counts))))
    return replace(DIGITS, target=np.repeat(np.arange(len(counts)), counts), class_names=names)


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(1, 9), min_size=6, max_size=30).filter(lambda counts: sum(counts) >= 8),
    folds=st.sampled_from([0, 2, 3, 5]),
    seeds=st.tuples(st.integers(0, 2**31), st.integers(0, 2**31)),
)
def test_every_part_has_classes_of_its_own_and_as_many_for_every_seed_and_fold(counts, folds, seeds):
    table = cut(counts)
    try:
        check_folds(table, folds)
    except InputError:
        paired = sum(count > 1 for count in counts)
        test = -(-paired // folds) if folds else 0
        assert paired < 6 or paired // folds < 2 or paired - test - max(2, round(0.2 * paired)) < 2
        return
    tested = []
    for fold in range(max(folds, 1)):
        for seed in seeds:
            parts = splits(table, fold=fold, folds=folds, seed=seed)
            np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(table.rows))
            classes = [np.unique(table.target[part]) for part in parts]
            assert sum(map(len, classes)) == len(counts)  # none is in two parts
            assert len(classes[0]) == sizes_of_parts(table, folds)[0]
            assert all(len(part) >= 2 for part in classes)
            assert all(counts[k] > 1 for part in classes[1:] for k in part)
            tested += list(classes[2]) if seed == seeds[0] else []
    if folds:
        assert sorted(tested) == [k for k, count in enumerate(counts) if count > 1]  # each class once


def test_shares_of_the_classes():
    assert sizes_of_parts(DIGITS) == (5, 2, 3)
    assert sizes_of_parts(cut([4] * 100)) == (50, 20, 30)
    assert sizes_of_parts(cut([4] * 6)) == (2, 2, 2)
    assert sizes_of_parts(DIGITS, folds=3) == (4, 2, 4)


def test_seeds_draw_other_classes_and_a_fixed_test_part_stays():
    def classes(part, **options):
        return {tuple(np.unique(DIGITS.target[splits(DIGITS, seed=seed, **options)[part]])) for seed in range(12)}

    assert len(classes(2)) > 6
    assert len(classes(2, fixed_test=True)) == 1
    assert len(classes(1, fixed_test=True)) > 6
    assert len(classes(2, fixed_test=True, folds=3, fold=1)) == 1


@pytest.mark.parametrize(
    ("counts", "folds", "message"),
    [
        ([9, 9, 9], 0, "at least 6 classes with two rows or more.*digits has 3"),
        ([9] * 5 + [1] * 20, 0, "digits has 5"),
        ([9] * 10, 6, "from 2 to 5 folds"),
        ([1, 1, 1], 0, "3 rows"),
    ],
)
def test_too_few_classes_are_counted(counts, folds, message):
    with pytest.raises(InputError, match=message):
        check_folds(cut(counts), folds)
