"""Gated low-rank updates, the sampler head, and which rows of a multi-token model see which."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from perdita.core import InputError
from perdita.nn.gated_lora import GatedLoRALinear, add_gated_lora, open_gates
from perdita.nn.multi_token import MultiTokenModel, may_attend
from perdita.nn.sampler_head import SamplerHead


def stirred(layer):
    """The layer with an update that is not zero."""
    nn.init.normal_(layer.up)
    return layer


def test_a_closed_gate_is_the_layer_itself_and_an_open_one_adds_the_update():
    base = nn.Linear(5, 4)
    layer, x = stirred(GatedLoRALinear(base, 2, alpha=6.0)), torch.randn(3, 7, 5)
    gate = torch.arange(7) % 2 == 1
    found = layer(x, gate)
    assert torch.equal(found[:, ~gate], base(x)[:, ~gate])
    torch.testing.assert_close(found[:, gate], base(x)[:, gate] + 3 * (x @ layer.down.T @ layer.up.T)[:, gate])
    assert torch.equal(layer(x), base(x))  # nobody has opened it


def test_a_fresh_update_changes_nothing_and_only_open_places_teach_it():
    base, x = nn.Linear(5, 4), torch.randn(2, 6, 5)
    layer = GatedLoRALinear(base, 2)
    assert torch.equal(layer(x, torch.ones(6, dtype=torch.bool)), base(x))
    stirred(layer)(x, torch.zeros(6, dtype=torch.bool)).sum().backward()
    assert not layer.down.grad.any()
    assert not layer.up.grad.any()
    assert base.weight.grad is None
    layer(x, torch.ones(6, dtype=torch.bool)).sum().backward()
    assert layer.down.grad.any()


def test_gates_open_for_a_whole_model_and_close_again():
    model = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 4))
    layers = [stirred(layer) for layer in add_gated_lora(model, 2)]
    assert len(layers) == 2
    assert sum(p.requires_grad for p in model.parameters()) == 4
    x = torch.randn(2, 3, 5)
    closed = model(x)
    with open_gates(model, torch.tensor([True, False, False])):
        assert not torch.equal(model(x)[:, 0], closed[:, 0])
        assert torch.equal(model(x)[:, 1:], closed[:, 1:])
    assert torch.equal(model(x), closed)
    with pytest.raises(RuntimeError), open_gates(model, torch.ones(3, dtype=torch.bool)):
        model(x[..., :4])
    assert torch.equal(model(x), closed)


def test_targets_choose_layers_by_name_and_a_model_without_any_is_refused():
    model = nn.ModuleDict({"read": nn.Linear(2, 2), "write": nn.Linear(2, 2)})
    assert len(add_gated_lora(model, 1, targets=("write",))) == 1
    assert isinstance(model["write"], GatedLoRALinear)
    with pytest.raises(InputError, match="linear"):
        add_gated_lora(nn.Sequential(nn.Tanh()), 1)
    with pytest.raises(InputError, match="rank"):
        GatedLoRALinear(nn.Linear(2, 2), 0)
    with pytest.raises(InputError, match="masks"):
        MultiTokenModel(nn.Linear(2, 2), nn.Embedding(3, 2), nn.Linear(2, 3), 0)


def test_the_sampler_head_by_hand():
    head, previous, hidden = SamplerHead(3), torch.randn(4, 3), torch.randn(4, 3)

    def block(x, linear):
        y = x @ linear.weight.T + linear.bias
        y = y / (1 + (-y).exp())
        return (y - y.mean(-1, keepdim=True)) / (y.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()

    expected = block(block(torch.cat([previous, hidden], 1), head.first), head.second)
    torch.testing.assert_close(head(previous, hidden), expected)
    assert len(list(SamplerHead(3, affine=False).parameters())) == 4


def test_rows_see_their_prefix_and_their_own_masks():
    rows = list(itertools.product(range(1, 5), range(4)))
    prefix, index = torch.tensor(rows).T
    found = may_attend(prefix, index, prefix, index)
    for (i, (p, m)), (j, (q, n)) in itertools.product(enumerate(rows), enumerate(rows)):
        assert bool(found[i, j]) == ((n == 0 and q <= p) or (0 < n <= m and q == p))
        assert bool(may_attend(prefix[i], index[i], prefix[j], index[j])) == bool(found[i, j])
