"""Text whose words may come elsewhere: every n-gram of the target is looked for at every place of the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, InputError, Range, Traits, component, loss
from perdita.core.numerics import most_negative

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@component("eisl")
def ngram_log_match(token_log_probs: Float[Tensor, "n s t"], order: int) -> Float[Tensor, "n j i"]:
    r"""How well each n-gram of the target fits each place of the output.

    With c[j, i] the log-probability of target token j at output place i, and j, i the places where an n-gram starts:

    .. math:: g_{j,i} = \frac{1}{\text{order}} \sum_{r=0}^{\text{order} - 1} c_{j+r,\, i+r}

    Args:
        token_log_probs: (n, s, t) c.
        order: number of tokens, from 1 to min(s, t).

    Returns:
        (n, s - order + 1, t - order + 1)
    """
    rows, columns = (size - order + 1 for size in token_log_probs.shape[1:])
    total = token_log_probs[:, :rows, :columns]
    for r in range(1, order):
        total = total + token_log_probs[:, r : r + rows, r : r + columns]
    return total / order


def gumbel_noise(
    logits: Float[Tensor, "n c t"], target: Int[Tensor, "n s"], *, generator: torch.Generator | None = None
) -> Float[Tensor, "n s t"]:
    """Standard Gumbel noise for `edit_invariant`, in the dtype of the logits and at least float32."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    shape = (*target.shape, logits.shape[2])
    unit = torch.rand(shape, generator=generator, dtype=dtype, device=logits.device)
    return -(-unit.clamp_min(torch.finfo(dtype).tiny).log()).log()


@loss(
    task="sequence",
    paper="eisl",
    aliases=("eisl", "edit_invariant_sequence_loss"),
    traits=Traits(bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False),
    ranges={
        "ngrams": Range(integer=True, search=(1, 4)),
        "ngram_weights": Range(0),
        "temperature": Range(0, open="low", search=(0.1, 10.0), log=True),
        "log_prob_floor": Range(high=0, open="high", search=(-40.0, -5.0)),
    },
    domains={"input_lengths": "lengths"},
    cost=Cost(time="n c t + n s t", memory="n c t + n s t"),
    ignore_index=-100,
)
def edit_invariant(
    logits: Float[Tensor, "n c t"],
    target: Int[Tensor, "n s"],
    *,
    ngrams: int | Sequence[int] = (2, 3, 4),
    ngram_weights: float | Sequence[float] = 1.0,
    temperature: float = 1.0,
    log_prob_floor: float = -20.0,
    noise: Float[Tensor, "n s t"] | None = None,
    input_lengths: Int[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n s"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Minus the log-probability of each n-gram of the target, wherever in the output it fits best.

    With p = softmax(logits) over the vocabulary, and g_{j,i} the mean of max(log p, log_prob_floor) over the tokens of
    the n-gram that starts at place j of the target, read from place i of the output:

    .. math:: \ell_n = -\frac{1}{J} \sum_{j=1}^{J} \sum_i q_{j,i}\, g_{j,i}, \qquad
              q_{j,\cdot} = \mathrm{softmax}_i\Big(\frac{g_{j,i} + \text{noise}_{j,i}}{\text{temperature}}\Big)

    The loss is the mean of the \ell_n over the orders n, weighted by ngram_weights. Shifted, repeated or swapped words
    cost little, and low orders forgive most; with the one order n = s = t it is the mean cross-entropy. A gradient
    flows through q too. An order that does not fit into a sequence leaves its mean; if none fits any, the longest that
    does is taken.

    Training wants Gumbel noise, drawn anew for each step by `gumbel_noise`, one map for all orders; without noise, q is
    a plain softmax, as for evaluation. Start from a model trained by cross-entropy. The logits of an
    autoregressive model must come from a prefix that it has decoded itself, not from the target. An n-gram that touches
    a masked or ignored target token does not count.

    Args:
        logits: (n, c, t) unnormalised scores of t output places, as ``logits.transpose(1, 2)`` of a model.
        target: (n, s) tokens; s may differ from t.
        ngrams: the orders n; 0 is t, -k is t - k.
        ngram_weights: at least 0, one for each order; one number for all of them alike.
        temperature: above 0.
        log_prob_floor: below 0; log-probabilities under it are it, without a gradient.
        noise: (n, s, t) Gumbel noise.
        input_lengths: (n,) number of output places that are no padding.
        mask: (n,) or (n, s); target tokens where it is False do not count.

    Returns:
        (n,) values in [0, -log_prob_floor], 0 for a sequence without an n-gram, which leaves the mean.

    Raises:
        InputError: labels outside 0..c-1, another number of weights than of orders, a temperature that is not above 0.

    Example:
        >>> logits = torch.eye(3)[None] * 20  # the output says 0 1 2
        >>> swapped = torch.tensor([[1, 2, 0]])
        >>> perdita.functional.edit_invariant(logits, swapped, ngrams=1).item() < 1e-6
        True
        >>> perdita.functional.cross_entropy(logits, swapped).item()
        20.0

    Source:
        Liu et al., "Don't Take It Literally: An Edit-Invariant Sequence Loss for Text Generation", NAACL 2022,
        arXiv 2106.15078. As in the released code, g is divided by n, which equation 6 of the paper does not do. That
        code draws noise for each order apart and counts padding, which it leaves to the caller here.
    """
    steps, length = logits.shape[2], target.shape[1]
    orders, weights = _orders(ngrams, ngram_weights, steps, length)
    counted = torch.ones_like(target, dtype=torch.bool)
    if mask is not None:
        counted = counted & mask.reshape(mask.shape + (1,) * (2 - mask.ndim))
    places = torch.arange(steps, device=logits.device)
    inside = counted.any(1, keepdim=True).expand(-1, steps)
    if input_lengths is not None:
        inside = inside & (places < input_lengths.unsqueeze(1))
    logits = torch.where(inside.unsqueeze(1), logits, 0.0)
    picked = logits.gather(1, target.long().unsqueeze(2).expand(-1, -1, steps))  # (n, s, t)
    token_log_probs = (picked - logits.logsumexp(1).unsqueeze(1)).clamp_min(log_prob_floor)
    total = token_log_probs.flatten(1).sum(1) * 0  # connected, where there is nothing to match
    share = torch.zeros_like(total)
    for order, weight in zip(orders, weights, strict=True):
        match = ngram_log_match(token_log_probs, order)
        targets, outputs = whole_windows(counted, order), whole_windows(inside, order)
        score = match if noise is None else match + noise[:, : match.shape[1], : match.shape[2]]
        score = torch.where(outputs.unsqueeze(1), score / temperature, most_negative(score.dtype))
        found = (score.softmax(2) * match).sum(2)  # (n, j)
        sought = targets & outputs.any(1, keepdim=True)
        mean = torch.where(sought, found, 0.0).sum(1) / sought.sum(1).clamp_min(1)
        own = weight * sought.any(1).to(total.dtype)
        total, share = total - own * mean, share + own
    present = share > 0
    return total / torch.where(present, share, 1.0), present


def whole_windows(valid: Bool[Tensor, "n s"], order: int) -> Bool[Tensor, "n j"]:
    """Where a window of ``order`` places starts that are all valid."""
    starts = valid.shape[1] - order + 1
    return torch.stack([valid[:, r : r + starts] for r in range(order)]).all(0)


def _orders(
    ngrams: int | Sequence[int], weights: float | Sequence[float], steps: int, length: int
) -> tuple[list[int], list[float]]:
    """The orders that fit, as positive numbers, and their weights."""
    asked = [ngrams] if isinstance(ngrams, int) else list(ngrams)
    given = [weights] * len(asked) if isinstance(weights, int | float) else list(weights)
    if len(given) != len(asked):
        raise InputError(f"ngram_weights must hold {len(asked)} numbers, one for each of ngrams, not {len(given)}")
    longest = min(steps, length)
    resolved = [order if order > 0 else steps + order for order in asked]
    kept = [(order, float(w)) for order, w in zip(resolved, given, strict=True) if 1 <= order <= longest and w > 0]
    if not kept and longest:
        kept = [(longest, 1.0)]
    return [order for order, _ in kept], [weight for _, weight in kept]
