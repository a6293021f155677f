"""Losses of single responses, one by one."""

from __future__ import annotations

import numpy as np

from tests.references.preference.pairs import Array, log_sigmoid


def kto(
    policy: Array,
    reference: Array,
    desirable: Array,
    reference_point: Array | None = None,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Array:
    origin = 0.0 if reference_point is None else float(reference_point)
    found = []
    for log_p, log_q, wanted in zip(policy, reference, desirable, strict=True):
        reward = log_p - log_q
        if wanted:
            found.append(desirable_weight * (1 - np.exp(log_sigmoid(beta * (reward - origin)))))
        else:
            found.append(undesirable_weight * (1 - np.exp(log_sigmoid(beta * (origin - reward)))))
    return np.array(found)


def bco(
    policy: Array, reference: Array, desirable: Array, reward_shift: Array | None = None, *, beta: float = 0.1
) -> Array:
    shift = 0.0 if reward_shift is None else float(reward_shift)
    logits = [beta * (log_p - log_q) - shift for log_p, log_q in zip(policy, reference, strict=True)]
    return np.array([-log_sigmoid(z if wanted else -z) for z, wanted in zip(logits, desirable, strict=True)])


REFERENCES = {"kto": kto, "bco": bco}
