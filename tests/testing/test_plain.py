"""Losses that are not perdita's: what they take is guessed, and the battery sees them as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perdita.core import InputError, catalogue
from perdita.testing import ConformanceError, assert_loss_conforms, run_battery
from perdita.testing.battery import subject_of
from perdita.testing.forms import FORMS
from tests.testing import plain_losses

GUESSES = {
    nn.CrossEntropyLoss: ("multiclass", "attribute"), nn.MSELoss: ("regression", "attribute"),
    nn.SmoothL1Loss: ("regression", "attribute"), nn.BCEWithLogitsLoss: ("binary", "attribute"),
    nn.BCELoss: ("probabilities", "attribute"), nn.MultiMarginLoss: ("multiclass", "attribute"),
    nn.TripletMarginLoss: ("triplet", "attribute"), nn.functional.l1_loss: ("regression", "argument"),
    plain_losses.naive_cross_entropy: ("multiclass", ""), plain_losses.mean_squared_error: ("regression", ""),
    plain_losses.annotated: ("annotated", ""),
}  # fmt: skip


def verdicts(loss, **given):
    return {outcome.check: outcome for outcome in run_battery(loss, **given)}


def failed(loss, **given):
    return {name for name, outcome in verdicts(loss, **given).items() if outcome.status == "fail"}


@pytest.mark.parametrize("loss", GUESSES, ids=lambda loss: loss.__name__)
def test_what_it_takes_is_guessed(loss):
    subject = subject_of(loss)
    assert (subject.card.task, subject.plain.reduces) == GUESSES[loss]


@pytest.mark.parametrize("task", FORMS)
def test_every_form_can_be_named(task):
    losses = {
        "multiclass": nn.CrossEntropyLoss, "probabilities": nn.BCELoss, "soft": nn.CrossEntropyLoss,
        "sign": nn.SoftMarginLoss, "counts": nn.PoissonNLLLoss, "log_probs": nn.KLDivLoss, "triplet":
        nn.TripletMarginLoss, "multilabel": nn.MultiLabelSoftMarginLoss, "pairs": nn.CosineEmbeddingLoss,
        "ranking": nn.MarginRankingLoss, "variance": nn.GaussianNLLLoss, "embeddings": plain_losses.only_equal_labels,
    }  # fmt: skip
    subject = subject_of(losses.get(task, nn.MSELoss), task=task)
    assert subject.card.task == task
    assert torch.isfinite(subject(subject.sample(5), reduction="sum")).all()


def test_torch_cross_entropy_fails_where_nothing_is_to_average_and_where_float16_counts():
    found = verdicts(nn.CrossEntropyLoss)
    wrong = {name for name, outcome in found.items() if outcome.status == "fail"}
    assert wrong == {"long_batch", "empty", "all_masked"}
    assert "nan, expected exactly 0" in found["empty"].message
    passed = {name for name, outcome in found.items() if outcome.status == "pass"}
    wanted = {
        "gradcheck", "half_precision", "extreme_inputs", "compile", "vmap", "reductions", "rowwise", "rejects_shape",
        "rejects_values", "shards_equal_whole", "ignore_index_equals_removed", "permutation", "state_dict", "pickle",
    }  # fmt: skip
    assert wanted <= passed
    assert found["config"].message == "it is no perdita loss"


def test_torch_squared_error_overflows_in_half_precision():
    assert failed(nn.MSELoss) == {"empty", "extreme_inputs"}


def test_a_careless_loss_fails_where_it_is_careless():
    found = verdicts(plain_losses.naive_cross_entropy)
    wrong = {name for name, outcome in found.items() if outcome.status == "fail"}
    assert wrong == {"extreme_inputs", "empty", "rejects_shape", "compile", "vmap"}
    assert "plain_losses.py:14 in naive_cross_entropy: Data-dependent branching" in found["compile"].message


def test_a_loss_that_broadcasts_is_told_so_on_two_rows():
    found = verdicts(plain_losses.mean_squared_error, checks=["rejects_shape"])
    assert "target of shape (2, 1) beside (2,) is accepted" in found["rejects_shape"].message


def test_the_smallest_input_has_few_rows_few_classes_and_short_numbers():
    message = verdicts(plain_losses.naive_cross_entropy, checks=["extreme_inputs"])["extreme_inputs"].message
    assert message.endswith("input: input=[[10000.0, 10000.0]], target=[0]")


@pytest.mark.parametrize("loss", [plain_losses.good_cross_entropy, plain_losses.annotated])
def test_a_faultless_function_fails_nothing(loss):
    assert failed(loss) == set()


def test_values_that_depend_on_other_rows_do_not_accumulate():
    assert {"rowwise", "shards_equal_whole"} <= failed(plain_losses.centred)


def test_a_class_is_constructed_with_its_arguments():
    assert (
        verdicts(plain_losses.Weighted, arguments={"classes": 4}, checks=["state_dict"])["state_dict"].status == "pass"
    )
    with pytest.raises(InputError, match="give its arguments"):
        run_battery(plain_losses.Weighted)


def test_a_class_weight_makes_micro_batches_unequal():
    assert "shards_equal_whole" in failed(plain_losses.Weighted, arguments={"classes": 4})


def test_what_takes_no_such_input_is_refused_with_reasons():
    with pytest.raises(InputError, match="it takes 1 arguments, not 2 tensors"):
        run_battery(plain_losses.takes_a_list)
    with pytest.raises(InputError, match="did you mean 'multiclass'"):
        run_battery(nn.MSELoss, task="multiclas")
    with pytest.raises(InputError, match="regression: "):
        run_battery(nn.MultiMarginLoss, task="regression")
    with pytest.raises(InputError, match="must be a card, a function or a module"):
        run_battery(3)


def test_the_catalogue_does_not_learn_of_it():
    before = [card.name for card in catalogue.cards()]
    subject_of(nn.CrossEntropyLoss)
    assert [card.name for card in catalogue.cards()] == before


def test_assert_loss_conforms_names_what_fails():
    assert_loss_conforms(nn.CrossEntropyLoss(), ["gradcheck", "vmap"])
    with pytest.raises(ConformanceError, match="empty"):
        assert_loss_conforms(nn.CrossEntropyLoss(), ["gradcheck", "empty"])
