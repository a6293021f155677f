"""Near the mean gradient, the direction that is best for the loss it helps least."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.compound.balancing.complementarity import nearest_to_origin
from perdita.compound.balancing.methods import method
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

NOTHING = 1e-6  # beside the gradients' own length
ROUNDS, EXACT = 100, 1e-9


@method("cagrad")
def conflict_averse(gram: Float[Tensor, "k k"], *, c: float = 0.5) -> Float[Tensor, "k"]:
    r"""Conflict-averse gradient descent: k times the solution d of

    .. math:: \max_d \min_i \langle g_i, d \rangle \quad \text{subject to } \|d - g_0\| \le c \|g_0\|

    with g_0 the mean gradient. By duality d = g_0 + c |g_0| g_w / |g_w|, where g_w is the average of the gradients with
    the least <g_w, g_0> + c |g_0| |g_w|. That is the shortest vector in the hull of the g_i + s g_0, less s g_0, at the
    s where |g_w| = s c |g_0|; as |g_w| / s never rises with s, there is one such s.

    Args:
        gram: Gramian of the gradients.
        c: 0 gives the mean gradient, and the larger c is, the less any loss may suffer.

    Returns:
        Weights; zeros where g_w is 0, so that no direction helps every loss.

    Raises:
        InputError: c below 0.

    Source:
        Liu, Liu, Jin, Stone, Liu, "Conflict-Averse Gradient Descent for Multi-task Learning" (CAGrad), NeurIPS 2021,
        arXiv 2110.14048, algorithm 1, without the rescaling by 1 + c² that the authors' code has.
    """
    if not c >= 0:
        raise InputError(f"c must be at least 0, not {c}")
    k, small = len(gram), gram / gram.diagonal().sum()
    g = small.double()
    product = g.mean(1)  # of each gradient with the mean
    mean = product.mean().clamp_min(0).sqrt().item()  # its length
    if c * mean <= NOTHING:
        return torch.ones(k, dtype=torch.float64)

    def average(s: float) -> tuple[Tensor, float]:
        """Shares of g_w at s, and its length."""
        shares = nearest_to_origin((g + s * (product.unsqueeze(1) + product) + (s * mean) ** 2).to(small.dtype))
        return shares, (shares @ g @ shares).clamp_min(0).sqrt().item()

    def excess(log_s: float) -> float:
        """log(|g_w| / s c |g_0|) at s."""
        return math.log(max(average(math.exp(log_s))[1], NOTHING**2) / (c * mean)) - log_s

    high = math.log(g.diagonal().max().sqrt().item() / (c * mean))  # no average is longer than the longest gradient
    low = high + math.log(NOTHING)
    if excess(low) <= 0:
        return torch.zeros(k, dtype=torch.float64)
    shares, length = average(math.exp(_root(excess, low, high)))
    return 1 + k * c * mean / length * shares


def _root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is 0, between a place above 0 and one that is not; by false position (Illinois)."""
    over, under = falling(low), falling(high)
    side = 0
    for _ in range(ROUNDS):
        if under >= 0 or high - low < EXACT:
            break
        place = (low * under - high * over) / (under - over)
        found = falling(place)
        if abs(found) < EXACT:
            return place
        if found > 0:
            low, over, under = place, found, under / 2 if side > 0 else under
            side = 1
        else:
            high, under, over = place, found, over / 2 if side < 0 else over
            side = -1
    return high
