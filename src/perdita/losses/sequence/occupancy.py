r"""Imitation of text as a sequence of actions: divergences between the visits of data and model, without a critic.

The logits of a state are read as a soft Q-function. With V(s) = logsumexp_a logits(a | s) and the discount g, the
reward that they imply for an action is r = logits(a | s) - g V(s'), where s' is the state after it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import pick

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

DISCOUNT = Range(0, 1, open="both", search=(0.9, 0.999))
SHARE = Range(0, 1, open="low")
PENALTY = Range(0, search=(0.01, 1.0), log=True)
STEEP = 20.0  # exponents are cut off here
BEND = -0.6  # the concave function of Jensen-Shannon, which ends at -log 2, goes on as a straight line from here


def jensen_shannon(reward: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """log(2 - exp(-r)), and its tangent below -0.6."""
    rest = 2 - math.exp(-BEND)
    line = math.log(rest) + math.exp(-BEND) / rest * (reward.clamp(max=BEND) - BEND)
    return torch.log(2 - torch.exp(-reward.clamp(min=BEND))) + line - math.log(rest)


def gain_of(reward: Float[Tensor, "*n"], divergence: str) -> Float[Tensor, "*n"]:
    """What a reward of the data is worth: a concave function for each divergence."""
    if divergence == "chi2":
        return reward - reward.square() / 4
    return jensen_shannon(reward) if divergence == "jensen-shannon" else reward


@loss(
    task="sequence",
    paper="sequencematch",
    aliases=("sequence_match_loss", "SequenceMatchLoss"),
    traits=Traits(convex=False, bounded=False, shift_invariant=False, differentiable=True),
    ranges={
        "discount": DISCOUNT,
        "divergence": Choice(("chi2-mixture", "chi2", "jensen-shannon")),
        "mixture_weight": PENALTY,
        "data_share": SHARE,
    },
    cost=Cost(time="n c t", memory="n c t"),
    ignore_index=-100,
)
def sequence_match(
    logits: Float[Tensor, "n c t"],
    target: Int[Tensor, "n t"],
    *,
    is_data: Bool[Tensor, "n"] | None = None,
    finished: Bool[Tensor, "n"] | None = None,
    discount: float = 0.998,
    divergence: str = "chi2-mixture",
    mixture_weight: float = 0.5,
    data_share: float = 0.5,
    mask: Bool[Tensor, "n t"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Divergence between the discounted visits of data and model, on sequences that either of them has written.

    Place i holds the state s_i, the text so far, and the action a_i taken there: a token, or to take one back. A
    sequence with N actions ends in s_N. With V_i = logsumexp(logits_i), g the discount, r_i = logits_i[a_i] - g V_{i+1}
    and, once it has ended, one action for ever, so that r = (1 - g) V_N there:

    .. math:: \ell = V_0 - \frac{d}{s} \sum_{i \ge 0} g^i \phi(r_i) + c \sum_{i \ge 0} g^i r_i^2

    with d = 1 for data and 0 for the model's own sequences, s the data_share, and the infinite tails summed exactly,
    with weight g^N / (1 - g). By divergence: "chi2-mixture", data against the mixture of data and model, has
    \phi(r) = r and c = mixture_weight; "chi2" has \phi(r) = r - r^2 / 4 and c = 0; "jensen-shannon" has
    \phi(r) = log(2 - e^{-r}), continued by its tangent below r = -0.6, and c = 0.

    A constant added to all logits of a state changes no probability, but changes this loss: a model from maximum
    likelihood has arbitrary ones, and first learns them. With many tokens r^2 starts near (log c)^2; a mixture_weight
    of 0.01 keeps it small. The best policy is that of the data as g goes to 1; for less it leans towards even, by about
    1 - g. The mean is over sequences, never over tokens, as the divergence wants it.

    Args:
        logits: (n, c, t) of a causal model, as ``logits.transpose(1, 2)``.
        target: (n, t) the action at each place, ``ignore_index`` before the first and after the last. The last column
            holds no action, only the state after one: labels as ``torch.cat([ids[:, 1:], ignored], 1)``.
        is_data: (n,) True for data, False for what the model wrote; None where all is data, and then s = 1.
        finished: (n,) False for sequences that were cut off: they have no tail, and g^N V_N is taken from V_0. None
            where all have ended.
        discount: g, in (0, 1).
        divergence: "chi2-mixture", "chi2" or "jensen-shannon".
        mixture_weight: c; 1/2 is the divergence itself.
        data_share: s, the share of data among all sequences that are averaged.
        mask: (n,) or (n, t); False leaves out an action. The actions that count stand together.

    Returns:
        (n,) values of either sign; 0 for a sequence without actions, which leaves the mean.

    Raises:
        InputError: labels outside 0..c-1, a discount outside (0, 1), an unknown divergence, a data_share of 0.

    Example:
        >>> logits = torch.zeros(1, 2, 2)  # one action, then the end: V = log 2 in both states
        >>> perdita.functional.sequence_match(logits, torch.tensor([[0, -100]]), discount=0.5).item()
        0.81326...

    Source:
        Cundy and Ermon, "SequenceMatch", ICLR 2024, arXiv 2306.05426. A reconstruction: no official code is known, and
        the function of "chi2" and the discount are quoted from reviews. Sums over sequences with their tails follow
        from the definitions, c = 1/2 from the variational form of the divergence; Jensen-Shannon's function is the
        integral of the weight in Garg et al., "IQ-Learn", NeurIPS 2021, arXiv 2106.12142.
    """
    within = torch.arange(target.shape[1], device=target.device) < target.shape[1] - 1
    counted = within.expand(target.shape)
    if mask is not None:
        counted = counted & mask.reshape(mask.shape + (1,) * (2 - mask.ndim))
    reached = counted | counted.roll(1, 1)  # states before or after an action; the last column never counts
    logits = torch.where(reached.unsqueeze(1), logits, 0.0)
    value = logits.logsumexp(1)  # (n, t)
    after = value.roll(-1, 1)
    reward = pick(logits, target) - discount * after

    order, length = counted.cumsum(1) - 1, counted.sum(1)
    faded = torch.where(counted, discount ** order.to(value.dtype), 0.0)
    left = discount ** length.to(value.dtype)
    start = torch.where(counted & (order == 0), value, 0.0).sum(1)
    end = torch.where(counted & (order == length.unsqueeze(1) - 1), after, 0.0).sum(1)
    ended = length > 0 if finished is None else finished & (length > 0)
    tail, last = torch.where(ended, left / (1 - discount), 0.0), (1 - discount) * end

    gain = (faded * gain_of(reward, divergence)).sum(1) + tail * gain_of(last, divergence)
    values = start - torch.where(ended, 0.0, left * end)
    values = values - (gain if is_data is None else torch.where(is_data, gain / data_share, 0.0))
    if divergence == "chi2-mixture":
        values = values + mixture_weight * ((faded * reward.square()).sum(1) + tail * last.square())
    return values, length > 0


def weight_of(reward: Float[Tensor, "*n"], divergence: str) -> Float[Tensor, "*n"]:
    """How strongly a reward of the data pulls: the derivative of its worth."""
    if divergence == "jensen-shannon":
        return 1 / (2 * reward.exp() - 1)
    if divergence == "hellinger":
        return 1 / (1 + reward).square()
    shift = 1.0 if divergence == "reverse-kl" else 0.0
    return torch.exp((-reward - shift).clamp(max=STEEP))


@loss(
    task="value",
    paper="sequencematch",
    aliases=("iq_learn", "iq_loss", "iq_transition_loss"),
    traits=Traits(convex=True, bounded=False, shift_invariant=False, differentiable=True),
    ranges={
        "discount": DISCOUNT,
        "divergence": Choice(("chi2-mixture", "chi2", "reverse-kl", "kl-fixed", "jensen-shannon", "hellinger")),
        "penalty_weight": PENALTY,
        "value_term": Choice(("all", "data")),
        "data_share": SHARE,
    },
)
def inverse_soft_q(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    next_logits: Float[Tensor, "n c"],
    *,
    done: Bool[Tensor, "n"] | None = None,
    is_data: Bool[Tensor, "n"] | None = None,
    discount: float = 0.99,
    divergence: str = "chi2-mixture",
    penalty_weight: float = 0.5,
    value_term: str = "all",
    data_share: float = 0.5,
) -> Float[Tensor, "n"]:
    r"""Imitation from single transitions: the same divergence as `sequence_match`, without sums over sequences.

    With V = logsumexp(logits), V' that of next_logits and 0 where done, g the discount and r = logits[a] - g V':

    .. math:: \ell = -\frac{d}{s}\, w(r)\, r + v\,(V - g V') + c\, r^2

    with d = 1 for data and 0 otherwise and s the data_share. w gets no gradient, so that only the gradient is that of
    the divergence, not the value: 1 for "chi2-mixture" and "chi2", e^{-r-1} for "reverse-kl", e^{-r} for "kl-fixed",
    e^{-r} / (2 - e^{-r}) for "jensen-shannon", 1 / (1 + r)^2 for "hellinger". v is 1, or d / s where the value_term is
    of data alone. c is the penalty_weight for "chi2-mixture", times d / s for "chi2", and 0 for the others.

    The end of a sequence has no value here, other than in `sequence_match`, where it lasts for ever.

    Args:
        logits: (n, c) of the state.
        target: (n,) the action a.
        next_logits: (n, c) of the state after it.
        done: (n,) True where no state follows; None where one always does.
        is_data: (n,) True for data; None where all is data, and then s = 1.
        discount: g, in (0, 1).
        divergence: one of the six above; exponents are cut off at 20.
        penalty_weight: c; 1 / (4 alpha) of the source.
        value_term: "all" or "data".
        data_share: s, the share of data among all transitions that are averaged.

    Returns:
        (n,) values of either sign.

    Raises:
        InputError: labels outside 0..c-1, a discount outside (0, 1), an unknown divergence or value_term.

    Example:
        >>> logits = torch.zeros(1, 2)  # V = V' = log 2, r = -log 2 / 2
        >>> perdita.functional.inverse_soft_q(logits, torch.tensor([0]), logits, discount=0.5).item()
        0.75320...

    Source:
        Garg et al., "IQ-Learn", NeurIPS 2021, arXiv 2106.12142, which Cundy and Ermon, "SequenceMatch", ICLR 2024,
        arXiv 2306.05426, carry over to text; the weights are those of IQ-Learn's released code.
    """
    data = torch.ones_like(target, dtype=torch.bool) if is_data is None else is_data
    share = data.to(logits.dtype) / (1.0 if is_data is None else data_share)
    coming = next_logits.logsumexp(1)
    coming = discount * (coming if done is None else torch.where(done, 0.0, coming))
    reward = pick(logits, target) - coming
    weight = 1.0 if divergence.startswith("chi2") else weight_of(reward.detach(), divergence)
    values = (logits.logsumexp(1) - coming) * (share if value_term == "data" else 1.0) - share * weight * reward
    if divergence == "chi2-mixture":
        return values + penalty_weight * reward.square()
    return values + penalty_weight * share * reward.square() if divergence == "chi2" else values
