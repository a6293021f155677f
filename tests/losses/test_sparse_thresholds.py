"""Thresholds found without a sort are those of the sorted logits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from perdita.losses.classification.fenchel_young import entmax_conjugate, sparsemax_conjugate


def by_sorting(logits: Tensor, power: int) -> Tensor:
    """max(0, z - threshold) whose power sums to one: of all supports of the k largest, the one that fits."""
    ordered = logits.sort(1, descending=True).values
    rank = torch.arange(1, logits.shape[1] + 1, dtype=logits.dtype)
    mean = ordered.cumsum(1) / rank
    spread = ordered.square().cumsum(1) / rank - mean.square()
    threshold = mean - (1 / rank if power == 1 else (1 / rank - spread).clamp_min(0).sqrt())
    kept = (ordered > threshold).sum(1, keepdim=True)
    return (logits - threshold.gather(1, kept - 1)).relu()


LOGITS = {
    "drawn": lambda g: torch.randn(50, 300, generator=g),
    "near": lambda g: 1e-2 * torch.randn(20, 300, generator=g),
    "far": lambda g: 1e4 * torch.randn(20, 7, generator=g),
    "ties": lambda g: torch.randn(50, 30, generator=g).round(),
    "equal": lambda g: torch.zeros(1, 10_000),
    "scales": lambda g: -torch.logspace(-9, 0, 1000).unsqueeze(0),
    "crowd below the top": lambda g: -torch.rand(20, 1000, generator=g).pow(0.1),
    "one class": lambda g: torch.randn(3, 1, generator=g),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", LOGITS)
def test_thresholds(name: str, dtype: torch.dtype) -> None:
    logits = LOGITS[name](torch.Generator().manual_seed(0)).to(dtype)
    logits = logits - logits.amax(1, keepdim=True)
    probs = torch.func.grad(lambda z: sparsemax_conjugate(z).sum())(logits)
    torch.testing.assert_close(probs, by_sorting(logits, 1), rtol=1e-5, atol=1e-6)
    entmax = torch.func.grad(lambda z: entmax_conjugate(z).sum())(logits)
    torch.testing.assert_close(entmax, by_sorting(logits / 2, 2).square(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(entmax.sum(1), torch.ones_like(entmax[:, 0]))


@pytest.mark.parametrize("conjugate", [sparsemax_conjugate, entmax_conjugate])
@pytest.mark.parametrize("name", LOGITS)
def test_watched_and_unwatched_searches_agree(name: str, conjugate: Callable[[Tensor], Tensor]) -> None:
    """Where values may be read the search stops early; under a transform it takes every step."""
    logits = LOGITS[name](torch.Generator().manual_seed(1)).double()
    leaf = logits.clone().requires_grad_()
    (early,) = torch.autograd.grad(conjugate(leaf).sum(), leaf)
    torch.testing.assert_close(early, torch.func.grad(lambda z: conjugate(z).sum())(logits), rtol=1e-9, atol=1e-9)
