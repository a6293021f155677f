"""What a comparison of embeddings knows beside the others: the sizes that losses ask for, and how it batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.compare.data.unseen_classes import sizes_of_parts
from perdita.compare.train.class_batches import composition

if TYPE_CHECKING:
    from perdita.compare.data.table import Table
    from perdita.compare.spec import Training


def sizes(table: Table, folds: int, training: Training) -> dict[str, int]:
    """The hyper-parameters that losses with class vectors have no default for; none for another task.

    Raises:
        InputError: a batch too small for two items of two classes.
    """
    if table.task != "embedding":
        return {}
    classes, *_ = sizes_of_parts(table, folds)
    composition(classes, training.batch_size or table.rows)  # an error now, not in a worker
    return {"classes": classes, "dimension": training.dimension}


def notes(table: Table, folds: int, training: Training) -> list[str]:
    """How the classes are split and the batches made, in sentences; none for another task."""
    if table.task != "embedding":
        return []
    train, validation, test = sizes_of_parts(table, folds)
    classes, items = composition(train, training.batch_size or table.rows)
    return [
        f"Every part has classes of its own: {train} to train on, {validation} to validate on and {test} to test on, "
        "drawn anew by each seed.",
        f"A batch holds {classes} classes and {items} items of each, fewer where no class has as many; in an epoch "
        "there are as many batches as it takes to hold the training part once.",
    ]
