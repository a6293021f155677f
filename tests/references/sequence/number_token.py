"""Number token loss, token by token of the table."""

from __future__ import annotations

import itertools

import numpy as np

TABLE = {0: 3.0, 1: 1.0, 3: 4.5}


def soft(scores):
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def measured(kind, error):
    error = abs(error)
    if kind == "huber":
        return error - 0.5 if error > 1 else error**2 / 2
    return error**2 if kind == "mse" else error


def transported(probs, truth, values):
    """The integral of the distance between both distribution functions."""
    cuts = sorted(set(values))
    return sum(
        abs(sum(p - q for p, q, value in zip(probs, truth, values, strict=True) if value <= low)) * (high - low)
        for low, high in itertools.pairwise(cuts)
    )


def number_token(logits, target, table, kind="wasserstein", reweigh=False, squash_factor=None, label_smoothing=0.0):
    """Values, and 1 where the target is a number."""
    numbers = sorted({float(value) for value in table.values()})
    gaps = [b - a for i, a in enumerate(numbers) for b in numbers[i + 1 :]]

    def distance(a, b):
        gap = abs(a - b)
        if squash_factor is None or gap == 0:
            return gap
        return 1 + (gap - min(gaps)) * (squash_factor - 1) / (max(gaps) - min(gaps))

    rows = np.moveaxis(logits, 1, -1)
    values, counts = np.zeros(target.shape), np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        if int(target[place]) not in table:
            continue
        truth, tokens = table[int(target[place])], list(table)
        probs = soft(rows[place][tokens])
        if kind == "wasserstein":
            found = sum(p * distance(table[token], truth) for p, token in zip(probs, tokens, strict=True))
            worst = max(distance(a, b) for a in numbers for b in numbers)
            if label_smoothing:
                spread = label_smoothing / len(tokens)
                smooth = [(1 - label_smoothing) * (token == int(target[place])) + spread for token in tokens]
                found = transported(probs, smooth, [table[token] for token in tokens])
        else:
            guess = sum(p * table[token] for p, token in zip(probs, tokens, strict=True))
            found, worst = measured(kind, guess - truth), measured(kind, max(gaps))
        mass = soft(rows[place])[tokens].sum() if reweigh else 1.0
        values[place], counts[place] = found * mass + 1.01 * worst * (1 - mass), 1.0
    return values, counts


REFERENCES = {"number_token": number_token}
ARGUMENTS = {"number_token": {"table": TABLE}}
