"""Several upstream gradients at once, as a vectorised Jacobian and TorchJD ask for, give what one by one give."""

from __future__ import annotations

import pytest
import torch

import perdita
from perdita.testing.battery import subject_of
from tests.references import ARGUMENTS, SAMPLES

ITEMS = [card.name for card in perdita.cards() if card.signature.level == "item"]
VALUES = 4


@pytest.mark.filterwarnings("ignore:There is a performance drop because")  # of PyTorch's own, whose value is right
@pytest.mark.parametrize("name", ITEMS)
def test_rows_of_a_jacobian(name: str) -> None:
    subject = subject_of(perdita.card(name), sampler=SAMPLES.get(name), arguments=ARGUMENTS.get(name))
    inputs = subject.sample(0)
    wanted = subject.differentiable(inputs)[0]
    x = inputs.tensors[wanted].detach().clone().requires_grad_()
    values = subject(inputs.but(**{wanted: x}), reduction="none").flatten()[:VALUES]
    ways = torch.eye(len(values), dtype=values.dtype)
    one_by_one = torch.stack([torch.autograd.grad(values, x, way, retain_graph=True)[0] for way in ways])
    (at_once,) = torch.autograd.grad(values, x, ways, is_grads_batched=True)
    torch.testing.assert_close(at_once, one_by_one)
