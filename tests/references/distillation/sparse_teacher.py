"""The divergence from a teacher of whom a few classes are known, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from perdita.testing import Sample
from tests.references.classification.focal import Array, log_probabilities


def sparse_distillation(
    logits: Array, teacher_indices: Array, teacher_log_probs: Array, *, rest: str = "bucket", temperature: float = 1.0
) -> Any:
    values = []
    for row, kept, log_p in zip(logits, teacher_indices, teacher_log_probs, strict=True):
        q, p = np.exp(log_probabilities(row / temperature)), np.exp(log_p)
        others = [k for k in range(len(q)) if k not in kept]
        if rest == "renormalize":
            p = p / p.sum()
        value = sum(a * np.log(a / q[k]) for a, k in zip(p, kept, strict=True))
        left = 1 - p.sum()
        if rest == "bucket":
            value += left * np.log(left / sum(q[k] for k in others))
        if rest == "uniform":
            value += sum(left / len(others) * np.log(left / len(others) / q[k]) for k in others)
        values.append(temperature**2 * value)
    return np.array(values)


def draw(generator: torch.Generator, n: int, dtype: torch.dtype) -> Sample:
    scores = torch.randn(n, 7, generator=generator, dtype=torch.float64)
    indices = torch.rand(n, 7, generator=generator).argsort(1)[:, :3]
    kept = torch.randn(n, 7, generator=generator, dtype=torch.float64).log_softmax(1).gather(1, indices)
    return Sample({"logits": scores.to(dtype), "teacher_indices": indices, "teacher_log_probs": kept.to(dtype)})


REFERENCES = {"sparse_distillation": sparse_distillation}
SAMPLES = {"sparse_distillation": draw}
