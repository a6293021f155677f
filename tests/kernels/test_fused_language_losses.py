"""Losses of language models through the fused output layer: teachers, unwanted tokens, numbers, coverage."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from perdita.core.card import Card
from perdita.kernels import fused_linear
from perdita.losses.distillation.sparse_teacher import keep_top_k

ROWS, FEATURES, CLASSES, KEPT = 9, 4, 7, 3
TABLE = {1: 0.0, 2: 1.0, 4: 2.0, 6: 10.0}


def has_teacher(card: Card) -> bool:
    """A row-wise loss of a student's and a teacher's logits."""
    return card.rowwise and card.function is not None and card.signature.names[:2] == ("logits", "teacher_logits")


TEACHERS = {card.name: card for card in perdita.cards() if has_teacher(card)}
GENERATOR = torch.Generator().manual_seed(0)
TARGET = torch.randint(CLASSES, (ROWS,), generator=GENERATOR)
NEGATIVES = torch.randint(CLASSES, (ROWS, KEPT), generator=GENERATOR)
IGNORED = TARGET.clone()
IGNORED[[0, 5]] = -100


def remembering() -> perdita.Criterion:
    """With temperatures of their own for twenty examples."""
    criterion = perdita.AldrKl(examples=20)
    criterion.temperatures = torch.linspace(5, 10, 20, dtype=torch.float64)
    return criterion


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "unlikelihood": ("unlikelihood", {"negatives": NEGATIVES, "strength": 0.5}),
    "number tokens": (perdita.NumberToken(table=TABLE).double(), {}),
    "number tokens, squashed": (perdita.NumberToken(table=TABLE, squash_factor=2.0, reweigh=True).double(), {}),
    "number tokens, mean": (perdita.NumberToken(table=TABLE, kind="mse").double(), {}),
    "direct coverage": ("direct_coverage", {"attempts": 4.0}),
    "distributionally robust": ("ldr_kl", {}),
    "adaptively robust": (perdita.AldrKl(), {}),
    "adaptively robust, remembering": (remembering(), {"index": torch.arange(ROWS) + 3}),
    "log-sum-exp penalty": ("z_regularized_cross_entropy", {}),
    "entropy": ("entropy_regularized_cross_entropy", {}),
    "a policy": ("reinforce", {"advantage": torch.linspace(-1, 2, ROWS, dtype=torch.float64)}),
}


@pytest.fixture
def head() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = {"hidden": (ROWS, FEATURES), "weight": (CLASSES, FEATURES), "bias": (CLASSES,)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()
    }


def check(found: Tensor, expected: Tensor, head: dict[str, Tensor]) -> None:
    """Equal values, and equal gradients of a sum in which every value has a weight of its own."""
    torch.testing.assert_close(found, expected)
    upstream = torch.linspace(1, 2, found.numel(), dtype=found.dtype).view(found.shape)
    slopes = (torch.autograd.grad(value, list(head.values()), upstream) for value in (found, expected))
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("case", CASES)
def test_losses_of_tokens(case: str, reduction: str, head: dict[str, Tensor]) -> None:
    loss, fields = CASES[case]
    function = getattr(perdita.functional, loss) if isinstance(loss, str) else loss
    options = {"reduction": reduction} if isinstance(loss, str) else {}
    if not isinstance(loss, str):
        loss.reduction = reduction
    expected = function(F.linear(*head.values()), IGNORED, **fields, **options)
    found = fused_linear(
        loss, head["hidden"], head["weight"], IGNORED, bias=head["bias"], block_rows=4, reduction=reduction, **fields
    )
    check(found, expected, head)


@pytest.mark.parametrize("softcap", [None, 2.0])
def test_temperatures_are_remembered_without_logits(
    softcap: float | None, head: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perdita.losses.noise.label_robust.BLOCK", 4 * CLASSES)  # three blocks
    index = torch.tensor([3, 9, 4, 0, 3, 7, 8, 1, 3])  # an example thrice, in all of them
    found, expected = remembering(), remembering()
    found.remember(head["hidden"], index, weight=head["weight"], bias=head["bias"], softcap=softcap)
    logits = F.linear(*head.values())
    expected.remember(logits if softcap is None else softcap * torch.tanh(logits / softcap), index)
    torch.testing.assert_close(found.temperatures, expected.temperatures)
    assert not torch.equal(found.temperatures, remembering().temperatures)
    with pytest.raises(perdita.InputError, match="with weight"):
        found.remember(head["hidden"], index, bias=head["bias"])
    with pytest.raises(perdita.InputError, match="hidden and weight"):
        found.remember(head["hidden"], index, weight=head["weight"].T)


def test_the_catalogue_has_losses_with_a_teacher() -> None:
    assert {"knowledge_distillation", "reverse_kl_distillation", "jensen_shannon_distillation"} < set(TEACHERS)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("name", sorted(TEACHERS))
def test_a_teacher_that_is_a_layer_of_its_own(name: str, reduction: str, head: dict[str, Tensor]) -> None:
    generator = torch.Generator().manual_seed(2)
    teacher = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((ROWS, 6), (CLASSES, 6))]
    card, further = TEACHERS[name], {}
    labels = card.signature.labels
    if labels is not None:
        further = {labels.name: TARGET}
    options = {"bias": head["bias"], "block_rows": 4, "reduction": reduction}
    for form in (tuple(teacher), F.linear(*teacher)):
        expected = card.function(F.linear(*head.values()), F.linear(*teacher), reduction=reduction, **further)
        given = {"target": TARGET, "teacher_logits": form} if labels is not None else {"target": form}
        check(fused_linear(name, head["hidden"], head["weight"], **given, **options), expected, head)


def test_a_second_tensor_comes_once(head: dict[str, Tensor]) -> None:
    call = head["hidden"], head["weight"]
    teacher = torch.zeros(ROWS, CLASSES, dtype=torch.float64)
    with pytest.raises(perdita.InputError, match="knowledge_distillation got teacher_logits twice"):
        fused_linear("knowledge_distillation", *call, teacher, teacher_logits=teacher)


def test_a_teacher_of_whom_only_the_best_tokens_were_kept(head: dict[str, Tensor]) -> None:
    teacher = torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    indices, log_probs = keep_top_k(teacher, KEPT)
    expected = perdita.functional.sparse_distillation(F.linear(*head.values()), indices, log_probs)
    found = fused_linear(
        "sparse_distillation", head["hidden"], head["weight"], indices, teacher_log_probs=log_probs,
        bias=head["bias"], block_rows=4,
    )  # fmt: skip
    check(found, expected, head)
