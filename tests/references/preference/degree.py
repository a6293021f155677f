"""Degrees of damaged responses, version by version."""

from __future__ import annotations

import numpy as np

from tests.references.classification.focal import log_probabilities
from tests.references.preference.pairs import Array, dpo, ipo, slic_hinge


def preference_degree(degree_logits: Array) -> Array:
    return np.array([np.mean([-log_probabilities(row)[j] for j, row in enumerate(one)]) for one in degree_logits])


def spo(
    degree_chosen: Array,
    degree_rejected: Array,
    degree_mask: Array | None = None,
    *,
    beta: float = 0.1,
    degree_weight: float = 0.5,
    align: str = "dpo",
    **logps: Array,
) -> Array:
    aligned = {"dpo": dpo, "ipo": ipo, "slic_hinge": slic_hinge}[align](beta=beta, **logps)
    kept = np.ones((len(aligned), 2)) if degree_mask is None else degree_mask
    degrees = [preference_degree(one) * kept[:, side] for side, one in enumerate((degree_chosen, degree_rejected))]
    return aligned + degree_weight * (degrees[0] + degrees[1]) / 2


REFERENCES = {"preference_degree": preference_degree, "spo": spo}
