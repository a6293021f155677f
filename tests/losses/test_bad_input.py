"""What every loss over classes says of input that cannot be meant, one kind of mistake after another."""

from __future__ import annotations

import contextlib
import math
import warnings
from dataclasses import replace

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.core import apply
from perdita.losses.classification.bag_responses import stack_bags
from perdita.losses.ordinal.cumulative import ordinal_softmax
from perdita.testing.battery import subject_of
from tests.references import SAMPLES

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
LABELS = torch.tensor([0, 2])
TASKS = ("multiclass", "calibration", "segmentation", "adversarial")
OVER_CLASSES = [
    card.name for card in perdita.cards()
    if card.task in TASKS and card.signature.fields[0].name == "logits" and card.function is not None
    and "c" in card.signature.fields[0].shapes[0].dims and card.name not in SAMPLES
]  # fmt: skip
LABELLED = [
    name for name in OVER_CLASSES
    if (labels := perdita.card(name).signature.labels) is not None
    and [item.name for item in perdita.card(name).signature.fields if not item.optional] == ["logits", labels.name]
]  # fmt: skip


@pytest.fixture
def unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a fresh process, where no loss has looked at logits yet."""
    monkeypatch.setattr(apply, "_LOOKED", set())


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("name", LABELLED)
def test_probabilities_as_logits_are_warned_of_once(name: str) -> None:
    loss = getattr(P, name)
    with pytest.warns(UserWarning, match=f"{name} expects logits, but these rows look like probabilities"):
        loss(LOGITS.softmax(1), LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(LOGITS.softmax(1), LABELS)


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("logits", [LOGITS, LOGITS.sigmoid(), LOGITS.softmax(1) - 1e-2, torch.zeros(2, 3)])
def test_other_numbers_are_not_warned_of(logits: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        P.cross_entropy(logits, LABELS)


@pytest.mark.parametrize("name", LABELLED)
def test_numbers_that_are_not_finite_are_named(name: str) -> None:
    spoiled = LOGITS.clone()
    spoiled[1, 0] = math.nan
    with pytest.raises(perdita.InputError, match=r"logits must be finite; logits\[1, 0\] = nan"):
        getattr(P, name)(spoiled, LABELS)
    spoiled[1, 0] = math.inf
    with contextlib.suppress(perdita.InputError):  # a loss may have a value at infinity, but then it is one
        assert getattr(P, name)(spoiled, LABELS).isfinite()


@pytest.mark.parametrize("name", LABELLED)
def test_labels_outside_the_classes_are_named(name: str) -> None:
    for label in (-1, 3):
        with pytest.raises(perdita.InputError, match=rf"target must hold class indices from 0 to 2 .*\[1\] = {label}"):
            getattr(P, name)(LOGITS, torch.tensor([0, label]), ignore_index=None)


@pytest.mark.parametrize("name", [name for name in LABELLED if perdita.card(name).signature.level != "batch"])
def test_negative_weights_are_named(name: str) -> None:
    with pytest.raises(perdita.InputError, match="weight must hold numbers >= 0; its smallest is -1"):
        getattr(P, name)(LOGITS, LABELS, weight=torch.tensor([1.0, -1.0]))


def test_negative_class_weights_are_named() -> None:
    weighed = [name for name in LABELLED if "class_weight" in {f.name for f in perdita.card(name).signature.fields}]
    assert len(weighed) > 5
    for name in weighed:
        with pytest.raises(perdita.InputError, match="class_weight must hold numbers >= 0"):
            getattr(P, name)(LOGITS, LABELS, class_weight=torch.tensor([1.0, -0.5, 1.0]))


@pytest.mark.parametrize("name", OVER_CLASSES)
def test_one_class_leaves_nothing_to_learn_and_no_nan(name: str) -> None:
    subject = replace(subject_of(perdita.card(name)), classes=1)
    value, gradients = subject.gradients(subject.sample(0))
    assert value.isfinite()
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_an_empty_bag_is_named() -> None:
    with pytest.raises(perdita.InputError, match="bag_index names no member of bag 1; every bag needs one"):
        stack_bags(torch.zeros(3, 2), torch.tensor([0, 2, 2]), 3)


def test_thresholds_out_of_order_are_named() -> None:
    with pytest.raises(perdita.InputError, match=r"logits must not rise along dimension 1; they do after logits\[1, 0"):
        ordinal_softmax(torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.5, -1.0]]), ordered=True)
