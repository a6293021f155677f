"""Rewards instead of targets: each token that a model has drawn is made more or less probable by its advantage."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

STEEP = 20.0  # exponentials go on as straight lines from here, so that none overflows
NO_GRADIENT = "by design no gradient reaches"


def tame_exp(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """exp(x), and its tangent at 20 from there on."""
    return torch.exp(x.clamp(max=STEEP)) + math.exp(STEEP) * (x - STEEP).clamp(min=0)


def group_advantages(rewards: Float[Tensor, "n k"], *, scale: bool = True, floor: float = 1e-4) -> Float[Tensor, "n k"]:
    """The rewards of k answers to each of n questions, centred on their question's mean and divided by its deviation.

    Args:
        rewards: (n, k)
        scale: False leaves the deviation out, which otherwise makes easy and hard questions weigh more.
        floor: added to the deviation.
    """
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + floor) if scale else centred


@loss(
    task="sequence",
    aliases=("policy_gradient", "score_function"),
    traits=Traits(convex=False, bounded=False, nonnegative=False, shift_invariant=True, scale_invariant=False),
    ignore_index=-100,
    limits={"gradcheck": f"{NO_GRADIENT} the advantage", "gradgradcheck": f"{NO_GRADIENT} the advantage"},
)
def reinforce(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], advantage: Float[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    r"""Minus the log-probability of each drawn token, times its advantage of either sign.

    With p = softmax(logits) and A the advantage, which gets no gradient:

    .. math:: \ell = -A \log p_y

    Its gradient is that of minus the expected reward, if the tokens were drawn from p.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) the tokens y that were drawn.
        advantage: (n, *d) reward minus a baseline.

    Returns:
        (n, *d) values, of either sign.

    Raises:
        InputError: labels outside 0..c-1.

    Example:
        >>> logits = torch.zeros(1, 2)
        >>> perdita.functional.reinforce(logits, torch.tensor([0]), torch.tensor([-1.0])).item()
        -0.69314...

    Source:
        Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", Machine
        Learning 8, 1992.
    """
    return advantage.detach() * cross_entropy.per_example(logits, target)


@loss(
    task="sequence",
    aliases=("grpo_loss", "clipped_policy_gradient"),
    traits=Traits(nonnegative=False, shift_invariant=True),
    ranges={
        "clip_low": Range(0, 1, search=(0.1, 0.4)),
        "clip_high": Range(0, search=(0.1, 0.4)),
        "kl_weight": Range(0, search=(0.0, 0.1)),
    },
    domains={"old_log_prob": "log_probs", "reference_log_prob": "log_probs"},
    cost=Cost(passes=3),
    ignore_index=-100,
    limits={
        "gradcheck": f"{NO_GRADIENT} the advantage, nor the model's own log-probability in place of old_log_prob",
        "gradgradcheck": f"{NO_GRADIENT} the advantage, nor the model's own log-probability in place of old_log_prob",
    },
)
def grpo(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    advantage: Float[Tensor, "n *d"],
    *,
    old_log_prob: Float[Tensor, "n *d"] | None = None,
    reference_log_prob: Float[Tensor, "n *d"] | None = None,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    kl_weight: float = 0.04,
) -> Float[Tensor, "n *d"]:
    r"""The clipped policy loss of each drawn token, with a penalty for leaving a reference model.

    With p = softmax(logits), A the advantage, r = p_y / p^{old}_y and s = p^{ref}_y / p_y:

    .. math:: \ell = -\min\big(r A,\; \mathrm{clip}(r, 1 - \text{clip\_low}, 1 + \text{clip\_high})\, A\big)
              + \text{kl\_weight}\, (s - 1 - \log s)

    Without old_log_prob the tokens are the model's own: r is 1, with the gradient of `reinforce`. Without
    reference_log_prob there is no penalty. No gradient reaches either, nor the advantage; r and s beyond e^20 go on as
    straight lines. Advantages of a group of answers come from `group_advantages`.

    How tokens are averaged is the caller's choice: `aggregate_tokens` names the ways and gives ``weight`` and
    ``normalizer`` for each. Without them the mean is over all tokens; the paper's is over answers of their means.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) the tokens y that were drawn.
        advantage: (n, *d) reward minus a baseline, for each token.
        old_log_prob: (n, *d) log-probability of each token under the model that drew it.
        reference_log_prob: (n, *d) its log-probability under the reference model.
        clip_low: in [0, 1].
        clip_high: at least 0.
        kl_weight: at least 0.

    Returns:
        (n, *d) values, of either sign.

    Raises:
        InputError: labels outside 0..c-1, log-probabilities above 0, a clip or kl_weight outside its range.

    Example:
        >>> logits, token, gain = torch.zeros(1, 2), torch.tensor([0]), torch.tensor([1.0])
        >>> old = torch.tensor([0.25]).log()  # the ratio is 2, clipped to 1.2
        >>> perdita.functional.grpo(logits, token, gain, old_log_prob=old).item()
        -1.20000...

    Source:
        Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300, equations 3 and 4; the clip is that of Schulman et al.,
        "Proximal Policy Optimization", 2017, arXiv 1707.06347. Separate clips: Yu et al., "DAPO", 2025,
        arXiv 2503.14476.
    """
    log_prob = -cross_entropy.per_example(logits, target)
    old = (log_prob if old_log_prob is None else old_log_prob).detach()
    ratio = tame_exp(log_prob - old)
    gain = advantage.detach()
    values = -torch.minimum(ratio * gain, ratio.clamp(1 - clip_low, 1 + clip_high) * gain)
    if reference_log_prob is None or kl_weight == 0:
        return values
    apart = reference_log_prob.detach() - log_prob
    return values + kl_weight * (tame_exp(apart) - 1 - apart)
