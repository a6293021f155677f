"""Calibration errors of a batch, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def rows_of(logits: Array, target: Array, weight: Array | None, mask: Array | None) -> list[tuple[Array, int, float]]:
    """Probabilities, label and share of each item that counts."""
    kept = [
        (np.exp(log_probabilities(row)), int(label), 1.0 if weight is None else float(weight[i]))
        for i, (row, label) in enumerate(zip(logits, target, strict=True))
        if mask is None or mask[i]
    ]
    total = sum(share for *_, share in kept)
    return [(p, label, share / total) for p, label, share in kept]


def mdca(logits: Array, target: Array, *, weight: Array | None = None, mask: Array | None = None) -> Any:
    rows, classes = rows_of(logits, target, weight, mask), logits.shape[1]
    gaps = [abs(sum(share * (p[k] - (k == label)) for p, label, share in rows)) for k in range(classes)]
    return np.array(sum(gaps) / classes)


def mmce(
    logits: Array, target: Array, *, bandwidth: float = 0.4, weight: Array | None = None, mask: Array | None = None
) -> Any:
    rows = [(max(p), float(np.argmax(p) == label), share) for p, label, share in rows_of(logits, target, weight, mask)]
    total = 0.0
    for r, c, share in rows:
        for other, its, own in rows:
            total += share * own * (c - r) * (its - other) * np.exp(-abs(r - other) / bandwidth)
    return np.array(np.sqrt(total))


def soft_ece(
    logits: Array, target: Array, *, bins: int = 15, temperature: float = 0.01, weight: Array | None = None,
    mask: Array | None = None,
) -> Any:  # fmt: skip
    sizes, gaps = np.zeros(bins), np.zeros(bins)
    for p, label, share in rows_of(logits, target, weight, mask):
        r, c = max(p), float(np.argmax(p) == label)
        member = np.exp([-((r - (b + 0.5) / bins) ** 2) / temperature for b in range(bins)])
        sizes += share * member / member.sum()
        gaps += share * member / member.sum() * (c - r)
    return np.array(np.sqrt(sum(gap**2 / size for gap, size in zip(gaps, sizes, strict=True) if size)))


REFERENCES = {"mdca": mdca, "mmce": mmce, "soft_ece": soft_ece}
