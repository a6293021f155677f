"""The dual head: what it gives, what trains what, and what is kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import perdita.functional as P
from perdita.core import InputError
from perdita.nn.auxiliary_head import DualHead


@pytest.mark.parametrize("auxiliary", ["linear", "mlp"])
def test_both_heads_read_the_same_features(auxiliary: str) -> None:
    head = DualHead(6, 4, auxiliary=auxiliary, hidden=5).double()
    features = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    main, taught = head(features)
    assert main.shape == taught.shape == (3, 4)
    torch.testing.assert_close(main, features @ head.main.weight.T + head.main.bias)
    loss = P.dual_head_distillation(main, taught, torch.zeros(3, 4), torch.tensor([0, 1, 2]))
    loss.backward()
    assert features.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_labels_reach_the_main_head_alone_and_the_teacher_the_other() -> None:
    head = DualHead(6, 4)
    main, taught = head(torch.randn(3, 6))
    target = torch.tensor([0, 1, 2])
    P.dual_head_distillation(main, taught, torch.ones(3, 4), target, teacher_weight=0.0).backward(retain_graph=True)
    assert head.main.weight.grad.abs().sum() > 0
    assert head.auxiliary.weight.grad.abs().sum() == 0
    head.zero_grad()
    P.dual_head_distillation(main, taught, torch.ones(3, 4), target, label_weight=0.0).backward()
    assert head.main.weight.grad.abs().sum() == 0
    assert head.auxiliary.weight.grad.abs().sum() > 0


def test_the_larger_auxiliary_head_is_that_of_the_released_code() -> None:
    kinds = [type(layer) for layer in DualHead(6, 4, auxiliary="mlp").auxiliary]
    assert kinds == [nn.Linear, nn.Dropout, nn.BatchNorm1d, nn.ReLU, nn.Linear]


def test_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match="auxiliary must be one of"):
        DualHead(6, 4, auxiliary="conv")
