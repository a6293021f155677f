"""Agreement of a face's halves, one face at a time."""

from __future__ import annotations

import numpy as np

from tests.references.embedding.pairs import cosine, unit


def face_symmetry(left, right, frontness=None, threshold=0.8, distance="cosine"):
    values, counts = np.zeros(len(left)), np.zeros(len(left))
    for i in range(len(left)):
        if frontness is None or frontness[i] >= threshold:
            counts[i] = 1.0
            apart = sum((unit(left[i]) - unit(right[i])) ** 2)
            values[i] = 1 - cosine(left[i], right[i]) if distance == "cosine" else apart
    return values, counts


REFERENCES = {"face_symmetry": face_symmetry}
