"""Edit-invariant sequence loss by loops over orders, n-grams and output places."""

from __future__ import annotations

import math

import numpy as np


def edit_invariant(
    logits, target, ngrams=(2, 3, 4), ngram_weights=1.0, temperature=1.0, log_prob_floor=-20.0, noise=None,
    input_lengths=None, mask=None,
):  # fmt: skip
    """Values, and whether any n-gram of the sequence counts."""
    count, _, steps = logits.shape
    asked = [ngrams] if isinstance(ngrams, int) else list(ngrams)
    weights = list(np.broadcast_to(ngram_weights, len(asked)))
    length = target.shape[1]
    pairs = [(n if n > 0 else steps + n, w) for n, w in zip(asked, weights, strict=True)]
    pairs = [(n, w) for n, w in pairs if 1 <= n <= min(steps, length) and w > 0] or [(min(steps, length), 1.0)]
    values, present = np.zeros(count), np.zeros(count)
    for b in range(count):
        end = steps if input_lengths is None else min(steps, int(input_lengths[b]))
        seen = [True] * length if mask is None else [bool(x) for x in mask[b]]
        log_p = logits[b] - np.log(np.exp(logits[b] - logits[b].max(0)).sum(0)) - logits[b].max(0)
        cost = share = 0.0
        for n, weight in pairs:
            found = []
            for j in range(length - n + 1):
                if not all(seen[j : j + n]) or end < n:
                    continue
                fits = [
                    sum(max(log_p[target[b, j + r], i + r], log_prob_floor) for r in range(n)) / n
                    for i in range(end - n + 1)
                ]
                bumps = [0.0 if noise is None else noise[b, j, i] for i in range(end - n + 1)]
                pull = [math.exp((g + e) / temperature) for g, e in zip(fits, bumps, strict=True)]
                found.append(sum(q * g for q, g in zip(pull, fits, strict=True)) / sum(pull))
            if found:
                cost, share = cost - weight * sum(found) / len(found), share + weight
        values[b], present[b] = (cost / share, 1.0) if share else (0.0, 0.0)
    return values, present


REFERENCES = {"edit_invariant": edit_invariant}
