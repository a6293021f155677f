"""Heads that predict a number as a histogram."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.nn.value_heads import HistogramHead


@pytest.mark.parametrize(("grid", "loss"), [("centers", P.hl_gauss), ("ends", P.two_hot)])
def test_a_head_learns_a_line(grid, loss):
    torch.manual_seed(0)
    head = HistogramHead(2, 21, low=-2.0, high=2.0, grid=grid)
    features = torch.randn(256, 2).clamp(-1, 1)
    target = features @ torch.tensor([0.8, -0.5])
    optimizer = torch.optim.Adam(head.parameters(), 0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss(head(features), target, low=-2.0, high=2.0).backward()
        optimizer.step()
    assert (head.decode(head(features)) - target).abs().mean() < 0.1


def test_several_values_come_last():
    head = HistogramHead(3, 5, low=0.0, high=1.0, values=4)
    logits = head(torch.randn(2, 3))
    assert logits.shape == (2, 5, 4)
    assert head.decode(logits).shape == (2, 4)


def test_the_grid_moves_with_the_module_and_is_saved():
    head = HistogramHead(3, 5, low=0.0, high=1.0, grid="ends").double()
    assert head.points.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert "points" in head.state_dict()
    assert head.points.dtype is torch.float64


def test_bad_heads_are_refused():
    with pytest.raises(InputError, match="grid"):
        HistogramHead(3, 5, low=0.0, high=1.0, grid="middle")
    with pytest.raises(InputError, match="low"):
        HistogramHead(3, 5, low=1.0, high=0.0)
