"""The black-box Brier surrogate, pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.references.classification.focal import Array


def black_box_brier(log_probs: Array, model_samples: Array, target_samples: Array, *, mask: Array | None = None) -> Any:
    n, m = len(model_samples), len(target_samples)
    counted = [a for a in range(n) if mask is None or mask[a]]
    values = np.zeros(n)
    for a in counted:
        rest = [b for b in counted if b != a]
        own = sum(model_samples[b] == model_samples[a] for b in rest) / max(len(rest), 1)
        data = sum(target_samples[b] == model_samples[a] for b in range(m)) / max(m, 1)
        values[a] = 2 * (own - data) * log_probs[a]
    return values


def draws(generator: torch.Generator, n: int = 5, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    probs = torch.rand(n, generator=generator, dtype=torch.float64)
    return {
        "log_probs": (0.05 + 0.9 * probs).log().to(dtype),
        "model_samples": torch.randint(0, 3, (n,), generator=generator),
        "target_samples": torch.randint(0, 3, (4,), generator=generator),
    }


REFERENCES = {"black_box_brier": black_box_brier}
SAMPLES = {"black_box_brier": draws}
