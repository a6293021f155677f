"""Gradients that oppose the first loss lose their opposing part, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perdita.core import InputError
from perdita.training.gradient_alignment import align_gradients, aligned_sum


def test_an_opposing_gradient_is_projected() -> None:
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([-3.0, 2.0])
    assert aligned_sum([[first], [second]])[0].tolist() == [1.0, 2.0]
    assert aligned_sum([[second], [first]])[0].tolist() == pytest.approx([-3 + 1 - 9 / 13, 2 + 6 / 13])


def test_one_that_agrees_is_added_as_it_is() -> None:
    first, second = torch.tensor([1.0, 0.0]), torch.tensor([3.0, 2.0])
    assert aligned_sum([[first], [second]])[0].tolist() == [4.0, 2.0]


def test_a_first_gradient_of_zero_changes_nothing() -> None:
    assert aligned_sum([[torch.zeros(2)], [torch.tensor([-3.0, 2.0])]])[0].tolist() == [-3.0, 2.0]


def test_the_agreement_is_over_all_parameters() -> None:
    """In the first tensor they oppose each other, over both they agree."""
    first, second = [torch.tensor([1.0]), torch.tensor([3.0])], [torch.tensor([-1.0]), torch.tensor([1.0])]
    assert [one.item() for one in aligned_sum([first, second])] == [0.0, 4.0]


def test_losses_of_one_network() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    heads = nn.Linear(4, 2), nn.Linear(4, 2)
    hidden = network(torch.randn(5, 3))
    losses = [heads[0](hidden).square().sum(), -heads[1](hidden).square().sum()]
    parameters = [*network.parameters(), *heads[0].parameters(), *heads[1].parameters()]
    found = align_gradients(losses, parameters)
    apart = [
        torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        for loss in losses
    ]
    flat = [torch.cat([one.flatten() for one in own]) for own in apart]
    dot = flat[0] @ flat[1]
    expected = flat[0] + flat[1] - (dot / (flat[0] @ flat[0]) * flat[0] if dot < 0 else 0)
    torch.testing.assert_close(torch.cat([one.flatten() for one in found]), expected)


def test_nothing_to_align_is_refused() -> None:
    with pytest.raises(InputError, match="gradients must hold"):
        aligned_sum([])
    with pytest.raises(InputError, match="gradients must hold"):
        aligned_sum([[torch.zeros(2)], []])
