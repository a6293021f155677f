"""Stacked dense models give the outputs and gradients that autograd gives."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from perdita.compare.train.dense import DenseArm, Workspace, is_dense
from perdita.compare.train.models import mlp

SEEDS = 3
CHAINS = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4)),
    "one hidden layer": lambda: mlp((2, 3), 4, (8,)),
    "two hidden layers": lambda: mlp((2, 3), 4, (8, 5)),
    "a ReLU at the end": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Linear(5, 4), nn.ReLU()),
}


def stacked(make, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, dict[str, torch.Tensor], DenseArm]:
    torch.manual_seed(0)
    models = [make().to(dtype) for _ in range(SEEDS)]
    parameters, _ = stack_module_state(models)
    held = {name: parameter.detach() for name, parameter in parameters.items()}
    return models[0], parameters, DenseArm(held, Workspace(models[0], held))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CHAINS)
def test_outputs_and_gradients_are_those_of_autograd(name: str, dtype: torch.dtype) -> None:
    base, parameters, arm = stacked(CHAINS[name], dtype)
    for rows in (7, 5, 7):  # the last batch of an epoch is smaller; buffers are used again
        features, towards = torch.randn(SEEDS, rows, 2, 3, dtype=dtype), torch.randn(SEEDS, rows, 4, dtype=dtype)
        expected = vmap(lambda own, given: functional_call(base, own, (given,)))(parameters, features)
        wanted = torch.autograd.grad((expected * towards).sum(), list(parameters.values()))
        outputs = arm.outputs(features)
        torch.testing.assert_close(outputs, expected)
        torch.testing.assert_close(arm.predict(features.flip(1)), expected.flip(1))
        (outputs * towards).sum().backward()
        arm.backward(outputs)
        torch.testing.assert_close(list(arm.gradients.values()), list(wanted))
        assert arm.learnt[0].grad.numel() == sum(map(torch.numel, parameters.values()))


def test_the_optimiser_moves_the_parameters_through_one_tensor() -> None:
    _, _, arm = stacked(CHAINS["one hidden layer"])
    arm.learnt[0].add_(1.0)
    before = stacked(CHAINS["one hidden layer"])[1]
    for name, parameter in before.items():
        torch.testing.assert_close(arm.parameters[name], parameter.detach() + 1.0)


def test_other_models_are_left_to_autograd() -> None:
    assert is_dense(mlp((4,), 3))
    assert not is_dense(nn.Linear(4, 3))
    assert not is_dense(nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False)))
    assert not is_dense(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh()))
