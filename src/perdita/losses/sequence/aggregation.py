"""How the tokens of drawn answers are averaged: by token, by answer, or over a fixed length."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

MODES = ("token", "sequence", "batch", "constant")


class TokenShares(NamedTuple):
    """What a loss of tokens takes as ``weight`` and ``normalizer``; `fused_linear` calls the first example_weight."""

    weight: Float[Tensor, "n t"]
    normalizer: Float[Tensor, ""]


def aggregate_tokens(counted: Bool[Tensor, "n t"], over: str, *, length: float | None = None) -> TokenShares:
    r"""Weight of each token and denominator of the mean, for each of the ways in which tokens are averaged.

    With the loss l of each of the T_i counted tokens of answer i, and N answers that have counted tokens:

    .. math:: \text{token}: \frac{\sum_i \sum_t l_{it}}{\sum_i T_i}, \quad
        \text{sequence}: \frac1N \sum_i \frac{1}{T_i} \sum_t l_{it}, \quad
        \text{batch}: \frac1N \sum_i \sum_t l_{it}, \quad
        \text{constant}: \frac{1}{N\,\text{length}} \sum_i \sum_t l_{it}

    "sequence" is GRPO's own, where a token of a long answer weighs less; "token" is DAPO's; "constant" is Dr. GRPO's,
    where no length is preferred; "batch" makes of log-probabilities of tokens the mean of those of answers. The
    denominators of micro-batches and ranks add up: `perdita.training.accumulation.shared_normalizer`.

    Args:
        counted: (n, t) True for the tokens of an answer: neither prompt nor padding.
        over: "token", "sequence", "batch" or "constant".
        length: the most tokens that an answer may have; for "constant" alone.

    Returns:
        The weight (n, t), 0 where a token is not counted, and the normalizer, at least 1.

    Raises:
        InputError: another way, a mask that is not boolean, a length that is missing or out of place.

    Example:
        >>> from perdita.losses.sequence.aggregation import aggregate_tokens
        >>> counted = torch.tensor([[True, True, True], [True, False, False]])
        >>> aggregate_tokens(counted, "sequence").weight[:, 0].tolist()
        [0.33333..., 1.0]
        >>> aggregate_tokens(counted, "constant", length=8).normalizer.item()
        16.0

    Source:
        Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300, equation 3 (sequence); Yu et al., "DAPO", 2025,
        arXiv 2503.14476 (token); Liu et al., "Understanding R1-Zero-Like Training: A Critical Perspective", 2025,
        arXiv 2503.20783 (constant).
    """
    if over not in MODES:
        raise InputError(f"over must be one of {MODES}, not {over!r}{nearest(str(over), MODES)}")
    if counted.dtype is not torch.bool or counted.ndim != 2:
        raise InputError(
            f"counted must be a boolean tensor of shape (n, t), not {counted.dtype} of shape {tuple(counted.shape)}"
        )
    if (length is not None) != (over == "constant") or (length is not None and not length > 0):
        raise InputError(f'length must be a number above 0 for "constant" and None otherwise, not {length!r}')
    tokens = counted.sum(1, keepdim=True)
    weight = counted / tokens.clamp(min=1) if over == "sequence" else counted.to(torch.get_default_dtype())
    items = tokens.sum() if over == "token" else (tokens > 0).sum()
    return TokenShares(weight, items.clamp(min=1) * (1.0 if length is None else float(length)))
