"""Pairs of a preferred and a rejected response, by how far the policy has moved from a reference between them.

All of them see one number, the log-ratio margin

    h = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

BETA = Range(0, open="low", search=(0.01, 1.0), log=True)
PAIR = Cost(time="n", memory="n", passes=2)
FLIPPED = Range(0, 0.5, open="high", search=(0.0, 0.3))


def log_ratio_margin(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
) -> Float[Tensor, "n"]:
    """h, by differences of policy and reference first: they are small where the log-probabilities are large."""
    return (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)


def smoothed_logistic(margin: Float[Tensor, "n"], label_smoothing: float) -> Float[Tensor, "n"]:
    """-(1 - s) log sigmoid(m) - s log sigmoid(-m)."""
    values = F.softplus(-margin)  # = -logsigmoid(m); and -logsigmoid(-m) = -logsigmoid(m) + m
    return values if label_smoothing == 0 else values + label_smoothing * margin


@loss(
    task="preference",
    aliases=("direct_preference", "conservative_dpo", "DPOLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"beta": BETA, "label_smoothing": FLIPPED},
    cost=PAIR,
)
def dpo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n"]:
    r"""Direct preference optimisation: logistic loss of the log-ratio margin.

    With h = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected):

    .. math:: \ell = -(1 - \text{label\_smoothing}) \log \sigma(\text{beta}\, h)
        - \text{label\_smoothing} \log \sigma(-\text{beta}\, h)

    label_smoothing is the share of pairs believed to be labelled the wrong way round (conservative DPO); h then has a
    finite best value, log((1 - s) / s) / beta. For an unbiased correction see `robust_dpo`.

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses under the model that is trained, each summed
            over its tokens (`sequence_log_probability`); averages give length-normalised DPO, with a larger beta.
        policy_rejected: (n,) the same of the rejected responses.
        reference_chosen: (n,) of the preferred responses under the frozen reference.
        reference_rejected: (n,) of the rejected responses under the frozen reference.
        beta: inverse temperature, above 0; small lets the policy move far.
        label_smoothing: in [0, 0.5).

    Returns:
        (n,) non-negative values; log 2 where policy and reference agree.

    Raises:
        InputError: beta <= 0, label_smoothing outside [0, 0.5), shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([[-10.0], [-14.0]]), torch.tensor([[-12.0], [-12.0]])
        >>> perdita.functional.dpo(*policy, *reference, beta=0.5).item()
        0.12692...

    Source:
        Rafailov, Sharma, Mitchell, Ermon, Manning, Finn, "Direct Preference Optimization", NeurIPS 2023,
        arXiv 2305.18290, equation 7. Label smoothing: Mitchell, "A note on DPO with noisy preferences and relationship
        to IPO", 2023.
    """
    margin = log_ratio_margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return smoothed_logistic(beta * margin, label_smoothing)


@loss(
    task="preference",
    aliases=("rdpo",),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True),
    ranges={"beta": BETA, "flip_rate": FLIPPED},
    cost=PAIR,
)
def robust_dpo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
    *,
    beta: float = 0.1,
    flip_rate: float = 0.1,
) -> Float[Tensor, "n"]:
    r"""DPO whose mean over randomly flipped preferences is DPO's mean over the true ones.

    With h as in `dpo` and e = flip_rate:

    .. math:: \ell = \frac{-(1 - e) \log \sigma(\text{beta}\, h) + e \log \sigma(-\text{beta}\, h)}{1 - 2 e}

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses under the model that is trained.
        policy_rejected: (n,) the same of the rejected responses.
        reference_chosen: (n,) of the preferred responses under the frozen reference.
        reference_rejected: (n,) of the rejected responses under the frozen reference.
        beta: inverse temperature, above 0.
        flip_rate: probability that a pair is labelled the wrong way round, in [0, 0.5); 0 is `dpo`.

    Returns:
        (n,) values of either sign.

    Raises:
        InputError: beta <= 0, flip_rate outside [0, 0.5), shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([[-10.0], [-14.0]]), torch.tensor([[-12.0], [-12.0]])
        >>> perdita.functional.robust_dpo(*policy, *reference, beta=0.5, flip_rate=0.25).item()
        -0.87307...

    Source:
        Chowdhury, Kini, Natarajan, "Provably Robust DPO: Aligning Language Models with Noisy Feedback", ICML 2024,
        arXiv 2403.00409.
    """
    margin = beta * log_ratio_margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return F.softplus(-margin) - flip_rate / (1 - 2 * flip_rate) * margin


@loss(
    task="preference",
    aliases=("identity_preference",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=True),
    ranges={"beta": BETA},
    cost=PAIR,
)
def ipo(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "n"]:
    r"""Identity preference optimisation: squared distance of the log-ratio margin from a fixed target.

    With h as in `dpo`:

    .. math:: \ell = \left( h - \frac{1}{2\, \text{beta}} \right)^2

    Unlike the logistic loss it asks for no infinite margin where every annotator agrees. With summed log-probabilities
    long responses reach the target with little change for each token; many trainers therefore pass averages.

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses under the model that is trained.
        policy_rejected: (n,) the same of the rejected responses.
        reference_chosen: (n,) of the preferred responses under the frozen reference.
        reference_rejected: (n,) of the rejected responses under the frozen reference.
        beta: strength of the regularisation, above 0; the paper's tau.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: beta <= 0, shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([[-10.0], [-14.0]]), torch.tensor([[-12.0], [-12.0]])
        >>> perdita.functional.ipo(*policy, *reference, beta=0.5).item()
        9.0

    Source:
        Azar, Rowland, Piot, Guo, Calandriello, Valko, Munos, "A General Theoretical Paradigm to Understand Learning
        from Human Preferences", AISTATS 2024, arXiv 2310.12036, equation 17.
    """
    margin = log_ratio_margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return (margin - 1 / (2 * beta)).square()


@loss(
    task="preference",
    aliases=("slic", "rso_hinge"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False),
    ranges={"beta": BETA, "margin": Range(0, open="low", search=(0.1, 10.0), log=True)},
    cost=PAIR,
)
def slic_hinge(
    policy_chosen: Float[Tensor, "n"],
    policy_rejected: Float[Tensor, "n"],
    reference_chosen: Float[Tensor, "n"],
    reference_rejected: Float[Tensor, "n"],
    *,
    beta: float = 0.1,
    margin: float = 1.0,
) -> Float[Tensor, "n"]:
    r"""Sequence likelihood calibration: hinge loss of the log-ratio margin.

    With h as in `dpo`:

    .. math:: \ell = \max(0, \text{margin} - \text{beta}\, h)

    Without a reference (zeros in its place), beta = 1 and a margin of their own it is the ranking term of SLiC-HF.

    Args:
        policy_chosen: (n,) log-probabilities of the preferred responses under the model that is trained.
        policy_rejected: (n,) the same of the rejected responses.
        reference_chosen: (n,) of the preferred responses under the frozen reference.
        reference_rejected: (n,) of the rejected responses under the frozen reference.
        beta: inverse temperature, above 0.
        margin: the lead that costs nothing, above 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: beta <= 0, margin <= 0, shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([[-10.0], [-14.0]]), torch.tensor([[-12.0], [-12.0]])
        >>> perdita.functional.slic_hinge(*policy, *reference, beta=0.125).item()
        0.5

    Source:
        Zhao et al., "SLiC-HF: Sequence Likelihood Calibration with Human Feedback", 2023, arXiv 2305.10425; with a
        reference: Liu et al., "Statistical Rejection Sampling Improves Preference Optimization", ICLR 2024,
        arXiv 2309.06657.
    """
    lead = beta * log_ratio_margin(policy_chosen, policy_rejected, reference_chosen, reference_rejected)
    return torch.relu(margin - lead)
