"""Batches for losses of pairs: some classes, and as many items of each, so that every item has its positives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from perdita.compare.train.engine import Fold
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Int

    from perdita.compare.data.prepare import Prepared
    from perdita.compare.spec import Training

ITEMS = 4  # of a class in a batch, at least, where a batch cannot hold all classes
PADDING = -1  # the label of a row that is not there


def composition(classes: int, batch_size: int) -> tuple[int, int]:
    """How many classes a batch holds, and how many items of each.

    Args:
        classes: that are trained on.
        batch_size: rows of a batch, at most.

    Raises:
        InputError: a batch too small for two items of two classes.
    """
    if batch_size < 4:
        raise InputError(
            f"batch_size must be at least 4 for the task embedding, two items of two classes, not {batch_size}"
        )
    held = max(2, min(classes, batch_size // ITEMS))
    return held, batch_size // held


class ClassBatches:
    """The order of the rows in an epoch: batch after batch, each with so many items of so many classes.

    The classes of a batch are drawn without replacement, and so are the items of a class, as far as it has enough: the
    items of a smaller class come again.
    """

    def __init__(self, target: Int[Tensor, "n"], classes: int, items: int) -> None:
        rows = [torch.nonzero(target == label).flatten() for label in target.unique()]
        width = max(items, *map(len, rows))
        place = torch.arange(width)
        self.members = torch.stack([own[place % len(own)] for own in rows])  # (c, width), again from the first on
        self.again = torch.stack([place >= len(own) for own in rows]).float()
        self.classes, self.items = classes, items

    def __call__(self, rows: int, generator: torch.Generator) -> Int[Tensor, "rows"]:
        """Row numbers of one epoch; ``rows`` is a multiple of the batch's size."""
        return torch.cat([self._batch(generator) for _ in range(rows // (self.classes * self.items))])

    def _batch(self, generator: torch.Generator) -> Int[Tensor, "b"]:
        chosen = torch.randperm(len(self.members), generator=generator)[: self.classes]
        order = torch.rand(len(chosen), self.members.shape[1], generator=generator) + self.again[chosen]
        return self.members[chosen].gather(1, order.argsort(1)[:, : self.items]).flatten()


def class_folds(prepared: Sequence[Prepared], training: Training) -> tuple[list[Fold], Training]:
    """Folds whose batches are of classes, and the training with the batches' size.

    The parts of different seeds have different classes, and so different sizes: rows of zeros fill them up. No batch
    holds one of those of the training part; the outputs for the others come after those of the part.
    """
    counts = [torch.bincount(part.train_target) for part in prepared]
    most = max(int(count.max()) for count in counts)
    held = min(int((count > 0).sum()) for count in counts)  # noise may take all rows of a class
    classes, items = composition(held, training.batch_size or len(prepared[0].train))
    items = max(2, min(items, most))
    batch = classes * items
    longest = max(len(part.train) for part in prepared)
    rows = -(-longest // batch) * batch
    validation = pad_sequence([part.validation for part in prepared], batch_first=True)
    test = pad_sequence([part.test for part in prepared], batch_first=True)
    folds = [
        Fold(
            filled(part.train, rows),
            filled(part.train_target, rows, PADDING),
            {"validation": validation[index], "test": test[index]},
            ClassBatches(part.train_target, classes, items),
        )
        for index, part in enumerate(prepared)
    ]
    return folds, replace(training, batch_size=batch)


def filled(rows: Tensor, length: int, value: float = 0.0) -> Tensor:
    """The rows, followed by as many others as it needs to be so long."""
    return pad(rows, (0, 0) * (rows.ndim - 1) + (0, length - len(rows)), value=value)
