"""Losses of lists, one list and one pair at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities


def by_list(value: Callable[..., float], scores: Array, target: Array, *others: Any) -> tuple[Array, Array]:
    """``value(scores, target, …)`` of every list with a relevant item; the others are 0 and not counted."""
    values, counts = np.zeros(len(scores)), np.zeros(len(scores))
    for row in range(len(scores)):
        if any(target[row] > 0):
            own = [None if other is None else other[row] for other in others]
            values[row], counts[row] = value(scores[row], target[row].astype(float), *own), 1
    return values, counts


def softplus(x: float) -> float:
    return float(np.logaddexp(0, x))


def pairs(target: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(len(target)) for j in range(len(target)) if target[i] > target[j]]


def discount(rank: float, k: int | None = None) -> float:
    return 1 / math.log2(1 + rank) if k is None or rank <= k else 0.0


def shares(target: Array, gain: str, k: int | None) -> Array:
    own = target if gain == "linear" else 2.0**target - 1
    return own / sum(g * discount(place + 1, k) for place, g in enumerate(sorted(own, reverse=True)))


def rank_net(scores: Array, target: Array, *, scale: float = 1.0) -> Any:
    def value(s: Array, t: Array) -> float:
        chosen = pairs(t)
        return sum(softplus(-scale * (s[i] - s[j])) for i, j in chosen) / max(len(chosen), 1)

    return by_list(value, scores, target)


def lambda_rank(
    scores: Array,
    target: Array,
    *,
    scale: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    weighting: str = "lambda_rank",
    mix: float = 10.0,
) -> Any:
    def value(s: Array, t: Array) -> float:
        share = shares(t, gain, k)
        rank = {item: place + 1 for place, item in enumerate(sorted(range(len(s)), key=lambda i: -s[i]))}

        def weight(i: int, j: int) -> float:
            change = (share[i] - share[j]) * abs(discount(rank[i], k) - discount(rank[j], k))
            apart = abs(rank[i] - rank[j])
            step = (share[i] - share[j]) * (discount(apart) - discount(apart + 1))
            step = step if k is None or min(rank[i], rank[j]) <= k else 0.0
            lead = {"uniform": 1.0, "difference": t[i] - t[j], "squared_difference": t[i] ** 2 - t[j] ** 2}
            lead = {name: w if k is None or min(rank[i], rank[j]) <= k else 0.0 for name, w in lead.items()}
            known = {
                "lambda_rank": change,
                "ndcg_loss1": share[i] * discount(rank[i], k),
                "ndcg_loss2": step,
                "ndcg_loss2++": mix * step + change,
                **lead,
            }
            return float(known[weighting])

        return sum(weight(i, j) * softplus(-scale * (s[i] - s[j])) for i, j in pairs(t))

    return by_list(value, scores, target)


def list_net(scores: Array, target: Array, *, temperature: float = 1.0, shares: str = "softmax") -> Any:
    def value(s: Array, t: Array) -> float:
        share = t / t.sum() if shares == "proportional" else np.exp(log_probabilities(t / temperature))
        return -float(share @ log_probabilities(s))

    return by_list(value, scores, target)


def list_mle(scores: Array, target: Array, *, k: int | None = None, weights: str = "uniform") -> Any:
    def value(s: Array, t: Array) -> float:
        m = len(s)
        order = sorted(range(m), key=lambda i: -t[i])  # Python's sort is stable
        share = [(2.0 ** (m - i) - 1) / (2.0 ** (m - 1) - 1) if weights == "position" else 1.0 for i in range(1, m + 1)]
        return -sum(share[place] * log_probabilities(s[order[place:]])[0] for place in range(m)[:k])

    return by_list(value, scores, target)


def xe_ndcg(scores: Array, target: Array, *, gamma: Array | None = None) -> Any:
    def value(s: Array, t: Array, noise: Array | None) -> float:
        share = 2.0**t - (0.5 if noise is None else noise)
        return -float(share / share.sum() @ log_probabilities(s))

    return by_list(value, scores, target, gamma)


def approx_ndcg(scores: Array, target: Array, *, temperature: float = 1.0, gain: str = "exponential") -> Any:
    def value(s: Array, t: Array) -> float:
        share, reached = shares(t, gain, None), 0.0
        for i in range(len(s)):
            above = sum(1 / (1 + math.exp((s[i] - s[j]) / temperature)) for j in range(len(s)) if j != i)
            reached += share[i] * discount(1 + above)
        return 1 - reached

    return by_list(value, scores, target)


def neural_ndcg(
    scores: Array,
    target: Array,
    *,
    temperature: float = 1.0,
    gain: str = "exponential",
    k: int | None = None,
    sinkhorn_iterations: int = 10,
) -> Any:
    def value(s: Array, t: Array) -> float:
        m = len(s)
        apart = np.array([sum(abs(s[i] - s[j]) for j in range(m)) for i in range(m)])
        matrix = np.stack(
            [np.exp(log_probabilities(((m + 1 - 2 * r) * s - apart) / temperature)) for r in range(1, m + 1)]
        )
        for _ in range(sinkhorn_iterations):
            matrix = matrix / matrix.sum(1, keepdims=True)
            matrix = matrix / matrix.sum(0, keepdims=True)
        placed = matrix @ shares(t, gain, k)
        return 1 - sum(placed[r] * discount(r + 1, k) for r in range(m))

    return by_list(value, scores, target)


def list_rmse(scores: Array, target: Array) -> tuple[Array, Array]:
    values = [math.sqrt(sum((s - t) ** 2) / len(s)) for s, t in zip(scores, target, strict=True)]
    return np.array(values), np.ones(len(values))


REFERENCES = {
    "list_rmse": list_rmse,
    "rank_net": rank_net,
    "lambda_rank": lambda_rank,
    "list_net": list_net,
    "list_mle": list_mle,
    "xe_ndcg": xe_ndcg,
    "approx_ndcg": approx_ndcg,
    "neural_ndcg": neural_ndcg,
}
