"""Losses of pairs of responses, pair by pair, from probabilities and odds as the papers write them."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def log_sigmoid(x: float) -> float:
    return float(-np.logaddexp(0.0, -x))


def margins(
    policy_chosen: Array, policy_rejected: Array, reference_chosen: Array, reference_rejected: Array
) -> list[float]:
    rows = zip(policy_chosen, policy_rejected, reference_chosen, reference_rejected, strict=True)
    return [(pc - pr) - (rc - rr) for pc, pr, rc, rr in rows]


def dpo(*, beta: float = 0.1, label_smoothing: float = 0.0, **logps: Array) -> Array:
    right, wrong = 1 - label_smoothing, label_smoothing
    return np.array(
        [-right * log_sigmoid(beta * h) - wrong * log_sigmoid(-beta * h) for h in margins(**logps)], dtype=float
    )


def robust_dpo(*, beta: float = 0.1, flip_rate: float = 0.1, **logps: Array) -> Array:
    found = []
    for h in margins(**logps):
        as_labelled, flipped = -log_sigmoid(beta * h), -log_sigmoid(-beta * h)
        found.append(((1 - flip_rate) * as_labelled - flip_rate * flipped) / (1 - 2 * flip_rate))
    return np.array(found)


def ipo(*, beta: float = 0.1, **logps: Array) -> Array:
    return np.array([(h - 0.5 / beta) ** 2 for h in margins(**logps)])


def slic_hinge(*, beta: float = 0.1, margin: float = 1.0, **logps: Array) -> Array:
    return np.array([max(0.0, margin - beta * h) for h in margins(**logps)])


def simpo(
    policy_chosen: Array,
    policy_rejected: Array,
    *,
    beta: float = 2.0,
    margin: float = 1.0,
    label_smoothing: float = 0.0,
) -> Array:
    leads = [
        beta * (chosen - rejected) - margin for chosen, rejected in zip(policy_chosen, policy_rejected, strict=True)
    ]
    return np.array([-(1 - label_smoothing) * log_sigmoid(m) - label_smoothing * log_sigmoid(-m) for m in leads])


def orpo(policy_chosen: Array, policy_rejected: Array, *, ratio_weight: float = 0.1) -> Array:
    found = []
    for chosen, rejected in zip(policy_chosen, policy_rejected, strict=True):
        ratio = np.exp(chosen) / -np.expm1(chosen) / (np.exp(rejected) / -np.expm1(rejected))
        found.append(-chosen - ratio_weight * log_sigmoid(np.log(ratio)))
    return np.array(found)


def cpo(
    policy_chosen: Array,
    policy_rejected: Array,
    chosen_nll: Array | None = None,
    *,
    beta: float = 0.1,
    nll_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> Array:
    preference = simpo(policy_chosen, policy_rejected, beta=beta, margin=0.0, label_smoothing=label_smoothing)
    return preference + nll_weight * (-policy_chosen if chosen_nll is None else chosen_nll)


REFERENCES = {
    "dpo": dpo,
    "robust_dpo": robust_dpo,
    "ipo": ipo,
    "slic_hinge": slic_hinge,
    "simpo": simpo,
    "orpo": orpo,
    "cpo": cpo,
}
