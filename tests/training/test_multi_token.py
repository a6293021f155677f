"""The layout of a multi-token batch, its loss, and what training changes and leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from perdita.core import InputError
from perdita.nn.multi_token import MultiTokenModel
from perdita.training.multi_token import fit_multi_token, multi_token_layout, multi_token_loss
from tests.training.tiny_models import TOKENS, tiny


def test_targets_and_tokens_before_them():
    batch = multi_token_layout(torch.tensor([[10, 11, 12, 13]]), 2)
    rows = list(zip(batch.prefix.tolist(), batch.index.tolist(), strict=True))
    assert rows == [(i, j) for i in range(1, 5) for j in range(3)]
    for row, (i, j) in enumerate(rows):
        aim = i + j
        assert batch.position_ids[row] == aim - 1
        assert batch.targets[0, row] == (10 + aim if aim < 4 else -100)
        if aim < 4:
            assert batch.previous[0, row] == 10 + aim - 1


def test_partners_predict_the_same_token():
    batch = multi_token_layout(torch.randint(9, (2, 5)), 3)
    aim = batch.prefix + batch.index
    for place, anchor in enumerate(batch.anchors.tolist()):
        wanted = {row for row in range(len(aim)) if aim[row] == aim[anchor] and batch.index[row] > 0}
        for text in range(2):
            assert set(batch.partners[place][batch.paired[text, place]].tolist()) == wanted


def test_no_masks_stand_where_nothing_is_learnt():
    learnt = torch.tensor([[False, False, False, True, True], [False, False, True, True, False]])
    tokens = torch.randint(9, (2, 5))
    batch = multi_token_layout(tokens, 2, loss_mask=learnt)
    assert sorted(set(batch.prefix[batch.index > 0].tolist())) == [2, 3, 4, 5]
    places = (batch.prefix + batch.index).clamp_max(4)
    known = batch.targets != -100
    assert (learnt[:, places] | ~known).all()
    assert not known[1][batch.prefix + batch.index == 4].any()  # padding
    assert (batch.targets[known] == tokens[:, places][known]).all()
    assert not batch.paired[~learnt].any()


def test_one_pass_stands_for_a_prompt_that_ends_at_each_token():
    """Every group of masks gives the states that its prefix alone would have given."""
    model = MultiTokenModel.from_causal_lm(tiny(), 3, rank=2)
    for parameter in model.learnt():
        torch.nn.init.normal_(parameter, std=0.3)
    tokens = torch.randint(TOKENS, (2, 5))
    batch = multi_token_layout(tokens, 3)
    with torch.no_grad():
        hidden = model(batch.tokens, batch.prefix, batch.index)
        for length in range(1, 6):
            prefix = torch.cat([torch.arange(1, length + 1), torch.full((3,), length)])
            index = torch.cat([torch.zeros(length, dtype=torch.int64), torch.arange(1, 4)])
            alone = model(torch.cat([tokens[:, :length], torch.zeros(2, 3, dtype=torch.int64)], 1), prefix, index)
            rows = (batch.prefix == length).nonzero().flatten()
            torch.testing.assert_close(hidden[:, rows], alone[:, [length - 1, -3, -2, -1]])


def test_training_lowers_the_loss_and_leaves_the_models_own_predictions_bit_by_bit():
    frozen = tiny(seed=1)
    tokens = torch.randint(TOKENS, (4, 8))
    batch = multi_token_layout(tokens, 2)
    own = batch.index == 0
    model = MultiTokenModel.from_causal_lm(frozen, 2, rank=4)
    with torch.no_grad():
        before = model.base_logits(model(batch.tokens, batch.prefix, batch.index))[:, own]
    course = fit_multi_token(model, [tokens] * 25, learning_rate=5e-3, warmup=3)
    assert course[-1]["loss"] < 0.8 * course[0]["loss"]
    assert course[0]["loss"] == pytest.approx(sum(course[0][name] for name in ("base", "sampler", "consistency")))
    with torch.no_grad():
        after = model.base_logits(model(batch.tokens, batch.prefix, batch.index))[:, own]
    assert torch.equal(before, after)
    model.gated = False
    with torch.no_grad():
        ordinary = model.base_logits(model(batch.tokens, batch.prefix, batch.index))[:, own]
    assert not torch.allclose(before, ordinary)


def test_ordinary_places_teach_the_sampler_alone():
    model = MultiTokenModel.from_causal_lm(tiny(), 2, rank=2)
    batch = multi_token_layout(torch.randint(TOKENS, (1, 4)), 2)
    hidden = model(batch.tokens, batch.prefix, batch.index)
    logits = model.base_logits(hidden), model.sampler_logits(batch.previous, hidden)
    only = torch.where(batch.index == 0, batch.targets, -100)
    plain = replace(batch, targets=only)
    multi_token_loss(*logits, hidden, plain, consistency_weight=0.0)["loss"].backward()
    touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched == {"sampler"}


def test_bad_input_is_named():
    with pytest.raises(InputError, match="masks"):
        multi_token_layout(torch.zeros(1, 4, dtype=torch.int64), 0)
