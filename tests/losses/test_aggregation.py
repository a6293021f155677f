"""Ways to average the tokens of answers, and the losses of policies that use them, with and without logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from perdita import InputError
from perdita.losses.sequence.aggregation import MODES, aggregate_tokens
from perdita.losses.sequence.policy import group_advantages
from perdita.training.accumulation import shared_normalizer

ANSWERS, LENGTH, FEATURES, CLASSES, LONGEST = 4, 6, 3, 5, 9
LENGTHS = (6, 2, 4, 0)
DEFINITIONS: dict[str, Callable[[list[Tensor]], Tensor]] = {  # of the values of each answer that has tokens
    "token": lambda answers: torch.cat(answers).mean(),
    "sequence": lambda answers: torch.stack([own.mean() for own in answers]).mean(),
    "batch": lambda answers: torch.stack([own.sum() for own in answers]).mean(),
    "constant": lambda answers: torch.stack([own.sum() / LONGEST for own in answers]).mean(),
}


def shares(counted: Tensor, over: str) -> Any:
    return aggregate_tokens(counted, over, length=LONGEST if over == "constant" else None)


def drawn() -> dict[str, Tensor]:
    """Answers of different lengths, one of them empty, and what `grpo` wants of each token."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    advantage = group_advantages(normal(1, ANSWERS)).T.expand(ANSWERS, LENGTH)
    return {
        "hidden": normal(ANSWERS, LENGTH, FEATURES).requires_grad_(),
        "weight": normal(CLASSES, FEATURES).requires_grad_(),
        "target": torch.randint(CLASSES, (ANSWERS, LENGTH), generator=generator),
        "counted": torch.arange(LENGTH) < torch.tensor(LENGTHS).unsqueeze(1),
        "advantage": advantage,
        "old_log_prob": -normal(ANSWERS, LENGTH).abs() - 0.5,
        "reference_log_prob": -normal(ANSWERS, LENGTH).abs() - 0.5,
    }


@pytest.mark.parametrize("over", MODES)
@pytest.mark.parametrize("loss", ["grpo", "reinforce"])
def test_every_way_is_its_definition(loss: str, over: str) -> None:
    given = drawn()
    names = ("advantage", "old_log_prob", "reference_log_prob")[: 3 if loss == "grpo" else 1]
    tokens = {name: given[name] for name in names}
    leaves = [given["hidden"], given["weight"]]
    function = getattr(perdita.functional, loss)
    logits = F.linear(*leaves).movedim(-1, 1)
    values = function(logits, given["target"], **tokens, reduction="none")
    expected = DEFINITIONS[over]([own[:length] for own, length in zip(values, LENGTHS, strict=True) if length])
    weight, normalizer = shares(given["counted"], over)
    found = function(logits, given["target"], **tokens, weight=weight, normalizer=normalizer)
    options = {"example_weight": weight, "normalizer": normalizer, "block_rows": 5}
    fused = perdita.fused_linear(loss, *leaves, given["target"], **tokens, **options, mask=given["counted"])
    slopes = torch.autograd.grad(expected, leaves, retain_graph=True)
    for value in (found, fused):
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(torch.autograd.grad(value, leaves), slopes)


@pytest.mark.parametrize("over", MODES)
def test_micro_batches_add_up(over: str) -> None:
    given = drawn()
    log_p = given["old_log_prob"]
    weight, normalizer = shares(given["counted"], over)
    whole = (weight * log_p).sum() / normalizer
    parts = [shares(part, over) for part in given["counted"].split([1, 3])]
    torch.testing.assert_close(sum(part.normalizer for part in parts), normalizer)
    total = sum((part.weight * own).sum() for part, own in zip(parts, log_p.split([1, 3]), strict=True))
    torch.testing.assert_close(total / normalizer, whole)
    if over in ("token", "sequence"):  # where the denominator is the sum of the weights
        torch.testing.assert_close(shared_normalizer([log_p], weights=[weight]), normalizer)


def test_nothing_counted_is_zero() -> None:
    for over in MODES:
        weight, normalizer = shares(torch.zeros(2, 3, dtype=torch.bool), over)
        assert not weight.any()
        assert normalizer >= 1


@pytest.mark.parametrize(
    ("counted", "over", "length", "message"),
    [
        (torch.ones(2, 3, dtype=torch.bool), "tokens", None, "did you mean 'token'"),
        (torch.ones(2, 3), "token", None, "counted must be a boolean tensor"),
        (torch.ones(3, dtype=torch.bool), "token", None, r"of shape \(n, t\)"),
        (torch.ones(2, 3, dtype=torch.bool), "constant", None, 'length must be a number above 0 for "constant"'),
        (torch.ones(2, 3, dtype=torch.bool), "token", 8, "None otherwise, not 8"),
        (torch.ones(2, 3, dtype=torch.bool), "constant", 0, "not 0"),
    ],
)
def test_refused(counted: Tensor, over: str, length: float | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        aggregate_tokens(counted, over, length=length)
