"""From the logits of a language model to what the losses of this folder take: one log-probability for each sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core.errors import InputError
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def sequence_log_probability(
    logits: Float[Tensor, "n t c"],
    target: Int[Tensor, "n t"],
    *,
    mask: Bool[Tensor, "n t"] | None = None,
    ignore_index: int = -100,
    average: bool = False,
    shift: bool = False,
) -> Float[Tensor, "n"]:
    r"""Log-probability of each sequence: the sum of log softmax(logits_i)[target_i] over its counted tokens.

    Args:
        logits: (n, t, c) scores of every token; half precision is computed in float32.
        target: (n, t) token ids.
        mask: (n, t); False leaves a token out: padding, and the prompt.
        ignore_index: tokens with this id are left out too.
        average: divide by the number of counted tokens, as SimPO, ORPO and length-normalised DPO want it.
        shift: the logits at place i speak of token i + 1, as every causal model gives them.

    Returns:
        (n,) numbers <= 0; 0 for a sequence without counted tokens.

    Raises:
        InputError: shapes that do not fit.

    Example:
        >>> logits, target = torch.zeros(1, 3, 4), torch.tensor([[2, 0, -100]])
        >>> sequence_log_probability(logits, target).item()
        -2.77258...
    """
    if logits.ndim != 3 or target.shape != logits.shape[:2]:
        raise InputError(
            f"target must have shape {tuple(logits.shape[:2])} beside logits of shape {tuple(logits.shape)}, "
            f"not {tuple(target.shape)}"
        )
    counted = target != ignore_index
    if mask is not None:
        if mask.dtype is not torch.bool or mask.shape != target.shape:
            raise InputError(
                f"mask must be a boolean tensor of shape {tuple(target.shape)}, not {mask.dtype} of {tuple(mask.shape)}"
            )
        counted = counted & mask
    if shift:
        logits, target, counted = logits[:, :-1], target[:, 1:], counted[:, 1:]
    scores = torch.where(counted.unsqueeze(2), widen(logits), 0.0)  # NaN at padding reaches no gradient
    own = scores.gather(2, target.long().masked_fill(~counted, 0).unsqueeze(2)).squeeze(2)
    total = torch.where(counted, own - scores.logsumexp(2), 0.0).sum(1)
    return total / counted.sum(1).clamp(min=1) if average else total
