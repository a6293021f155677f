"""The learned link item by item: the convex potential as defined, and its gradient by complex steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.references.classification.focal import Array, log_probabilities
from tests.references.soft import expected

STEP = 1e-30  # an imaginary step has no rounding error


def softplus(x: Any) -> Any:
    """log(1 + e^x), for complex x with a tiny imaginary part too."""
    return np.where(
        x.real > 0, x + np.log1p(np.exp(-np.abs(x.real) - 1j * np.sign(x.real) * x.imag)), np.log1p(np.exp(x))
    )


def potential(z: Array, state: dict[str, Array], block: int, depth: int) -> Any:
    def part(name: str) -> Array:
        return state[f"link.blocks.{block}.{name}"]

    h = softplus(part("net.enter.weight") @ z + part("net.enter.bias"))
    value: Any = 0.0
    for j in range(depth):
        last = j == depth - 1
        kept = softplus(part(f"net.keep.{j}.weight") + 0j).real @ h + (0 if last else part(f"net.keep.{j}.bias"))
        mixed = kept / len(h) + part(f"net.direct.{j}.weight") @ z + (0 if last else part(f"net.direct.{j}.bias"))
        bias = 0.0 if last else part(f"net.norms.{j}.bias")
        normed = (mixed + bias) * (np.exp(part(f"net.norms.{j}.log_gain")) + 1e-3)
        if last:
            value = normed[0]
            break
        augmented = part(f"net.augment.{j}.weight") @ z + part(f"net.augment.{j}.bias")
        h = np.concatenate([softplus(normed), softplus(augmented)])
    scale, square = (softplus(part(name) + 0j).real for name in ("net_weight", "square_weight"))
    return scale[0] * value + (square * z * z).sum() / 2


@expected
def legendre_loss(
    logits: Array, target: Array, *, state: dict[str, Array], classes: int, blocks: int = 2, depth: int = 4
) -> Array:
    values = np.zeros(len(target))
    for i, label in enumerate(target):
        z = logits[i, :-1] - logits[i, -1]
        for block in range(blocks):
            steps = [z + 1j * STEP * np.eye(len(z))[k] for k in range(len(z))]
            z = np.array([potential(step, state, block, depth).imag / STEP for step in steps])
        values[i] = -log_probabilities(np.append(z, 0.0))[label]
    return values


REFERENCES = {"legendre_loss": legendre_loss}
ARGUMENTS = {"legendre_loss": {"classes": 4}}
