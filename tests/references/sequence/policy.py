"""Policy losses, token by token."""

from __future__ import annotations

import math

import numpy as np

from tests.references.sequence.likelihood import places


def reinforce(logits, target, advantage):
    values = np.zeros(target.shape)
    for place, log_p, label in places(logits, target):
        values[place] = -advantage[place] * log_p[label]
    return values


def grpo(
    logits, target, advantage, old_log_prob=None, reference_log_prob=None, clip_low=0.2, clip_high=0.2, kl_weight=0.04
):
    values = np.zeros(target.shape)
    for place, log_p, label in places(logits, target):
        ratio = 1.0 if old_log_prob is None else math.exp(log_p[label] - old_log_prob[place])
        kept = min(max(ratio, 1 - clip_low), 1 + clip_high)
        values[place] = -min(ratio * advantage[place], kept * advantage[place])
        if reference_log_prob is not None:
            apart = reference_log_prob[place] - log_p[label]
            values[place] += kl_weight * (math.exp(apart) - 1 - apart)
    return values


REFERENCES = {"reinforce": reinforce, "grpo": grpo}
