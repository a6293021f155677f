"""Forgetting some answers and keeping others: the weight, the loss, which parameters move, and what training does."""

from __future__ import annotations

import math

import pytest
import torch

from perdita.core import InputError
from perdita.training.unlearning import (
    RetainReference,
    decoder_layers,
    freeze_except,
    retain_weight,
    selective_amnesia,
    unlearn,
)
from tests.training.tiny_models import TOKENS, tiny


def drawn(b=4, t=6, v=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(b, t, v, generator=generator, dtype=torch.float64)
    labels = torch.randint(v, (b, t), generator=generator)
    labels[:, :2] = -100
    return logits, labels, torch.tensor([1, -1, -1, 1])[:b]


@pytest.mark.parametrize(
    ("increase", "decimals", "expected"),
    [
        (-1.0, 1, 1.2),
        (0.0, 1, 1.2),
        (0.25, None, 0.3 * 6**0.25 + 0.8),
        (0.25, 1, 1.3),
        (0.7, None, 0.3 * 6**0.7 + 0.8),
        (5.0, 1, 2.3),
        (1e6, None, 2.3),
    ],
)
def test_the_weight_grows_with_the_loss_between_its_ends(increase, decimals, expected):
    found = retain_weight(torch.tensor(increase, dtype=torch.float64), decimals=decimals)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_groups_are_averaged_by_themselves_over_their_tokens():
    logits, labels, factor = drawn()
    labels[0, 3:] = -100  # a short answer
    parts = selective_amnesia(logits, labels, factor)
    for group, name in ((1, "retain"), (-1, "forget")):
        values = [
            -logits[row, place].log_softmax(0)[labels[row, place + 1]]
            for row in range(4)
            for place in range(5)
            if factor[row] == group and labels[row, place + 1] >= 0
        ]
        torch.testing.assert_close(parts[name], torch.stack(values).mean())
    torch.testing.assert_close(parts["loss"], 1.2 * parts["retain"] - parts["forget"])


@pytest.mark.parametrize(("group", "missing"), [(1, "forget"), (-1, "retain")])
def test_a_group_that_is_missing_adds_nothing(group, missing):
    logits, labels, _ = drawn()
    parts = selective_amnesia(logits.requires_grad_(), labels, torch.full((4,), group), reference=0.1)
    assert parts[missing] == 0
    parts["loss"].backward()
    assert torch.isfinite(logits.grad).all()


def test_no_gradient_goes_through_the_weight_and_none_beyond_the_cap():
    logits, labels, factor = drawn()
    logits.requires_grad_()
    parts = selective_amnesia(logits, labels, factor, reference=0.5, decimals=None)
    assert parts["alpha"] > 1.2
    (found,) = torch.autograd.grad(parts["loss"], logits)
    fixed = selective_amnesia(logits, labels, factor, low=parts["alpha"].item(), high=parts["alpha"].item())
    (expected,) = torch.autograd.grad(fixed["loss"], logits)
    torch.testing.assert_close(found, expected)
    capped = selective_amnesia(logits, labels, factor, forget_cap=1e-3)
    (gradient,) = torch.autograd.grad(capped["loss"], logits)
    assert not gradient[factor < 0].any()
    assert gradient[factor > 0].any()


def test_half_precision_is_computed_in_single():
    logits, labels, factor = drawn()
    parts = selective_amnesia(logits.bfloat16(), labels, factor)
    assert parts["loss"].dtype is torch.float32
    torch.testing.assert_close(parts["loss"], selective_amnesia(logits.bfloat16().float(), labels, factor)["loss"])


def test_the_reference_is_a_mean_over_batches_or_as_the_released_code_has_it():
    meant, released = RetainReference(), RetainReference("example")
    for reference in (meant, released):
        assert reference.value is None
        for loss, examples in ((2.0, 3), (4.0, 5), (0.0, 0)):
            reference.add(torch.tensor(loss), examples)
    assert meant.value == 3.0
    assert released.value == 0.75


NAMES = {
    "llama": ("mlp.down_proj", "self_attn.q_proj"),
    "gpt2": ("mlp.c_fc", "attn.c_attn"),
    "neox": ("mlp.dense_h_to_4h", "attention.dense"),
    "opt": ("fc1", "self_attn.q_proj"),
}


@pytest.mark.parametrize("family", list(NAMES))
def test_only_one_part_of_some_layers_is_left_to_train(family):
    model = tiny(family)
    assert len(decoder_layers(model)) == 3
    for kind, name, other in (("mlp", *NAMES[family]), ("self_attn", *reversed(NAMES[family]))):
        left = freeze_except(model, [0, 2], kind)
        assert left == [own for own, parameter in model.named_parameters() if parameter.requires_grad]
        assert any(f".0.{name}" in own for own in left)
        assert any(f".2.{name}" in own for own in left)
        assert not [own for own in left if ".1." in own or other in own or "norm" in own or "embed" in own]
    whole = freeze_except(model, [1], "all")
    assert {own.split(".1.")[0] for own in whole} == {whole[0].split(".1.")[0]}
    assert len(whole) == len(list(decoder_layers(model)[1].parameters()))


def test_unlearning_forgets_and_keeps_and_moves_nothing_else():
    model = tiny(layers=2, seed=5)
    ids = torch.randint(TOKENS, (8, 5), generator=torch.Generator().manual_seed(0))
    labels = ids.masked_fill(torch.arange(5) < 3, -100)
    factor = torch.tensor([-1, 1] * 4)
    batches = [(ids[half : half + 4], labels[half : half + 4], factor[half : half + 4]) for half in (0, 4)]
    left = freeze_except(model, [0], "mlp")
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    course = unlearn(model, batches, epochs=15, learning_rate=3e-2, forget_cap=3 * math.log(TOKENS), accumulate=2)
    assert course[-1]["forget"] > course[0]["forget"] + 0.5
    assert course[-1]["retain"] < course[0]["retain"]
    moved = [name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])]
    assert moved == left


def test_a_fixed_weight_of_zero_is_ascent_alone():
    model = tiny(layers=1)
    freeze_except(model, [0])
    ids = torch.randint(TOKENS, (2, 4), generator=torch.Generator().manual_seed(0))
    course = unlearn(model, [(ids, ids, torch.tensor([-1, 1]))], epochs=2, retain=0.0, learning_rate=1e-3)
    for epoch in course:
        assert epoch["alpha"] == 0
        assert epoch["loss"] == pytest.approx(-epoch["forget"])


def test_bad_input_is_named():
    logits, labels, factor = drawn()
    with pytest.raises(InputError, match="factor"):
        selective_amnesia(logits, labels, factor * 2)
    with pytest.raises(InputError, match="shapes"):
        selective_amnesia(logits, labels[:, 1:], factor)
    with pytest.raises(InputError, match="kind"):
        freeze_except(tiny(), kind="norm")
    with pytest.raises(InputError, match=r"layers must be in 0\.\.2"):
        freeze_except(tiny())
    with pytest.raises(InputError, match="ModuleList"):
        decoder_layers(torch.nn.Linear(2, 2))
    with pytest.raises(InputError, match="per"):
        RetainReference("token")
