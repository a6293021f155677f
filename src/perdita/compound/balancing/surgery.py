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
    lengths = g.diagonal()
    order = torch.rand(k, k, generator=generator).argsort(1).numpy()  # row i: the order in which i meets the others
    shares = np.eye(k)  # row i: v_i in terms of the gradients
    for met in order.T:
        product = (shares * g[met]).sum(1)
        against = (product < 0) & (met != own)
        shares[own, met] -= np.where(against, product / lengths[met], 0.0)
    return torch.from_numpy(shares.sum(0))
