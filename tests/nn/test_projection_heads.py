"""Projection heads are networks of their own, side by side."""

import torch
from torch import nn

from perdita.nn.projection_heads import ProjectionHeads


def test_each_head_is_a_small_network():
    torch.manual_seed(0)
    heads, x = ProjectionHeads(5, 3, heads=4, hidden=6), torch.randn(7, 5)
    found = heads(x)
    assert found.shape == (7, 4, 3)
    for h in range(4):
        inner, outer = nn.Linear(5, 6), nn.Linear(6, 3)
        with torch.no_grad():
            inner.weight.copy_(heads.inner[h].T)
            inner.bias.copy_(heads.inner_bias[h, 0])
            outer.weight.copy_(heads.outer[h].T)
            outer.bias.copy_(heads.outer_bias[h, 0])
        torch.testing.assert_close(found[:, h], outer(inner(x).relu()))


def test_heads_start_apart_and_within_the_bounds_of_linear_layers():
    torch.manual_seed(0)
    heads = ProjectionHeads(16, 8, heads=2)
    assert not torch.equal(heads.inner[0], heads.inner[1])
    assert all(parameter.abs().max() <= 1 / 4 for parameter in heads.parameters())
    assert heads.inner.shape == (2, 16, 16)
