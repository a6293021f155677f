"""The step that the tasks would agree upon."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.balancing.complementarity import LEAST
from perdita.compound.balancing.methods import method

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

ROUNDS, EXACT = 100, 1e-10


@method("nash_mtl")
def nash_bargaining(gram: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    r"""The Nash bargaining solution: the weights a > 0 that solve

    .. math:: (G a)_i = 1 / a_i

    scaled to sum to k. It is the minimiser of a^T G a / 2 - sum log a_i, a convex function, which damped Newton steps
    find in a few rounds; scaling one loss leaves the direction as it is.

    Args:
        gram: Gramian G of the gradients.

    Source:
        Navon, Shamsian, Achituve, Maron, Kawaguchi, Chechik, Fetaya, "Multi-Task Learning as a Bargaining Game"
        (Nash-MTL), ICML 2022, arXiv 2202.01017, claim 3.2. The authors' code approximates the solution by a sequence of
        convex problems and bounds the update's length, which the paper's scale fixes at sqrt(k).
    """
    k = len(gram)
    lengths = gram.diagonal().double().sqrt()
    lift = max(LEAST, torch.finfo(gram.dtype).eps) * torch.eye(k, dtype=torch.float64)
    g = gram.double() / (lengths.unsqueeze(1) * lengths) + k * lift
    a = torch.full((k,), k**-0.5, dtype=torch.float64)
    for _ in range(ROUNDS):
        slope = g @ a - 1 / a
        step = torch.linalg.solve(g + torch.diag(a**-2), slope)
        decrement = (slope @ step).clamp_min(0).sqrt()
        a = a - step / (1 + decrement)  # stays positive: the logarithm is self-concordant
        if decrement < EXACT:
            break
    weights = a / lengths
    return k * weights / weights.sum()
