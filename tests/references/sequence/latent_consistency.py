"""Latent consistency, state by state."""

from __future__ import annotations

import numpy as np


def latent_consistency(hidden, target, features="mean", mask=None):
    """Values, and whether any state counts."""
    values, present = np.zeros(len(target)), np.zeros(len(target))
    for row, states in enumerate(hidden):
        kept = [state for j, state in enumerate(states) if mask is None or mask[row, j]]
        distances = [sum((a - b) ** 2 for a, b in zip(state, target[row], strict=True)) for state in kept]
        if kept:
            values[row] = sum(distances) / len(kept) / (len(target[row]) if features == "mean" else 1)
            present[row] = 1.0
    return values, present


REFERENCES = {"latent_consistency": latent_consistency}
