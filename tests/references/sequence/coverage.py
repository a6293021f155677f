"""Coverage losses in sixty decimal digits and more."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np

from tests.references.classification.focal import log_probabilities


def covered(log_prob, attempts):
    """-log(1 - (1 - p)^N)."""
    with localcontext() as context:
        context.prec = 60 - int(log_prob)  # so that 1 - p is not 1
        rest = 1 - Decimal(float(log_prob)).exp()
        return float(-(1 - rest ** Decimal(float(attempts))).ln())


def from_log_probs(log_prob, attempts=16.0):
    return np.vectorize(lambda number: covered(number, attempts), otypes=[float])(log_prob)


def direct_coverage(logits, target, attempts=16.0):
    rows = np.moveaxis(logits, 1, -1)
    return np.array(
        [covered(log_probabilities(rows[place])[target[place]], attempts) for place in np.ndindex(target.shape)]
    ).reshape(target.shape)


def stepwise(log_prob, attempts=8.0, mask=None):
    kept = np.ones(log_prob.shape) if mask is None else mask
    return (from_log_probs(log_prob, attempts) * kept).sum(1)


REFERENCES = {
    "direct_coverage": direct_coverage,
    "direct_coverage_from_log_probs": from_log_probs,
    "stepwise_direct_coverage": stepwise,
}
