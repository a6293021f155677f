"""Number tokens: tables from real tokenizers, every measure, and what a language model's loss must stand."""

import json

import pytest
import torch

import perdita
from perdita import InputError
from perdita.losses.sequence.number_token import number_token_table
from tests.references.sequence.number_token import TABLE
from tests.references.sequence.number_token import number_token as reference

WORDS = [
    "[PAD]",
    "the",
    "4",
    "12",
    "price",
    "7",
    "3.5",
    "-2",
    "1e5",
    "1e999",
    "nan",
    "inf",
    "1_000",
    "\u0664",
    "0",
    "▁9",
]


def word_level():
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    tokenizer = Tokenizer(WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = Whitespace()
    return tokenizer


def byte_level():
    """A trained byte-level BPE, as GPT-2's family has it: " 12" is a token of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["add 12 and 12 to get 24"] * 20, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")


def test_the_digits_of_a_vocabulary():
    assert number_token_table(word_level()) == {2: 4.0, 5: 7.0, 14: 0.0}
    assert number_token_table({"9": 3, "x": 1, "1": 0}) == {0: 1.0, 3: 9.0}


def test_every_number_of_a_vocabulary():
    found = number_token_table(word_level(), digit_level=False)
    assert found == {2: 4.0, 3: 12.0, 5: 7.0, 6: 3.5, 7: -2.0, 8: 1e5, 14: 0.0, 15: 9.0}


def test_a_byte_level_tokenizer_of_transformers():
    tokenizer = byte_level()
    table = number_token_table(tokenizer)
    assert sorted(table.values()) == [float(digit) for digit in range(10)]
    assert all(tokenizer.decode([token]) == str(int(value)) for token, value in table.items())
    longer = number_token_table(tokenizer, digit_level=False)
    spaced = tokenizer.convert_tokens_to_ids("Ġ12")
    assert longer[spaced] == 12.0
    assert table.items() < longer.items()


def test_a_language_model_learns_the_digit_after_a_prompt():
    """Table, loss and a causal model's shifted logits together."""
    tokenizer = byte_level()
    criterion = perdita.CrossEntropy() + 0.3 * perdita.NumberToken(table=number_token_table(tokenizer))
    tokens = torch.tensor([tokenizer.encode("get 24")])
    logits = torch.zeros(1, tokens.shape[1], len(tokenizer) + 24, requires_grad=True)  # padded vocabulary
    value = criterion(logits[:, :-1].transpose(1, 2), tokens[:, 1:])
    value.backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[0, -1] == 0).all()  # of the last place, which speaks of no token here


def test_what_has_no_table():
    with pytest.raises(InputError, match="get_vocab"):
        number_token_table("gpt2")
    with pytest.raises(InputError, match="no token that is a number"):
        number_token_table({"a": 0})
    for table in (None, {}, [1.0, 2.0]):
        with pytest.raises(InputError, match="table"):
            perdita.NumberToken(table=table)
    for table in ({-1: 2.0}, {1: float("nan")}, {1: float("inf")}):
        with pytest.raises(InputError, match="table"):
            perdita.NumberToken(table=table)
    with pytest.raises(InputError, match="squash_factor"):
        perdita.NumberToken(table={1: 2.0}, kind="mse", squash_factor=2.0)
    with pytest.raises(InputError, match="token 9"):
        perdita.NumberToken(table={9: 2.0})(torch.zeros(1, 5), torch.tensor([1]))


def batch():
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(40, 6, 2, generator=generator, dtype=torch.float64)
    return logits, torch.randint(6, (40, 2), generator=generator)


@pytest.mark.parametrize("reweigh", [False, True])
@pytest.mark.parametrize("kind", ["wasserstein", "mse", "mae", "huber"])
def test_every_measure_equals_its_definition(kind, reweigh):
    logits, target = batch()
    criterion = perdita.NumberToken(table=TABLE, kind=kind, reweigh=reweigh, reduction="none").double()
    values, counts = reference(logits.numpy(), target.numpy(), TABLE, kind=kind, reweigh=reweigh)
    torch.testing.assert_close(criterion(logits, target), torch.from_numpy(values))
    criterion.reduction = "mean"
    assert criterion(logits, target).item() == pytest.approx(values.sum() / counts.sum())


@pytest.mark.parametrize("reweigh", [False, True])
def test_a_squash_factor_bounds_what_the_farthest_costs(reweigh):
    logits, target = batch()
    given = {"table": TABLE, "squash_factor": 3.0, "reweigh": reweigh}
    values, _ = reference(logits.numpy(), target.numpy(), **given)
    torch.testing.assert_close(
        perdita.NumberToken(**given, reduction="none").double()(logits, target), torch.from_numpy(values)
    )
    sure = torch.full((1, 6), -50.0, dtype=torch.float64).index_fill(1, torch.tensor([3]), 50.0)
    assert perdita.NumberToken(**given).double()(sure, torch.tensor([1])).item() == pytest.approx(3.0)


@pytest.mark.parametrize("table", [TABLE, {0: 3.0, 1: 1.0, 3: 3.0, 5: -2.0}])
@pytest.mark.parametrize("smoothing", [0.1, 1.0])
def test_smoothed_labels_are_a_distribution_to_transport(table, smoothing):
    logits, target = batch()
    criterion = perdita.NumberToken(table=table, label_smoothing=smoothing, reduction="none").double()
    values, _ = reference(logits.numpy(), target.numpy(), table, label_smoothing=smoothing)
    torch.testing.assert_close(criterion(logits, target), torch.from_numpy(values))
    none = perdita.NumberToken(table=table, label_smoothing=1e-12, reduction="none").double()
    hard = perdita.NumberToken(table=table, reduction="none").double()
    torch.testing.assert_close(none(logits, target), hard(logits, target))
    with pytest.raises(InputError, match="label_smoothing"):
        perdita.NumberToken(table=table, kind="mse", label_smoothing=smoothing)


def test_the_gradient_is_the_closed_form_and_spares_other_tokens():
    logits, target = batch()
    logits.requires_grad_()
    kept, values = torch.tensor(list(TABLE)), torch.tensor(list(TABLE.values()), dtype=torch.float64)
    criterion = perdita.NumberToken(table=TABLE, reduction="sum").double()
    (gradient,) = torch.autograd.grad(criterion(logits, target), logits)
    assert (gradient[:, [2, 4, 5]] == 0).all()
    probs = logits[:, kept].softmax(1)
    truth = torch.tensor([TABLE.get(int(token), 0.0) for token in target.flatten()]).view_as(target).unsqueeze(1)
    distance = (values.view(1, -1, 1) - truth).abs()
    expected = probs * (distance - (probs * distance).sum(1, keepdim=True))
    number = torch.isin(target, kept).unsqueeze(1)
    torch.testing.assert_close(gradient[:, kept], torch.where(number, expected, 0.0).detach())


def test_labels_without_a_number_are_a_connected_zero():
    logits = torch.randn(3, 6, requires_grad=True)
    value = perdita.NumberToken(table=TABLE)(logits, torch.tensor([2, 4, -100]))
    value.backward()
    assert value.item() == 0
    assert (logits.grad == 0).all()


def test_the_configuration_survives_json():
    criterion = perdita.NumberToken(table=TABLE, kind="mae")
    again = perdita.build(json.loads(json.dumps(criterion.to_config())))
    logits, target = batch()
    torch.testing.assert_close(again.double()(logits, target), criterion.double()(logits, target))


def test_duplicate_values_and_a_single_number():
    logits, target = batch()
    twice = perdita.NumberToken(table={0: 4.0, 1: 4.0}, squash_factor=2.0, reweigh=True).double()
    assert twice(logits, target.clamp(max=1)).item() == 0
