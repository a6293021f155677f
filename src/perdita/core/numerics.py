"""Numbers that stay finite: one compute dtype, one way to leave classes out, one stable form for each identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

HALF = (torch.float16, torch.bfloat16)


def widen(tensor: Tensor) -> Tensor:
    """Half precision becomes float32; the gradient comes back in the input's own dtype."""
    return tensor.float() if tensor.dtype in HALF else tensor


def most_negative(dtype: torch.dtype) -> float:
    """The fill for excluded logits: finite, so that a row of nothing but fills is no NaN, and exp() of it is 0."""
    return torch.finfo(dtype).min / 2


def mask_classes(logits: Float[Tensor, "n c *d"], class_mask: Bool[Tensor, "n c *d"] | None) -> Float[Tensor, "n c *d"]:
    """Take classes out of a softmax: a masked class (False) has probability 0 and no gradient."""
    if class_mask is None:
        return logits
    return logits.masked_fill(~class_mask, most_negative(logits.dtype))


def pick(values: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    """values[i, target[i]] along dimension 1."""
    return values.gather(1, target.long().unsqueeze(1)).squeeze(1)


def one_hot(target: Int[Tensor, "n *d"], like: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """Indicator of the target along dimension 1, in the dtype of ``like``."""
    return class_indicator(target, like).to(like.dtype)


def class_indicator(target: Int[Tensor, "n *d"], like: Float[Tensor, "n c *d"]) -> Bool[Tensor, "n c *d"]:
    """True at the target's class along dimension 1, by comparison: no scatter, no data-dependent shape."""
    classes = torch.arange(like.shape[1], device=like.device)
    return target.unsqueeze(1) == classes.view((1, -1) + (1,) * (like.ndim - 2))


def as_distribution(
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"], like: Float[Tensor, "n c *d"], smoothing: float = 0.0
) -> Float[Tensor, "n c *d"]:
    """Class indices or soft targets as probabilities, smoothed towards uniform: (1 - s) t + s / c."""
    probs = target.to(like.dtype) if target.dtype.is_floating_point else one_hot(target, like)
    return probs if smoothing == 0.0 else probs * (1 - smoothing) + smoothing / like.shape[1]


def safe_norm(x: Float[Tensor, "*n d"], dim: int = -1, keepdim: bool = False) -> Float[Tensor, "*n"]:
    """Euclidean norm whose gradient at the zero vector is zero instead of NaN."""
    square = x.square().sum(dim, keepdim=keepdim)
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())


def normalize(x: Float[Tensor, "*n d"], dim: int = -1) -> Float[Tensor, "*n d"]:
    """x / ||x||; a zero vector stays zero, with the gradient of the identity, so that it can leave zero."""
    norm = safe_norm(x, dim, keepdim=True)
    return x / torch.where(norm == 0, 1.0, norm)
