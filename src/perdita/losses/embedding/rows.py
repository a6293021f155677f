"""Sums and extremes over some places of each row.

Masks go into the arithmetic as numbers: on a processor, `torch.where` with a mask without order takes thirty times as
long as a product, since it branches at every place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core.numerics import most_negative
from perdita.losses.known_slopes import Form, values_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


def excluded(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b m"]:
    """The values, hugely negative where the mask says False."""
    return torch.add(values, mask.to(values.dtype).sub_(1), alpha=-most_negative(values.dtype))


def highest(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b 1"]:
    """The largest value within a mask; hugely negative where it is empty."""
    return excluded(values, mask).amax(1, keepdim=True)


def lowest(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b 1"]:
    """The smallest value within a mask; huge where it is empty."""
    return -highest(-values, mask)


def masked_sum(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b"]:
    """The sum over the places of a mask; the other places must be finite."""
    return (values * mask.to(values.dtype)).sum(1)


def masked_mean(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b"]:
    """The mean over the places of a mask, 0 where it has none; the other places must be finite."""
    share = mask.to(values.dtype)
    return (values * share).sum(1) / share.sum(1).clamp(min=1)


def masked_logsumexp(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b"]:
    """log sum exp over the places of a mask; hugely negative, with a gradient of 0, where it has none."""
    return values_of(LOGSUMEXP, values, mask)


def _logsumexp(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b"]:
    kept = excluded(values, mask)
    top = kept.detach().amax(1, keepdim=True)
    return _joined((kept - top).clamp(min=_least(values.dtype)).exp().sum(1), top)


def _exponentials(
    values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b m"], Float[Tensor, "b 1"]]:
    """The same in one piece of memory, then the exponentials, and one over their sums, 0 for an empty row."""
    kept = excluded(values, mask)
    top = kept.amax(1, keepdim=True)
    least = _least(values.dtype)
    raised = F.threshold_(kept.sub_(top).clamp_(min=least).exp_(), 2 * math.exp(least), 0.0)
    total = raised.sum(1)
    share = torch.where(_is_empty(top), 0.0, 1 / total.unsqueeze(1))
    return _joined(total, top), raised, share


def _shares(
    upstream: Float[Tensor, "*b"], values: Tensor, mask: Tensor, raised: Float[Tensor, "b m"],
    share: Float[Tensor, "b 1"],
) -> Float[Tensor, "b m"]:  # fmt: skip
    return raised * torch.where(share == 0, 0.0, share * upstream.unsqueeze(-1))  # where upstream is a NaN too


LOGSUMEXP = Form(_logsumexp, _exponentials, _shares)


def _least(dtype: torch.dtype) -> float:
    """The least exponent whose exp is quick: of one that underflows it takes 12 to 37 times as long on a processor."""
    return 1 + math.log(torch.finfo(dtype).tiny)


def _is_empty(top: Tensor) -> Tensor:
    return top <= most_negative(top.dtype) / 2


def _joined(total: Float[Tensor, "b"], top: Float[Tensor, "b 1"]) -> Float[Tensor, "b"]:
    top = top.squeeze(1)
    return torch.where(_is_empty(top), most_negative(top.dtype), total.log() + top)


def log1p_sum_exp(values: Float[Tensor, "b m"], mask: Bool[Tensor, "b m"]) -> Float[Tensor, "b"]:
    """log(1 + sum exp) over the places of a mask; 0 where it has none."""
    found = masked_logsumexp(values, mask)
    return torch.logaddexp(found, torch.zeros_like(found))
