"""Cross-entropy of logits in one pass is the catalogue's cross-entropy."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import perdita
from perdita.compare.train.memory import peak_bytes
from perdita.kernels import cross_entropy
from perdita.kernels.one_pass import NARROW, softmax_into

ROWS, CLASSES = 9, 7
TARGET = torch.tensor([0, 6, 3, -100, 2, 2, 5, 1, 4])


def logits() -> Tensor:
    return torch.randn(ROWS, CLASSES, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.2}, {"weight": torch.linspace(0, 1, ROWS)}, {"mask": torch.arange(ROWS) != 5},
     {"ignore_index": None}, {"ignore_index": 2}],
    ids=lambda options: " ".join(options) or "plain",
)  # fmt: skip
def test_equal_to_the_definition(options: dict[str, Any], reduction: str) -> None:
    own = logits()
    target = TARGET.clamp(min=0) if "ignore_index" in options else TARGET

    def slopes(function: Any) -> list[Tensor]:
        value = function(own, target, reduction=reduction, **options)
        upstream = torch.arange(1.0, 1 + value.numel(), dtype=torch.float64).reshape(value.shape)
        first = torch.autograd.grad(value, own, upstream, create_graph=True)[0]
        twice = torch.autograd.grad(first.sin().sum(), own)[0]
        again = torch.autograd.grad(function(own, target, reduction=reduction, **options), own, upstream)[0]
        return [value, first, twice, again]

    torch.testing.assert_close(slopes(cross_entropy), slopes(perdita.functional.cross_entropy))


def test_blocks_and_kept_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdita.kernels.one_pass.CACHED_LOGITS", 2 * CLASSES)
    own = logits()
    value = cross_entropy(own, TARGET)
    expected = torch.autograd.grad(perdita.functional.cross_entropy(own, TARGET), own)[0]
    for _ in range(2):
        value.backward(retain_graph=True)
    torch.testing.assert_close(own.grad, 2 * expected)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_probabilities_too_small_for_their_digits(label_smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdita.kernels.one_pass.CACHED_LOGITS", 2 * NARROW)
    drawn = torch.randn(ROWS, NARROW, generator=torch.Generator().manual_seed(0))
    drawn[torch.arange(ROWS), TARGET.clamp(min=0)] -= torch.tensor([0, 60, 80, 90, 100, 200, 1e4, 0, 70])
    drawn.requires_grad_()
    found, expected = (
        (value := function(drawn, TARGET, reduction="none", label_smoothing=label_smoothing),
         *torch.autograd.grad(value.sum(), drawn))
        for function in (cross_entropy, perdita.functional.cross_entropy)
    )  # fmt: skip
    torch.testing.assert_close(found, expected)


def test_transforms_and_the_compiler_take_the_definition() -> None:
    own = logits().detach()
    expected = torch.func.grad(perdita.functional.cross_entropy)(own, TARGET)
    torch.testing.assert_close(torch.func.grad(cross_entropy)(own, TARGET), expected)
    compiled = torch.compile(cross_entropy, fullgraph=True, backend="aot_eager")
    leaf = own.clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(compiled(leaf, TARGET), leaf)[0], expected)


def test_one_buffer_of_the_logits() -> None:
    drawn, target = torch.randn(256, 512, requires_grad=True), torch.randint(512, (256,))
    size = drawn.numel() * 4
    assert peak_bytes(lambda: torch.autograd.grad(cross_entropy(drawn, target), drawn)) < 1.1 * size
    assert peak_bytes(lambda: torch.autograd.grad(perdita.functional.cross_entropy(drawn, target), drawn)) > 1.9 * size


def test_labels_outside_are_refused() -> None:
    with pytest.raises(perdita.InputError, match="class indices from 0 to 6"):
        cross_entropy(logits(), TARGET + 1)
    with pytest.raises(perdita.InputError, match="label_smoothing"):
        cross_entropy(logits(), TARGET, label_smoothing=2.0)


@pytest.mark.parametrize("classes", [3, 40])  # fewer, and more, than PyTorch's softmax is fast for
def test_softmax_into(classes: int) -> None:
    drawn = torch.randn(5, classes, dtype=torch.float64) * torch.tensor([1, 1e-3, 1e2, 1e4, 0.0]).double().unsqueeze(1)
    out = torch.empty_like(drawn)
    torch.testing.assert_close(softmax_into(out, drawn), drawn.logsumexp(1))
    torch.testing.assert_close(out, drawn.softmax(1))
