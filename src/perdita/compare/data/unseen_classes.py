"""Which classes an embedding is trained on, which choose, and which judge: it is asked for classes never seen before.

The number of classes in each part depends neither on the seed nor on the fold, so that a loss with a parameter for
each class has the same shape in every run. A class with a single row holds no pair: it is always trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.compare.data.table import Table

TEST_SHARE = 0.3  # of the classes with pairs, where there are no folds
VALIDATION_SHARE = 0.2
FEWEST = 2  # classes of a part: with one, whatever is found is right


def sizes_of_parts(table: Table, folds: int = 0) -> tuple[int, int, int]:
    """How many classes the training, validation and test part have, at every seed (and in the first fold)."""
    total = len(_paired(table))
    test, validation = _largest_test(total, folds), _share(total, VALIDATION_SHARE)
    return len(table.class_names) - test - validation, validation, test


def check_classes(table: Table, folds: int) -> None:
    """Whether the classes can be split so.

    Raises:
        InputError: fewer than two classes with pairs for some part.
    """
    total = len(_paired(table))
    if total < 3 * FEWEST:
        raise InputError(
            f"the task embedding needs at least {3 * FEWEST} classes with two rows or more, {FEWEST} to train on, "
            f"{FEWEST} to validate on and {FEWEST} to test on; {table.name} has {total}"
        )
    left = total - sum(sizes_of_parts(table, folds)[1:])
    if folds and (total // folds < FEWEST or left < FEWEST):
        raise InputError(
            f"{folds} folds of the {total} classes of {table.name} leave fewer than {FEWEST} classes to test on or to "
            f"train on: from 2 to {total // FEWEST} folds fit"
        )


def classes_of_parts(
    table: Table, *, fold: int = 0, folds: int = 0, seed: int = 0, fixed_test: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class numbers of the training, validation and test part, each in ascending order.

    Args:
        table: the data.
        fold: which of the ``folds`` is the test part.
        folds: 0 draws 30 % of the classes as the test part; k cuts all classes into k parts, anew for each seed.
        seed: fixes what is drawn.
        fixed_test: draw the same test part (or folds) for every seed; only the validation part varies.

    Returns:
        Three disjoint arrays that together hold every class. A fifth of the classes is for validation, and one more in
        a fold whose test part is smaller than that of others.
    """
    paired = _paired(table)
    shuffled = np.random.default_rng([0 if fixed_test else seed, 0]).permutation(paired)
    test = np.array_split(shuffled, folds)[fold] if folds else shuffled[: _largest_test(len(paired), 0)]
    rest = np.random.default_rng([seed, 1, fold]).permutation(np.setdiff1d(paired, test))
    trained, *_ = sizes_of_parts(table, folds)
    validation = rest[: len(table.class_names) - len(test) - trained]
    train = np.setdiff1d(np.arange(len(table.class_names)), np.concatenate([test, validation]))
    return train, np.sort(validation), np.sort(test)


def _paired(table: Table) -> np.ndarray:
    """The classes with two rows or more."""
    return np.flatnonzero(np.bincount(table.target, minlength=len(table.class_names)) > 1)


def _largest_test(classes: int, folds: int) -> int:
    return -(-classes // folds) if folds else _share(classes, TEST_SHARE)


def _share(classes: int, share: float) -> int:
    return max(FEWEST, round(share * classes))
