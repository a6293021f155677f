"""Single responses, each known to be desirable or not, by how far the policy has moved from a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Range, Traits, loss
from perdita.losses.preference.direct import BETA, PAIR

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="preference",
    aliases=("kahneman_tversky",),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=True),
    ranges={
        "beta": BETA,
        "desirable_weight": Range(0, search=(0.5, 2.0), log=True),
        "undesirable_weight": Range(0, search=(0.5, 2.0), log=True),
    },
    domains={"desirable": "binary", "reference_point": "nonnegative"},
    cost=PAIR,
)
def kto(
    policy: Float[Tensor, "n"],
    reference: Float[Tensor, "n"],
    desirable: Float[Tensor, "n"] | Int[Tensor, "n"] | Bool[Tensor, "n"],
    *,
    reference_point: Float[Tensor, ""] | None = None,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Float[Tensor, "n"]:
    r"""Kahneman-Tversky optimisation: what a gain or a loss over a reference point is worth.

    With r = policy - reference and z = reference_point:

    .. math:: \ell = \text{desirable\_weight} \left( 1 - \sigma(\text{beta}\,(r - z)) \right)
        \text{ where desirable}, \qquad
        \text{undesirable\_weight} \left( 1 - \sigma(\text{beta}\,(z - r)) \right) \text{ elsewhere}

    Args:
        policy: (n,) log-probabilities of the responses under the model that is trained, summed over their tokens.
        reference: (n,) the same under the frozen reference.
        desirable: (n,) 1 (or True) for a response that is wanted, 0 for one that is not.
        reference_point: () an estimate of the divergence of policy from reference, without a gradient:
            `kto_reference_point`, over all ranks. 0 unless given.
        beta: inverse temperature, above 0.
        desirable_weight: weight of desirable responses, at least 0. The paper keeps (desirable_weight times their
            number) : (undesirable_weight times the others') between 1 and 4/3.
        undesirable_weight: weight of the others, at least 0.

    Returns:
        (n,) values from 0 to the weight.

    Raises:
        InputError: labels other than 0 and 1, a negative reference_point or weight, beta <= 0, shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([-10.0, -10.0]), torch.tensor([-12.0, -12.0])
        >>> perdita.functional.kto(policy, reference, torch.tensor([1, 0]), beta=0.5, reduction="none").tolist()
        [0.26894..., 0.73105...]

    Source:
        Ethayarajh, Xu, Muennighoff, Jurafsky, Kiela, "KTO: Model Alignment as Prospect Theoretic Optimization",
        ICML 2024, arXiv 2402.01306, equation 8.
    """
    wanted = desirable > 0
    origin = 0.0 if reference_point is None else reference_point
    gain = beta * (policy - reference - origin)
    missed = torch.sigmoid(torch.where(wanted, -gain, gain))
    return torch.where(wanted, desirable_weight * missed, undesirable_weight * missed)


def kto_reference_point(
    policy_mismatched: Float[Tensor, "m"], reference_mismatched: Float[Tensor, "m"]
) -> Float[Tensor, ""]:
    """KTO's reference point: the mean log-ratio of responses put to other prompts, at least 0, without a gradient.

    Args:
        policy_mismatched: (m,) log-probabilities under the policy of responses that belong to other prompts of the
            batch; at least two, gathered over all ranks.
        reference_mismatched: (m,) the same under the reference.
    """
    return (policy_mismatched - reference_mismatched).detach().mean().clamp(min=0.0)


@loss(
    task="preference",
    aliases=("binary_classifier_optimization",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"beta": BETA},
    domains={"desirable": "binary"},
    cost=PAIR,
)
def bco(
    policy: Float[Tensor, "n"],
    reference: Float[Tensor, "n"],
    desirable: Float[Tensor, "n"] | Int[Tensor, "n"] | Bool[Tensor, "n"],
    *,
    reward_shift: Float[Tensor, ""] | None = None,
    beta: float = 0.1,
) -> Float[Tensor, "n"]:
    r"""Binary classifier optimisation: a classifier of responses whose logit is the shifted implicit reward.

    With r = beta (policy - reference) and d = reward_shift:

    .. math:: \ell = -\log \sigma(r - d) \text{ where desirable}, \qquad -\log \sigma(d - r) \text{ elsewhere}

    The paper weights undesirable responses by how much their prompts look like those of desirable ones, as a
    classifier of prompts says: that is ``weight``.

    Args:
        policy: (n,) log-probabilities of the responses under the model that is trained, summed over their tokens.
        reference: (n,) the same under the frozen reference.
        desirable: (n,) 1 (or True) for a response that is wanted, 0 for one that is not.
        reward_shift: () the middle between the mean rewards of both kinds, without a gradient: `bco_reward_shift`,
            averaged over the batches so far. 0 unless given.
        beta: inverse temperature, above 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels other than 0 and 1, beta <= 0, shapes that differ.

    Example:
        >>> policy, reference = torch.tensor([-10.0, -10.0]), torch.tensor([-12.0, -12.0])
        >>> perdita.functional.bco(policy, reference, torch.tensor([1, 0]), beta=0.5, reduction="none").tolist()
        [0.31326..., 1.31326...]

    Source:
        Jung, Han, Nam, On, "Binary Classifier Optimization for Large Language Model Alignment", ACL 2025,
        arXiv 2404.04656.
    """
    shift = 0.0 if reward_shift is None else reward_shift
    reward = beta * (policy - reference) - shift
    return F.softplus(torch.where(desirable > 0, -reward, reward))


def bco_reward_shift(
    policy: Float[Tensor, "n"],
    reference: Float[Tensor, "n"],
    desirable: Float[Tensor, "n"] | Int[Tensor, "n"] | Bool[Tensor, "n"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, ""]:
    """BCO's shift on one batch: half the sum of the mean rewards of both kinds, without a gradient.

    Args:
        policy, reference: (n,) as in `bco`.
        desirable: (n,) as in `bco`; a kind that is absent has mean 0.
        beta: as in `bco`.
    """
    reward, wanted = beta * (policy - reference).detach(), desirable > 0
    means = [torch.where(kind, reward, 0.0).sum() / kind.sum().clamp(min=1) for kind in (wanted, ~wanted)]
    return (means[0] + means[1]) / 2
