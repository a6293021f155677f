"""Conditions: the amounts asked for, exactly, with sizes that no seed changes, and clear errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from perdita.compare.data.conditions import apply_condition, parse_stress
from perdita.compare.spec import Condition
from perdita.core.errors import InputError

DIGITS = datasets.load_digits().target.astype(np.int64)
DIABETES = datasets.load_diabetes().target
GYM = datasets.load_linnerud().target


def changed(kind, amount, target=DIGITS, task="multiclass", seed=0, part="training"):
    classes = 0 if task == "regression" else int(target.max()) + 1
    return apply_condition(Condition(kind, amount), target, task=task, classes=classes, seed=seed, part=part)


def test_parse():
    assert parse_stress("clean, noise=0.3,imbalance=50,outliers=.1,few=10") == (
        Condition(), Condition("noise", 0.3), Condition("imbalance", 50.0), Condition("outliers", 0.1),
        Condition("few", 10.0),
    )  # fmt: skip
    assert [condition.name for condition in parse_stress("noise=0.30,noise=0.5")] == ["noise=0.3", "noise=0.5"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unknown condition ''"),
        ("nois=0.3", "did you mean 'noise'"),
        ("noise", "needs an amount"),
        ("noise=lots", "not 'lots'"),
        ("noise=0", "in (0, 1), not 0"),
        ("noise=1", "in (0, 1), not 1"),
        ("noise=nan", "not nan"),
        ("imbalance=1", "> 1, not 1"),
        ("imbalance=inf", "not inf"),
        ("outliers=-0.1", "not -0.1"),
        ("few=0", "not 0"),
        ("few=2.5", "an integer >= 1, not 2.5"),
        ("clean=1", "clean takes no amount"),
        ("clean,noise=0.3,noise=0.30", "noise=0.3 comes twice"),
    ],
)
def test_bad_conditions(text, said):
    with pytest.raises(InputError) as caught:
        parse_stress(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["clean", "noise", "outliers"])
@pytest.mark.parametrize(("target", "task"), [(DIGITS, "multiclass"), (DIABETES, "regression"), (GYM, "regression")])
def test_the_given_target_is_never_written_to(kind, target, task):
    before = target.copy()
    changed(kind, 0.4, target, task)
    np.testing.assert_array_equal(target, before)


def test_noise_changes_the_asked_share_to_other_classes_alike():
    index, noisy = changed("noise", 0.3)
    np.testing.assert_array_equal(index, np.arange(len(DIGITS)))
    wrong = noisy != DIGITS
    assert wrong.sum() == round(0.3 * len(DIGITS))
    shift = np.bincount((noisy - DIGITS)[wrong] % 10, minlength=10)[1:]  # each of the nine others
    assert abs(shift - wrong.sum() / 9).max() < 4 * np.sqrt(wrong.sum() / 9)
    _, noisier = changed("noise", 0.6)
    assert (noisier != DIGITS)[wrong].all()  # the same rows and more


def test_noise_of_a_regression_takes_other_rows_targets():
    _, noisy = changed("noise", 0.25, DIABETES, "regression")
    assert np.isin(noisy, DIABETES).all()
    moved = (noisy != DIABETES).sum()
    assert 0.9 * round(0.25 * 442) <= moved <= round(0.25 * 442)  # another row may have the same target


def test_outliers_of_a_regression_are_ten_deviations_off():
    for target in (DIABETES, GYM):
        _, shifted = changed("outliers", 0.2, target, "regression")
        off = (shifted - target) / target.std(axis=0)
        hit = off.reshape(len(target), -1)[:, 0] != 0
        assert hit.sum() == round(0.2 * len(target))
        np.testing.assert_allclose(np.abs(off[hit]), 10.0)
        assert len(np.unique(np.sign(off[hit]))) == 2


def test_outliers_of_a_classification_keep_their_label_and_look_like_another_class():
    index, target = changed("outliers", 0.1)
    np.testing.assert_array_equal(target, DIGITS)
    replaced = index != np.arange(len(DIGITS))
    assert replaced.sum() == round(0.1 * len(DIGITS))
    assert (DIGITS[index[replaced]] != target[replaced]).all()


@settings(deadline=None, max_examples=50)
@given(
    counts=st.lists(st.integers(1, 200), min_size=2, max_size=6),
    ratio=st.floats(1.1, 60),
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
)
def test_imbalance_reaches_its_ratio_with_the_same_sizes_for_every_seed(counts, ratio, seeds):
    target = np.repeat(np.arange(len(counts)), counts)
    order = sorted(counts, reverse=True)
    head = min(count * ratio ** (k / (len(counts) - 1)) for k, count in enumerate(order))
    if head < ratio:
        with pytest.raises(InputError, match="at most imbalance="):
            changed("imbalance", ratio, target)
        return
    drawn = [changed("imbalance", ratio, target, seed=seed) for seed in seeds]
    sizes = [np.bincount(kept, minlength=len(counts)) for _, kept in drawn]
    np.testing.assert_array_equal(*sizes)
    assert (sizes[0] >= 1).all()
    assert (sizes[0] <= counts).all()
    smallest, largest = sizes[0].min(), sizes[0].max()
    assert largest / (smallest + 1) <= ratio + 1e-6  # whole rows: each size is rounded down
    assert (largest + 1) / smallest >= ratio - 1e-6
    for index, kept in drawn:
        np.testing.assert_array_equal(target[index], kept)
        assert (np.diff(index) > 0).all()


def test_imbalance_by_hand():
    target = np.repeat([0, 1, 2], [100, 100, 100])
    _, kept = changed("imbalance", 100, target)
    np.testing.assert_array_equal(np.bincount(kept), [100, 10, 1])
    _, kept = changed("imbalance", 4, np.repeat([0, 1], [20, 80]), "binary")
    np.testing.assert_array_equal(np.bincount(kept), [20, 80])
    with pytest.raises(InputError, match="at most imbalance=100 fits"):
        changed("imbalance", 101, target)
    with pytest.raises(InputError, match="a regression has none"):
        changed("imbalance", 5, DIABETES, "regression")


def test_few():
    _, kept = changed("few", 7)
    np.testing.assert_array_equal(np.bincount(kept), [7] * 10)
    _, kept = changed("few", 30, np.repeat([0, 1], [20, 80]), "binary")
    np.testing.assert_array_equal(np.bincount(kept), [20, 30])
    index, kept = changed("few", 12, DIABETES, "regression")
    assert len(kept) == 12
    np.testing.assert_array_equal(DIABETES[index], kept)
    with pytest.raises(InputError, match="the largest class has 183 rows"):
        changed("few", 183)
    with pytest.raises(InputError, match="the training part has 442 rows"):
        changed("few", 442, DIABETES, "regression")


@pytest.mark.parametrize("kind", ["imbalance", "few"])
def test_the_validation_part_keeps_its_rows(kind):
    index, kept = changed(kind, 5, part="validation")
    np.testing.assert_array_equal(index, np.arange(len(DIGITS)))
    np.testing.assert_array_equal(kept, DIGITS)


def test_selection_sees_noisy_labels_drawn_on_their_own():
    noisy = {part: changed("noise", 0.3, part=part)[1] for part in ("training", "validation")}
    assert (noisy["validation"] != DIGITS).sum() == round(0.3 * len(DIGITS))
    assert (noisy["validation"] != noisy["training"]).any()


@pytest.mark.parametrize("kind", ["noise", "outliers", "few", "imbalance"])
def test_the_seed_decides(kind):
    amount = 0.2 if kind in ("noise", "outliers") else 5
    one, again, other = (changed(kind, amount, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert not (np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1]))


def test_unknown_kind():
    with pytest.raises(InputError, match="did you mean 'noise'"):
        changed("noises", 0.1)
