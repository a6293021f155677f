"""Usual faults of hand-written losses, and losses of a peer: the doctor names each fault, and what it was taken for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import perdita
from perdita.testing import CHECKS, run_battery
from perdita.testing.battery import subject_of
from perdita.testing.doctor import diagnose
from perdita.testing.doctor.advice import NARROW
from tests.testing import plain_losses

QUICK = [name for name in CHECKS if name != "compile" and not name.startswith("trait_")]
FAULTS = {  # loss → what must fail, and in which words
    plain_losses.naive_focal: ("extreme_inputs", "not finite in torch.float32"),
    plain_losses.batch_dice: ("long_batch", "the mean of 131072 items in torch.float16 is"),
    plain_losses.mean_over_rows: ("ignore_index_equals_removed", "against those items removed"),
    plain_losses.scaled_by_item: ("vmap", ".item()"),
    plain_losses.changes_its_input: ("inputs_unchanged", "input is changed in place"),
    plain_losses.keeps_by_index: ("vmap", "dynamic shape"),
    plain_losses.warns: ("silent", "the scale is deprecated"),
    plain_losses.adds_part_by_part: ("long_batch", "loses what is added to it"),
    plain_losses.branches: ("compile", f"breaks at {plain_losses.__file__}:"),
    nn.KLDivLoss: ("silent", "'batchmean' divides only by the batch size"),
}
SOUND = {"gradcheck", "determinism", "permutation"}


@pytest.mark.parametrize("loss", FAULTS, ids=lambda loss: loss.__name__)
def test_a_fault_is_named(loss):
    check, words = FAULTS[loss]
    found = {one.check: one for one in run_battery(loss, [check])}
    assert found[check].status == "fail"
    assert words in found[check].message


@pytest.mark.parametrize("loss", [plain_losses.changes_its_input, plain_losses.warns, plain_losses.batch_dice])
def test_one_fault_does_not_fail_every_check(loss):
    failed = {one.check for one in run_battery(loss, QUICK) if one.status == "fail"}
    assert not failed & SOUND
    assert len(failed) <= 4


def test_what_float16_alone_cannot_hold_gets_other_advice():
    def squared(prediction, target):
        return (prediction - target).square().mean()

    (narrow,) = diagnose(squared, ["extreme_inputs"]).failures
    (wide,) = diagnose(plain_losses.naive_focal, ["extreme_inputs"]).failures
    assert narrow.advice == NARROW
    assert "logsigmoid" in wide.advice


TAKEN = {
    plain_losses.only_equal_labels: ("embeddings", "n"), plain_losses.from_images: ("annotated", "n"),
    nn.CosineEmbeddingLoss: ("pairs", "n"), nn.MarginRankingLoss: ("ranking", "n"),
    nn.GaussianNLLLoss: ("variance", "n"), nn.KLDivLoss: ("log_probs", "n c"), nn.PoissonNLLLoss: ("counts", "n"),
    nn.functional.kl_div: ("log_probs", "n c"), nn.HingeEmbeddingLoss: ("sign", "n"),
}  # fmt: skip


@pytest.mark.parametrize("loss", TAKEN, ids=lambda loss: loss.__name__)
def test_what_further_losses_take(loss):
    card = subject_of(loss).card
    assert (card.task, " ".join(card.signature.returns.dims)) == TAKEN[loss]


def test_losses_of_a_peer_are_examined_as_losses_of_embeddings():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    sizes = {"num_classes": 3, "embedding_size": 8}
    for loss, arguments in {losses.SupConLoss: {}, losses.TripletMarginLoss: {}, losses.ArcFaceLoss: sizes}.items():
        subject = subject_of(loss, arguments=arguments)
        assert subject.card.task == "embeddings"
        found = {one.check: one for one in run_battery(loss, ["gradcheck", "long_batch"], arguments=arguments)}
        assert found["gradcheck"].status == "pass", loss
        assert found["long_batch"].status != "fail", loss


def test_sizes_come_from_arguments_and_attributes():
    class Scaled(nn.Module):
        def __init__(self, num_classes):
            super().__init__()
            self.num_classes = num_classes
            self.scale = nn.Parameter(torch.ones(num_classes))

        def forward(self, logits, target):
            return nn.functional.cross_entropy(self.scale * logits, target)

    for subject in (subject_of(Scaled, arguments={"num_classes": 7}), subject_of(Scaled(7))):
        assert subject.sample().tensors["input"].shape == (5, 7)
        assert not subject.sizes_itself


def test_a_sampler_serves_where_no_form_fits():
    def aligned(generator, n, dtype):
        return {
            "log_probs": torch.randn(6, n, 4, generator=generator, dtype=torch.float64).log_softmax(2).to(dtype),
            "targets": 1 + torch.rand(n, 3, generator=generator).argsort(1),
            "input_lengths": torch.full((n,), 6), "target_lengths": torch.full((n,), 3),
        }  # fmt: skip

    with pytest.raises(perdita.InputError, match="draw them by a sampler"):
        subject_of(nn.CTCLoss)
    (found,) = run_battery(nn.CTCLoss(reduction="sum"), ["permutation"], sampler=aligned)
    assert found.status == "pass"


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (plain_losses.counts_errors, "no gradient reaches the prediction. Look for argmax"),
        (plain_losses.gives_a_number, r"it gives a float, no floating tensor. Give a floating tensor"),
    ],
)
def test_a_loss_that_cannot_train_a_model_is_told_so(loss, words):
    with pytest.raises(perdita.InputError, match=f"{loss.__name__} cannot train a model, .*: {words}"):
        subject_of(loss)


def test_the_verdict_on_a_long_batch_of_float16_is_the_same_in_every_run():
    """PyTorch sums the losses and the rows in float16 on the CPU; 2**16 rows are more than it can count."""
    found = [run_battery(nn.CrossEntropyLoss, ["long_batch"])[0] for _ in range(3)]
    assert {one.message for one in found} == {
        "the mean of 131072 items in torch.float16 is nan, expected 1.72772: they add up to a number that float16 does "
        "not reach; input: 131072 items, drawn at random"
    }
    own = nn.functional.cross_entropy(torch.zeros(2**16, 3).half(), torch.zeros(2**16, dtype=torch.long))
    assert own.isnan()
    assert run_battery(plain_losses.wide_cross_entropy, ["long_batch"])[0].status == "pass"


def test_a_message_asks_nobody_to_report_to_pytorch():
    (found,) = run_battery(plain_losses.branches, ["vmap"])
    assert found.message.endswith("data-dependent control flow.")


def test_a_loss_that_claims_nothing_is_not_said_to_have_a_card():
    (found,) = run_battery(nn.MSELoss, ["trait_convex"])
    assert (found.status, found.message) == ("not applicable", "it claims no traits")


def test_refusals_group_their_reasons_and_name_the_line():
    with pytest.raises(
        perdita.InputError, match=r"a loss of multiclass, embeddings, .*: it gives a dict, no floating tensor"
    ):
        subject_of(plain_losses.gives_a_mapping)
    with pytest.raises(perdita.InputError, match=r"NameError: name 'no_such_name' .* \(plain_losses.py:\d+"):
        subject_of(plain_losses.undefined)
    with pytest.raises(perdita.InputError, match=r"give its arguments: \{\"classes\": …\}, on the command"):
        subject_of(plain_losses.Weighted)
