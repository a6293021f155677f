"""How often one of N attempts succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("pass-at-n")
def pass_at_n(prob: Float[Tensor, "*n"], attempts: float) -> Float[Tensor, "*n"]:
    r"""1 - (1 - p)^N, from the probability of a right answer.

    Args:
        prob: p, in [0, 1].
        attempts: N, at least 1.
    """
    return -torch.expm1(attempts * torch.log1p(-prob))


@component("pass-at-n")
def pass_at_n_estimate(samples: int, right: Int[Tensor, "*n"], attempts: int) -> Float[Tensor, "*n"]:
    r"""An unbiased estimate of the chance that one of N attempts is right, from c right ones of m samples.

    .. math:: 1 - \binom{m - c}{N} \Big/ \binom{m}{N} = 1 - \prod_{i = m - c + 1}^{m} \Big(1 - \frac{N}{i}\Big)

    Args:
        samples: m, how many answers were drawn for each problem.
        right: c, how many of them were right.
        attempts: N, at most m.

    Raises:
        InputError: more attempts than samples, or more right answers than samples.

    Source:
        Chen et al., "Evaluating Large Language Models Trained on Code", 2021, arXiv 2107.03374, equation 1.
    """
    if not 1 <= attempts <= samples:
        raise InputError(f"attempts must lie between 1 and the {samples} samples, not be {attempts}")
    if ((right < 0) | (right > samples)).any():
        raise InputError(f"right must lie between 0 and the {samples} samples")
    place = torch.arange(1, samples + 1, dtype=torch.float64, device=right.device)
    kept = torch.log1p(-attempts / place.clamp_min(attempts)).where(place > attempts, -torch.inf)
    log_miss = torch.where(place > samples - right.unsqueeze(-1), kept, 0.0).sum(-1)
    return -torch.expm1(log_miss)
