"""An ignored label is a masked item: whatever stands in its row, it reaches neither value nor gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import perdita
from perdita.testing.battery import subject_of
from perdita.testing.sample import Sample
from perdita.testing.subject import Subject
from tests.references import ARGUMENTS, SAMPLES

LABELLED = [
    card.name for card in perdita.cards()
    if card.signature.labels is not None and card.signature.level == "item" and card.rowwise
]  # fmt: skip
AT, IGNORED = 1, -7


def value_and_gradients(subject: Subject, inputs: Sample, reduction: str, **contract: object) -> list[Tensor]:
    leaves = {name: inputs.tensors[name].detach().clone().requires_grad_() for name in subject.differentiable(inputs)}
    value = subject(inputs.but(**leaves), reduction=reduction, **contract)
    found = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True)
    return [value.detach(), *found]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LABELLED)
def test_an_ignored_label_is_a_masked_item(name: str, reduction: str) -> None:
    subject = subject_of(perdita.card(name), sampler=SAMPLES.get(name), arguments=ARGUMENTS.get(name))
    inputs, labels, first = subject.sample(0), perdita.card(name).signature.labels, subject.first.name
    assert labels is not None
    target, x = inputs.tensors[labels.name], inputs.tensors[first].clone()
    x[AT] = torch.nan
    others = torch.arange(len(target)) != AT
    expected = value_and_gradients(subject, inputs, reduction, mask=others)
    left_out = torch.where(others.view(-1, *[1] * (target.ndim - 1)), target, IGNORED)
    found = value_and_gradients(
        subject, inputs.but(**{labels.name: left_out, first: x}), reduction, ignore_index=IGNORED
    )
    torch.testing.assert_close(found, expected)
