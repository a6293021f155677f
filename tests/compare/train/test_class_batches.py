"""Batches of classes: so many items of so many classes, none of them padding, and the same for the same seed."""

from __future__ import annotations

import pytest
import torch

from perdita.compare.data.prepare import Prepared
from perdita.compare.spec import Training
from perdita.compare.train.class_batches import PADDING, ClassBatches, class_folds, composition
from perdita.core.errors import InputError

LABELS = torch.tensor([0] * 9 + [1] * 5 + [2] * 2 + [3] * 12)


def drawn(seed: int, classes: int = 3, items: int = 4, rows: int = 36) -> torch.Tensor:
    return ClassBatches(LABELS, classes, items)(rows, torch.Generator().manual_seed(seed))


def test_a_batch_holds_items_of_classes() -> None:
    for batch in drawn(0).split(12):
        labels, counts = LABELS[batch].unique(return_counts=True)
        assert counts.tolist() == [4, 4, 4]
        for label in labels.tolist():
            own = batch[LABELS[batch] == label]
            size = int(LABELS.eq(label).sum())
            assert len(own.unique()) == min(4, size)  # an item comes again only where there is no other


def test_the_seed_decides_and_every_item_has_its_turn() -> None:
    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert len(drawn(3, rows=12 * 60).unique()) == len(LABELS)


def test_composition() -> None:
    assert composition(5, 64) == (5, 12)
    assert composition(100, 64) == (16, 4)
    assert composition(2, 5) == (2, 2)
    with pytest.raises(InputError, match="batch_size must be at least 4"):
        composition(5, 3)


def prepared(sizes: list[int]) -> Prepared:
    label = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    part = torch.ones(len(label), 3)
    return Prepared(part, label, part[:4], label[:4], part[:5], label[:5], label[:4].numpy(), label[:5].numpy())


def test_folds_of_different_sizes_become_equal_and_no_batch_holds_padding() -> None:
    parts = [prepared([7, 8, 9]), prepared([9, 9, 12])]
    folds, training = class_folds(parts, Training(batch_size=16))
    assert training.batch_size == 15  # five items of three classes
    assert {tuple(fold.features.shape) for fold in folds} == {(30, 3)}
    for fold, part in zip(folds, parts, strict=True):
        assert fold.order is not None
        rows = fold.order(30, torch.Generator().manual_seed(0))
        assert len(rows) == 30
        assert rows.max() < len(part.train)
        assert (fold.target[len(part.train) :] == PADDING).all()
        assert torch.equal(fold.target[: len(part.train)], part.train_target)


def test_few_items_make_small_batches() -> None:
    _, training = class_folds([prepared([3, 3, 3, 3])], Training(batch_size=64))
    assert training.batch_size == 12
