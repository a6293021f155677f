"""Threshold relative attention: its definition as loops, what it is invariant to, and the flip-flop language."""

from __future__ import annotations

import math

import pytest
import torch

from perdita.core import InputError
from perdita.nn.threshold_attention import (
    IGNORE,
    READ,
    WRITE,
    ZERO,
    ThresholdRelativeAttention,
    TraDecoder,
    flip_flop_batch,
    rms_norm,
    threshold_relative_attention,
)


def drawn(b=2, h=3, t=7, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, b, h, t, d, generator=generator, dtype=torch.float64)
    return query, key, value, -torch.rand(b, h, t, generator=generator, dtype=torch.float64)


def loops(query, key, value, log_gate, threshold=0.0):
    out = torch.zeros_like(value)
    for b, h, i in torch.cartesian_prod(*(torch.arange(size) for size in query.shape[:3])).tolist():
        scores = [float(query[b, h, i] @ key[b, h, j]) / math.sqrt(query.shape[-1]) for j in range(i + 1)]
        alive = [j for j, score in enumerate(scores) if score > threshold]
        powers = {j: math.exp(scores[j] + float(log_gate[b, h, i]) * sum(k >= j for k in alive)) for j in alive}
        for j, power in powers.items():
            out[b, h, i] += power / sum(powers.values()) * value[b, h, j]
    return out


@pytest.mark.parametrize("threshold", [0.0, 0.3, -0.2])
def test_attention_is_that_of_loops(threshold):
    inputs = drawn()
    torch.testing.assert_close(
        threshold_relative_attention(*inputs, threshold=threshold), loops(*inputs, threshold=threshold)
    )


def test_a_row_without_survivors_is_zero_with_a_finite_gradient():
    query, key, value, log_gate = drawn()
    leaves = [tensor.requires_grad_() for tensor in (query, key.abs(), value, log_gate)]
    out = threshold_relative_attention(-query.abs(), *leaves[1:])
    assert (out == 0).all()
    for gradient in torch.autograd.grad(out.sum(), leaves, allow_unused=True):
        assert gradient is None or (gradient == 0).all()


def test_scores_at_the_threshold_are_dropped():
    zero, one = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert (threshold_relative_attention(zero, one, one, torch.zeros(1, 1, 2)) == 0).all()


def test_dropped_tokens_between_query_and_survivors_change_nothing():
    query, key, value, log_gate = drawn(b=1, h=1, t=5)
    expected = threshold_relative_attention(query, key, value, log_gate)[:, :, -1]
    against = -query[:, :, -1:] * torch.tensor([1.0, 3.0, 0.1]).view(3, 1, 1, 1)  # never above the threshold
    filler = against.transpose(0, 2).reshape(1, 1, 3, 4)

    def insert(tensor, new):
        return torch.cat([tensor[:, :, :3], new, tensor[:, :, 3:]], 2)

    longer = threshold_relative_attention(
        insert(query, filler), insert(key, filler), insert(value, 100 * filler), insert(log_gate, log_gate[:, :, :3])
    )
    torch.testing.assert_close(longer[:, :, -1], expected)


def test_the_future_and_masked_keys_count_nothing():
    query, key, value, log_gate = drawn()
    whole = threshold_relative_attention(query, key, value, log_gate)
    torch.testing.assert_close(
        whole[:, :, :4], threshold_relative_attention(*(own[:, :, :4] for own in (query, key, value, log_gate)))
    )
    mask = torch.arange(7) != 2
    left_out = threshold_relative_attention(query, key, value, log_gate, key_mask=mask.expand(2, 7))
    without = threshold_relative_attention(*(own[:, :, mask] for own in (query, key, value, log_gate)))
    torch.testing.assert_close(left_out[:, :, mask], without)


def test_a_few_queries_find_what_they_find_among_all():
    query, key, value, log_gate = drawn()
    places = torch.tensor([[6, 0, 3], [2, 5, 5]])

    def at(own):
        return torch.stack([own[0][:, places[0]], own[1][:, places[1]]])

    whole = threshold_relative_attention(query, key, value, log_gate)
    few = threshold_relative_attention(at(query), key, value, at(log_gate), places=places)
    torch.testing.assert_close(few, at(whole))
    with pytest.raises(InputError, match="places"):
        threshold_relative_attention(at(query), key, value, at(log_gate))


def test_gradients_are_those_of_differences():
    inputs = [tensor.requires_grad_() for tensor in drawn(b=1, h=2, t=4, d=3, seed=5)]
    assert torch.autograd.gradcheck(threshold_relative_attention, inputs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_near_and_finite(dtype):
    inputs = [tensor.to(dtype) for tensor in drawn(t=5)]
    found = threshold_relative_attention(*inputs)
    assert found.dtype is dtype
    expected = threshold_relative_attention(*(tensor.float() for tensor in inputs))
    torch.testing.assert_close(found.float(), expected, rtol=1e-2, atol=1e-2)
    far = [100 * tensor for tensor in inputs[:3]]
    assert threshold_relative_attention(*far, inputs[3]).isfinite().all()


def test_it_compiles_into_one_graph():
    inputs = drawn()
    compiled = torch.compile(threshold_relative_attention, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*inputs), threshold_relative_attention(*inputs))


@torch.no_grad()
def test_the_module_normalises_and_gates_by_query():
    torch.manual_seed(0)
    attention = ThresholdRelativeAttention(6, 2).double()
    x = torch.randn(2, 5, 6, dtype=torch.float64)

    def split(own):
        return own.view(2, 5, 2, 3).transpose(1, 2)

    query, key, value = (split(x @ own.weight.T) for own in (attention.query, attention.key, attention.value))
    log_gate = torch.sigmoid(x @ attention.gate.weight.T + attention.gate.bias).log().transpose(1, 2)
    mixed = loops(rms_norm(query), rms_norm(key), value, log_gate).transpose(1, 2).reshape(2, 5, 6)
    torch.testing.assert_close(attention(x), attention.output(mixed))
    with pytest.raises(InputError, match="width"):
        ThresholdRelativeAttention(6, 4)


def test_dropout_acts_while_training_and_revives_no_key():
    torch.manual_seed(0)
    attention = ThresholdRelativeAttention(6, 2, dropout=0.5)
    x = torch.randn(2, 5, 6)
    assert not torch.equal(attention(x), attention(x))
    attention.eval()
    assert torch.equal(attention(x), attention(x))
    query, key, value, log_gate = drawn()
    dead = threshold_relative_attention(-query.abs(), key.abs(), value, log_gate, dropout=0.5)
    assert (dead == 0).all()


def test_the_decoder_sees_no_future():
    torch.manual_seed(0)
    model = TraDecoder(5, 16, 2, 4).double()
    tokens = torch.randint(0, 5, (3, 9))
    changed = tokens.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % 5
    logits = model(tokens)
    assert logits.shape == (3, 9, 5)
    assert torch.equal(logits[:, :6], model(changed)[:, :6])
    assert not torch.equal(logits[:, 6:], model(changed)[:, 6:])


def test_flip_flop_sentences_remember_what_was_written():
    tokens, reads = flip_flop_batch(200, 40, 0.6, generator=torch.Generator().manual_seed(0))
    for sentence, judged in zip(tokens.tolist(), reads.tolist(), strict=True):
        memory = None
        assert (sentence[0], sentence[-2]) == (WRITE, READ)
        for place in range(0, 40, 2):
            instruction, bit = sentence[place : place + 2]
            assert instruction in (WRITE, READ, IGNORE)
            assert bit - ZERO in (0, 1)
            memory = bit if instruction == WRITE else memory
            assert (judged[place], judged[place + 1]) == (False, instruction == READ)
            if instruction == READ:
                assert bit == memory
    inner = tokens[:, 2:-2:2]
    assert (inner == IGNORE).double().mean().item() == pytest.approx(0.6, abs=0.03)
    assert (inner == WRITE).double().mean().item() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(("length", "ignore", "name"), [(7, 0.5, "length"), (2, 0.5, "length"), (8, 1.5, "ignore")])
def test_bad_flip_flop_is_refused(length, ignore, name):
    with pytest.raises(InputError, match=name):
        flip_flop_batch(2, length, ignore)
