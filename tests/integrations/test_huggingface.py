"""The loss in the real Trainer: accumulated steps train exactly as whole batches do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import transformers
from torch import Tensor, nn

import perdita
from perdita.core import InputError
from perdita.integrations.huggingface import compute_loss_func

VOCABULARY, LENGTH = 17, 12


def texts(rows: int = 16) -> list[dict[str, Tensor]]:
    """Token sequences of unequal lengths: the labels of what pads them are -100."""
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(1, VOCABULARY, (rows, LENGTH), generator=generator)
    lengths = torch.randint(3, LENGTH + 1, (rows, 1), generator=generator)
    kept = torch.arange(LENGTH) < lengths
    labels = torch.where(kept, tokens, -100)
    return [
        {"input_ids": t, "attention_mask": k.long(), "labels": y} for t, k, y in zip(tokens, kept, labels, strict=True)
    ]


def sentences(kind: type = torch.long, classes: int = 3) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(4)
    tokens = torch.randint(1, VOCABULARY, (16, LENGTH), generator=generator)
    labels = torch.randint(0, classes, (16,), generator=generator) if kind is torch.long else torch.randn(16)
    return [{"input_ids": t, "labels": y} for t, y in zip(tokens, labels, strict=True)]


def language_model() -> nn.Module:
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=2, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config)


def classifier(outputs: int) -> nn.Module:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=LENGTH, num_labels=outputs, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config)


def trained(model: nn.Module, rows: list, folder, batch: int, accumulate: int, function=None) -> tuple[Tensor, list]:
    """All weights after two epochs, and the losses that the Trainer reported."""
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulate,
        num_train_epochs=2, learning_rate=0.1, optim="sgd", max_grad_norm=0.0, logging_steps=1, save_strategy="no",
        report_to=[], use_cpu=True, seed=0, disable_tqdm=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=rows, compute_loss_func=function)
    trainer.train()
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    return weights, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


CASES = {
    "causal": (language_model, texts, "focal"),
    "sum": (language_model, texts, perdita.CrossEntropy() + 0.1 * perdita.ZLoss()),
    "classes": (lambda: classifier(3), sentences, "squentropy"),
    "binary": (lambda: classifier(2), lambda: sentences(classes=2), "binary_focal"),
    "one logit": (lambda: classifier(1), lambda: sentences(classes=2), "binary_hinge"),
    "numbers": (lambda: classifier(1), lambda: sentences(torch.float), "huber"),
}


@pytest.mark.parametrize("case", CASES)
def test_two_batches_of_four_are_one_of_eight(case, tmp_path):
    make, rows, loss = CASES[case]
    whole, told = trained(make(), rows(), tmp_path / "a", 8, 1, compute_loss_func(loss))
    halves, told_halves = trained(make(), rows(), tmp_path / "b", 4, 2, compute_loss_func(loss))
    start = torch.cat([parameter.detach().flatten() for parameter in make().parameters()])
    assert (whole - start).abs().max() > 1e-3
    assert torch.allclose(whole, halves, rtol=1e-4, atol=1e-6)
    assert told == pytest.approx(told_halves, rel=1e-4)


def test_a_mean_of_means_would_differ(tmp_path):
    """What the count mends: the same loss without it does not give the whole batch's training."""
    proper = compute_loss_func("focal")

    def means(outputs, labels, num_items_in_batch=None):
        return proper(outputs, labels) / 2

    whole, _ = trained(language_model(), texts(), tmp_path / "a", 8, 1, proper)
    halves, _ = trained(language_model(), texts(), tmp_path / "b", 4, 2, means)
    assert not torch.allclose(whole, halves, rtol=1e-4, atol=1e-6)


def test_cross_entropy_trains_as_the_models_own_loss(tmp_path):
    for number, (make, rows) in enumerate([(language_model, texts), (lambda: classifier(3), sentences)]):
        own, told = trained(make(), rows(), tmp_path / f"a{number}", 4, 1)
        ours, told_ours = trained(make(), rows(), tmp_path / f"b{number}", 4, 1, compute_loss_func("cross_entropy"))
        assert torch.allclose(own, ours, rtol=1e-4, atol=1e-6)
        assert told == pytest.approx(told_ours, rel=1e-4)


def test_a_loss_of_the_whole_batch_counts_with_its_share():
    function = compute_loss_func("soft_ece")
    logits, labels = torch.randn(5, 3), torch.arange(5) % 3
    value = perdita.functional.soft_ece(logits[:4], labels[:4])
    labels[4] = -100
    assert torch.allclose(function(SimpleNamespace(logits=logits), labels, torch.tensor(8)), value / 2)


def test_several_labels_for_an_item_are_one_item():
    """The Trainer counts n * c labels where the loss has n values."""
    logits, labels = torch.randn(6, 4), torch.randint(0, 2, (6, 4)).float()
    for name in ("multilabel_soft_margin", "binary_cross_entropy"):
        expected = getattr(perdita.functional, name)(logits, labels)
        assert torch.allclose(compute_loss_func(name)(SimpleNamespace(logits=logits), labels, 24), expected)


def test_the_outputs_type_says_whether_to_shift():
    logits, labels = torch.randn(2, 5, 7), torch.randint(0, 7, (2, 5))
    shifted = perdita.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    plain = perdita.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    function = compute_loss_func("cross_entropy")
    outputs = transformers.modeling_outputs
    assert torch.allclose(function(outputs.CausalLMOutputWithPast(logits=logits), labels), shifted)
    assert torch.allclose(function(outputs.MaskedLMOutput(logits=logits), labels), plain)
    assert torch.allclose(function(outputs.TokenClassifierOutput(logits=logits), labels), plain)
    assert torch.allclose(compute_loss_func("cross_entropy", shift=True)((logits,), labels), shifted)
    with pytest.raises(InputError, match="shift=True"):
        function((logits,), labels)


def test_what_cannot_be_computed_is_refused():
    function = compute_loss_func("cross_entropy")
    logits = torch.zeros(2, 3)
    with pytest.raises(InputError, match="no labels"):
        function(SimpleNamespace(logits=logits), None)
    with pytest.raises(InputError, match="has none"):
        function(SimpleNamespace(states=logits), torch.tensor([0, 1]))
    with pytest.raises(InputError, match="one process for each GPU"):
        function(SimpleNamespace(logits=logits), torch.tensor([0, 1]), torch.tensor([[2], [2]]))
    with pytest.raises(InputError, match="cs_divergence is one value"):
        compute_loss_func("cs_divergence")(SimpleNamespace(logits=logits), torch.tensor([0, -100]))
    with pytest.raises(
        InputError, match=r"mse takes as its target a floating tensor of shape .*, no labels of torch.int64"
    ):
        compute_loss_func("mse")(SimpleNamespace(logits=logits), torch.tensor([0, 1]), 2)
    with pytest.raises(InputError, match="triplet_margin needs anchor"):
        compute_loss_func("triplet_margin")
    with pytest.raises(InputError, match="reduction='mean'"):
        compute_loss_func(perdita.CrossEntropy(reduction="sum"))
    with pytest.raises(InputError, match="not int"):
        compute_loss_func(3)
