"""Which rows are trained on, which choose, and which judge: a function of the seed and the fold, and of nothing else.

Every loss and every condition sees the same three parts. Their sizes, and the count of each class in them, do not
depend on the seed, so that the models of all seeds train as one stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from perdita.compare.data.unseen_classes import check_classes, classes_of_parts
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.compare.data.table import Table

TEST_SHARE = 0.25  # of all rows, where there are no folds
VALIDATION_SHARE = 0.15  # of what is not tested on
FEWEST_ROWS = 8


def check_folds(table: Table, folds: int) -> None:
    """Whether the table can be split so.

    Raises:
        InputError: one fold, or fewer rows, or fewer rows of some class, than folds.
    """
    if folds < 0 or folds == 1:
        raise InputError(f"folds must be 0 (a hold-out split for each seed) or at least 2, not {folds}")
    if table.rows < max(folds, FEWEST_ROWS):
        wanted = (
            f"{folds} folds need at least {max(folds, FEWEST_ROWS)}"
            if folds
            else f"a split needs at least {FEWEST_ROWS}"
        )
        raise InputError(f"{table.name} has {table.rows} rows, but {wanted}")
    if table.task == "embedding":
        check_classes(table, folds)
    elif folds and table.class_names:
        counts = np.bincount(table.target)
        if counts.min() < folds:
            raise InputError(
                f"class {table.class_names[counts.argmin()]!r} of {table.name} has {counts.min()} rows, fewer than the "
                f"{folds} folds"
            )


def splits(
    table: Table, *, fold: int = 0, folds: int = 0, seed: int = 0, fixed_test: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers of the training, validation and test part, each in ascending order; stratified by class.

    In the task embedding each part has classes of its own, as `perdita.compare.data.unseen_classes` says.

    Args:
        table: the data.
        fold: which of the ``folds`` is the test part.
        folds: 0 draws 25 % of the rows as the test part; k cuts all rows into k parts, anew for each seed.
        seed: fixes what is drawn.
        fixed_test: draw the same test part (or folds) for every seed; only the validation part varies.

    Returns:
        Three disjoint arrays that together hold every row. The validation part is 15 % of what is not tested on. No
        class is left without a row in the training part.

    Raises:
        InputError: too few rows, as in `check_folds`; no such fold.
    """
    check_folds(table, folds)
    if not 0 <= fold < max(folds, 1):
        raise InputError(f"fold must be from 0 to {max(folds, 1) - 1}, not {fold}")
    if table.task == "embedding":
        parts_of = classes_of_parts(table, fold=fold, folds=folds, seed=seed, fixed_test=fixed_test)
        train, validation, test = (np.flatnonzero(np.isin(table.target, classes)) for classes in parts_of)
        return train, validation, test
    strata = table.target if table.class_names else np.zeros(table.rows, dtype=np.int64)
    tested_by = 0 if fixed_test else seed
    if folds:
        from sklearn.model_selection import StratifiedKFold

        parts = StratifiedKFold(folds, shuffle=True, random_state=tested_by).split(strata, strata)
        _, test = list(parts)[fold]
    else:
        test = _draw(strata, TEST_SHARE, np.random.default_rng([tested_by, 0]))
    rest = np.setdiff1d(np.arange(table.rows), test)
    validation = rest[_draw(strata[rest], VALIDATION_SHARE, np.random.default_rng([seed, 1, fold]))]
    return np.setdiff1d(rest, validation), validation, np.sort(test)


def _draw(strata: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """A share of every stratum; how much of each is fixed by the counts, which rows by the generator."""
    sizes = _quotas(np.bincount(strata), share)
    drawn = [generator.permutation(np.flatnonzero(strata == k))[:size] for k, size in enumerate(sizes)]
    return np.sort(np.concatenate(drawn))


def _quotas(counts: np.ndarray, share: float) -> np.ndarray:
    """Whole numbers near share · counts, by the largest remainder; of each class at least one row stays behind."""
    wanted = share * counts
    sizes = np.floor(wanted).astype(int)
    missing = max(1, round(share * counts.sum())) - sizes.sum()
    first = np.argsort(sizes - wanted, kind="stable")  # the largest remainder first; of equals, the first class
    first = first[sizes[first] < counts[first] - 1][: max(missing, 0)]
    sizes[first] += 1
    return np.minimum(sizes, np.maximum(counts - 1, 0))
