"""Tokens that should not come: a model unlearns what it must not say, or says too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def earlier_tokens(tokens: Int[Tensor, "n t"]) -> Int[Tensor, "n k t"]:
    """The tokens that came before each place, each once, for `unlikelihood`; k = t, filled up with the target itself.

    Args:
        tokens: (n, t) the targets, without ignored places (fill those with any token).
    """
    places = torch.arange(tokens.shape[1], device=tokens.device)
    same = tokens.unsqueeze(2) == tokens.unsqueeze(1)  # (n, t, t)
    repeated = (same & (places < places.unsqueeze(1))).any(2)  # it has come before already
    usable = (places.unsqueeze(1) < places) & ~repeated.unsqueeze(2)  # (n, k, t)
    return torch.where(usable, tokens.unsqueeze(2), tokens.unsqueeze(1))


@loss(
    task="multiclass",
    aliases=("token_unlikelihood", "unlikelihood_loss"),
    traits=Traits(bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={"strength": Range(0, search=(0.1, 10.0), log=True), "likelihood": Range(0, search=(0.0, 1.0))},
    domains={"negatives": "labels"},
    cost=Cost(time="n (c + k)", memory="n (c + k)", passes=6),
    ignore_index=-100,
)
def unlikelihood(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    negatives: Int[Tensor, "n k *d"],
    *,
    strength: float = 1.0,
    likelihood: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of the right token, plus minus the log-probability that each unwanted token does not come.

    With p = softmax(logits), y the target and C the negatives that are not y:

    .. math:: \ell = -\text{likelihood} \cdot \log p_y - \text{strength} \sum_{k \in C} \log(1 - p_k)

    A negative that equals the target does not count: rows with fewer than k negatives are filled up with it. One that
    occurs twice counts twice. Against repetition take `earlier_tokens` of the targets as negatives.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) tokens y.
        negatives: (n, k, *d) tokens that should not come.
        strength: at least 0.
        likelihood: at least 0; 0 leaves unlikelihood alone.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, in the target or the negatives; a negative strength or likelihood.

    Example:
        >>> logits, target = torch.zeros(1, 4), torch.tensor([0])
        >>> perdita.functional.unlikelihood(logits, target, torch.tensor([[1, 0]])).item()  # log 4 - log(3/4)
        1.67397...

    Source:
        Welleck et al., "Neural Text Generation with Unlikelihood Training", ICLR 2020, arXiv 1908.04319, equation 5.
    """
    negatives = negatives.long()
    wanted = negatives == target.unsqueeze(1)
    values = cross_entropy.per_example(logits, target)
    avoided = torch.where(wanted, 0.0, log_complement(logits, negatives))
    return likelihood * values - strength * avoided.sum(1)


def log_complement(logits: Float[Tensor, "n c *d"], classes: Int[Tensor, "n k *d"]) -> Float[Tensor, "n k *d"]:
    """log(1 - p) of some classes of each item; only the largest, whose p may be near 1, needs a sum of the others."""
    top = logits.argmax(1, keepdim=True)
    others = put(logits, top.squeeze(1), most_negative(logits.dtype))
    rest = others.logsumexp(1, keepdim=True)
    own, first = logits.gather(1, classes), classes == top
    log_p = torch.where(first, -1.0, own - torch.logaddexp(rest, logits.gather(1, top)))
    return torch.where(first, F.logsigmoid(rest - own), torch.log1p(-log_p.exp()))
