"""Pairs of a preferred and a rejected response without a reference model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Range, Traits, loss
from perdita.losses.preference.direct import FLIPPED, PAIR, smoothed_logistic

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@loss(
    task="preference",
    aliases=("simple_preference",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={
        "beta": Range(0, open="low", search=(0.5, 10.0), log=True),
        "margin": Range(0, search=(0.0, 3.0)),
        "label_smoothing": FLIPPED,
    },
    cost=PAIR,
)
def simpo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    *,
    beta: float = 2.0,
    margin: float = 1.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    r"""Simple preference optimisation: logistic loss of the difference of average log-probabilities, with a margin.

    With m = beta (policy_chosen - policy_rejected) - margin:

    .. math:: \ell = -(1 - \text{label\_smoothing}) \log \sigma(m) - \text{label\_smoothing} \log \sigma(-m)

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses, each AVERAGED over its tokens
            (`sequence_log_probability` with average=True); sums would reward length.
        policy_rejected: (n,) the same of the rejected responses.
        beta: inverse temperature, above 0; the paper takes 2 to 10.
        margin: the paper's gamma, at least 0; it takes 0.2 to 0.5 of beta.
        label_smoothing: in [0, 0.5); the paper has 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: beta <= 0, a negative margin, label_smoothing outside [0, 0.5), shapes that differ.

    Example:
        >>> perdita.functional.simpo(torch.tensor([-1.0]), torch.tensor([-2.5]), beta=2.0, margin=1.0).item()
        0.12692...

    Source:
        Meng, Xia, Chen, "SimPO: Simple Preference Optimization with a Reference-Free Reward", NeurIPS 2024,
        arXiv 2405.14734, equation 6.
    """
    return smoothed_logistic(beta * (policy_chosen - policy_rejected) - margin, label_smoothing)


@loss(
    task="preference",
    aliases=("odds_ratio_preference",),
    traits=Traits(bounded=False, nonnegative=True, differentiable=True),
    ranges={"ratio_weight": Range(0, search=(0.05, 2.0), log=True)},
    domains={"policy_chosen": "log_probs", "policy_rejected": "log_probs"},
    cost=PAIR,
)
def orpo(
    policy_chosen: Float[Tensor, "n"], policy_rejected: Float[Tensor, "n"], *, ratio_weight: float = 0.1
) -> Float[Tensor, "n"]:
    r"""Odds-ratio preference optimisation: likelihood of the preferred response, and its odds over the rejected one's.

    With p the geometric mean of a response's token probabilities, log p what comes in, and odds(p) = p / (1 - p):

    .. math:: \ell = -\log p_w - \text{ratio\_weight} \cdot
        \log \sigma\!\left( \log \frac{\mathrm{odds}(p_w)}{\mathrm{odds}(p_l)} \right)

    A log-probability nearer to 0 than one unit of rounding counts as that unit: the odds stay finite.

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses, each AVERAGED over its tokens
            (`sequence_log_probability` with average=True).
        policy_rejected: (n,) the same of the rejected responses.
        ratio_weight: the paper's lambda, at least 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a log-probability above 0, a negative ratio_weight, shapes that differ.

    Example:
        >>> chosen, rejected = torch.tensor([0.5]).log(), torch.tensor([0.2]).log()
        >>> perdita.functional.orpo(chosen, rejected, ratio_weight=1.0).item()
        0.91629...

    Source:
        Hong, Lee, Thorne, "ORPO: Monolithic Preference Optimization without Reference Model", EMNLP 2024,
        arXiv 2403.07691, equations 6 and 7.
    """
    return ratio_weight * F.softplus(log_odds(policy_rejected) - log_odds(policy_chosen)) - policy_chosen


def log_odds(log_p: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """log(p / (1 - p)) from log p, by expm1; below p = 1 by at least one unit of rounding."""
    below = log_p.clamp(max=-torch.finfo(log_p.dtype).eps)
    return below - (-torch.expm1(below)).log()


@loss(
    task="preference",
    aliases=("contrastive_preference",),
    traits=Traits(convex=True, bounded=False, differentiable=True),
    ranges={
        "beta": Range(0, open="low", search=(0.01, 1.0), log=True),
        "nll_weight": Range(0, search=(0.1, 3.0), log=True),
        "label_smoothing": FLIPPED,
    },
    cost=PAIR,
)
def cpo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    chosen_nll: Float[Tensor, "n"] | None = None,
    *,
    beta: float = 0.1,
    nll_weight: float = 1.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    r"""Contrastive preference optimisation: DPO against a uniform reference, plus the likelihood of what is preferred.

    With m = beta (policy_chosen - policy_rejected):

    .. math:: \ell = -(1 - \text{label\_smoothing}) \log \sigma(m) - \text{label\_smoothing} \log \sigma(-m)
        + \text{nll\_weight} \cdot \text{chosen\_nll}

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses, each summed over its tokens.
        policy_rejected: (n,) the same of the rejected responses.
        chosen_nll: (n,) negative log-likelihoods of the preferred responses; -policy_chosen unless given, as the paper
            writes it. Its code, and most trainers, take the mean over the tokens instead: give that one here.
        beta: inverse temperature, above 0.
        nll_weight: weight of the likelihood, at least 0; 0 leaves the preference alone.
        label_smoothing: in [0, 0.5); the paper has 0.

    Returns:
        (n,) values, not negative where the log-probabilities are not positive.

    Raises:
        InputError: beta <= 0, a negative nll_weight, label_smoothing outside [0, 0.5), shapes that differ.

    Example:
        >>> perdita.functional.cpo(torch.tensor([-10.0]), torch.tensor([-14.0]), beta=0.5, nll_weight=0.0).item()
        0.12692...

    Source:
        Xu, Sharaf, Chen, Tan, Shen, Van Durme, Murray, Kim, "Contrastive Preference Optimization", ICML 2024,
        arXiv 2401.08417, equations 4 and 5.
    """
    likelihood = -policy_chosen if chosen_nll is None else chosen_nll
    return smoothed_logistic(beta * (policy_chosen - policy_rejected), label_smoothing) + nll_weight * likelihood
