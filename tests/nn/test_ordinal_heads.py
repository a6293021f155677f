"""Heads for ordered classes."""

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.nn.ordinal_heads import CoralHead


def test_all_thresholds_share_a_slope():
    head = CoralHead(3, 5)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    logits = head(x)
    assert logits.shape == (7, 4)
    assert torch.equal(logits, logits[:, :1].expand(7, 4))  # the biases begin at 0
    with torch.no_grad():
        head.bias.copy_(torch.tensor([2.0, 1.0, 0.0, -1.0]))
    torch.testing.assert_close(head(x).diff(dim=1), torch.full((7, 3), -1.0))


def test_trained_thresholds_are_ordered():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(400, 2, generator=generator)
    score = x @ torch.tensor([1.0, -0.5]) + 0.3 * torch.randn(400, generator=generator)
    target = torch.bucketize(score, torch.tensor([-1.0, 0.0, 0.5, 1.0]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = CoralHead(2, 5)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        P.ordinal_cross_entropy(head(x), target).backward()
        optimizer.step()
    assert (head.bias.diff() < 0).all()


def test_a_head_needs_two_classes():
    with pytest.raises(perdita.InputError, match="classes must be at least 2"):
        CoralHead(3, 1)
