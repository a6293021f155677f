"""Occupancy divergences, sequence by sequence, with the tail summed term by term until it is over."""

from __future__ import annotations

import math

import numpy as np


def log_sum(row):
    return math.log(sum(math.exp(x) for x in row))


def worth(reward, divergence):
    if divergence == "jensen-shannon":
        if reward >= -0.6:
            return math.log(2 - math.exp(-reward))
        slope = math.exp(0.6) / (2 - math.exp(0.6))
        return math.log(2 - math.exp(0.6)) + slope * (reward + 0.6)
    return reward - reward**2 / 4 if divergence == "chi2" else reward


def sequence_match(
    logits, target, is_data=None, finished=None, discount=0.998, divergence="chi2-mixture", mixture_weight=0.5,
    data_share=0.5, mask=None,
):  # fmt: skip
    """Values, and whether a sequence has any action."""
    count, _, places = logits.shape
    values, present = np.zeros(count), np.zeros(count)
    penalty = mixture_weight if divergence == "chi2-mixture" else 0.0
    for row in range(count):
        acts = [i for i in range(places - 1) if mask is None or mask[row, i]]
        if not acts:
            continue
        present[row] = 1.0
        weight = 1.0 if is_data is None else (1 / data_share if is_data[row] else 0.0)
        rewards = [logits[row, target[row, i], i] - discount * log_sum(logits[row, :, i + 1]) for i in acts]
        first, end = log_sum(logits[row, :, acts[0]]), log_sum(logits[row, :, acts[-1] + 1])
        value = first
        if finished is None or finished[row]:
            rewards += [(1 - discount) * end] * math.ceil(math.log(1e-17 * (1 - discount)) / math.log(discount))
        else:
            value -= discount ** len(acts) * end
        fading = [discount**i for i in range(len(rewards))]
        value -= weight * math.fsum(f * worth(r, divergence) for f, r in zip(fading, rewards, strict=True))
        value += penalty * math.fsum(f * r**2 for f, r in zip(fading, rewards, strict=True))
        values[row] = value
    return values, present


def pull(reward, divergence):
    return {
        "chi2-mixture": lambda: 1.0,
        "chi2": lambda: 1.0,
        "reverse-kl": lambda: math.exp(-reward - 1),
        "kl-fixed": lambda: math.exp(-reward),
        "jensen-shannon": lambda: math.exp(-reward) / (2 - math.exp(-reward)),
        "hellinger": lambda: 1 / (1 + reward) ** 2,
    }[divergence]()


def inverse_soft_q(
    logits, target, next_logits, done=None, is_data=None, discount=0.99, divergence="chi2-mixture", penalty_weight=0.5,
    value_term="all", data_share=0.5,
):  # fmt: skip
    values = np.zeros(len(target))
    for i, action in enumerate(target):
        share = 1.0 if is_data is None else (1 / data_share if is_data[i] else 0.0)
        coming = 0.0 if done is not None and done[i] else discount * log_sum(next_logits[i])
        reward = logits[i, action] - coming
        penalty = {"chi2-mixture": penalty_weight, "chi2": penalty_weight * share}.get(divergence, 0.0)
        values[i] = (log_sum(logits[i]) - coming) * (share if value_term == "data" else 1.0)
        values[i] += penalty * reward**2 - share * pull(reward, divergence) * reward
    return values


REFERENCES = {"sequence_match": sequence_match, "inverse_soft_q": inverse_soft_q}
