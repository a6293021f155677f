"""Gradients that lose what opposes the others, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from perdita.compound.balancing.methods import method

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@method("pcgrad")
def gradient_surgery(gram: Float[Tensor, "k k"], *, generator: torch.Generator | None = None) -> Float[Tensor, "k"]:
    r"""Each gradient is projected off the others that it opposes, in random order; the sum is taken.

    .. math:: v_i \leftarrow v_i - \frac{\langle v_i, g_j \rangle}{\|g_j\|^2} g_j
        \quad \text{where } \langle v_i, g_j \rangle < 0, \quad v_i = g_i \text{ at first}

    Args:
        gram: Gramian of the gradients.
        generator: of the orders.

    Source:
        Yu, Kumar, Gupta, Levine, Hausman, Finn, "Gradient Surgery for Multi-Task Learning" (PCGrad), NeurIPS 2020,
        arXiv 2001.06782, algorithm 1.
    """
    k = len(gram)
    g, own = gram.double().numpy(), np.arange(k)
    met = torch.rand(k, k, generator=generator).numpy().argsort(1).T  # column i: the order in which i meets the others
    rates = np.where(met == own, 0.0, 1 / g.diagonal()[met])
    products = g[met, own]  # column i: of v_i with those that it meets
    taken = np.empty((k, k))
    for turn, others in enumerate(met):
        taken[turn] = np.minimum(products[turn], 0.0) * rates[turn]
        products -= taken[turn] * g[met, others]
    return torch.from_numpy(1 - np.bincount(met.ravel(), taken.ravel(), k))
