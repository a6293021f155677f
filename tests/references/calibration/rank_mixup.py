"""Losses that rank mixtures, item by item."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def mixup_margin(logits: Array, mixup_logits: Array, mixup_target: Array, *, margin: float = 2.0) -> Any:
    n, _, m = mixup_logits.shape
    values = np.zeros(n)
    for item in range(n):
        for mixture in range(m):
            if max(mixup_target[item, :, mixture]) < 1 - 1e-6:
                gap = max(mixup_logits[item, :, mixture]) - max(logits[item]) + margin
                values[item] += max(0.0, gap) / m
    return values


def mixup_ndcg(logits: Array, mixup_logits: Array, mixup_target: Array) -> Any:
    n, _, m = mixup_logits.shape
    values = np.zeros(n)
    for item in range(n):
        confidences = [np.exp(max(log_probabilities(mixup_logits[item, :, j]))) for j in range(m)]
        relevances = [max(mixup_target[item, :, j]) for j in range(m)]
        ranked = sorted(range(m), key=lambda j: -relevances[j])
        p = [np.exp(max(log_probabilities(logits[item]))), *(confidences[j] for j in ranked)]
        r = [1.0, *(relevances[j] for j in ranked)]
        gained = sum(one / np.log2(k + 2) for k, one in enumerate(p))
        ideal = sum(one / np.log2(k + 2) for k, one in enumerate(r))
        values[item] = 1 - (gained / ideal if ideal > gained else ideal / gained)
    return values


def rank_mixup(
    logits: Array, target: Array, mixup_logits: Array, mixup_target: Array, *, kind: str = "ndcg",
    ranking_weight: float = 0.1, margin: float = 2.0,
) -> Any:  # fmt: skip
    entropy = np.array([-log_probabilities(row)[label] for row, label in zip(logits, target, strict=True)])
    ranking = (
        mixup_ndcg(logits, mixup_logits, mixup_target)
        if kind == "ndcg"
        else mixup_margin(logits, mixup_logits, mixup_target, margin=margin)
    )
    return entropy + ranking_weight * ranking


REFERENCES = {"mixup_margin": mixup_margin, "mixup_ndcg": mixup_ndcg, "rank_mixup": rank_mixup}
