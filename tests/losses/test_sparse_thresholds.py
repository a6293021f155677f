"""Thresholds found without a sort are those of the sorted logits."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from perdita.losses.classification.fenchel_young import entmax_root_of, sparsemax_of


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
    torch.testing.assert_close(sparsemax_of(logits), by_sorting(logits, 1))
    roots = entmax_root_of(logits)
    torch.testing.assert_close(roots, by_sorting(logits / 2, 2), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(roots.square().sum(1), torch.ones_like(roots[:, 0]))
