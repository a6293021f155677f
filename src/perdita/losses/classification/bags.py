"""Losses for bags of items of which only the mean response is known: at the bag's level, its members', or between.

With l a pointwise loss, f_i the predictions of the k members of a bag and y its mean response:

    bag level: l(y, mean f_i)      instance level: mean l(y, f_i)

The first is without bias but noisy, the second pulls all members to the mean. Each function here is
(1 - instance_weight) times the first plus instance_weight times the second; for convex l the second is never smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    Values = Float[Tensor, "n"] | tuple[Float[Tensor, "n"], Bool[Tensor, "n"]]

INSTANCE_WEIGHT = Range(0, 1, search=(0.0, 1.0))


def membership(
    members: Bool[Tensor, "n k"] | None, like: Float[Tensor, "n k"]
) -> tuple[Bool[Tensor, "n k"], Float[Tensor, "n 1"]]:
    """Which places hold a member, and the size of each bag, at least 1."""
    present = torch.ones_like(like, dtype=torch.bool) if members is None else members.bool()
    return present, present.sum(1, keepdim=True).clamp_min(1).to(like.dtype)


def interpolate(
    bag: Float[Tensor, "n"], instance: Float[Tensor, "n"], instance_weight: float, members: Bool[Tensor, "n k"] | None
) -> Values:
    """Between the two levels; where members are named, bags without any are 0 and leave the mean."""
    values = (1 - instance_weight) * bag + instance_weight * instance
    if members is None:
        return values
    some = members.bool().any(1)
    return torch.where(some, values, 0.0), some


@loss(
    task="regression",
    paper="aggregate-responses",
    aliases=("bag_mse", "interpolated_bag_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, shift_invariant=False, differentiable=True),
    ranges={"instance_weight": INSTANCE_WEIGHT},
    cost=Cost(time="n k", memory="n k"),
)
def bag_squared_error(
    predictions: Float[Tensor, "n k"],
    bag_target: Float[Tensor, "n"],
    *,
    instance_weight: float = 0.0,
    members: Bool[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Squared error of a bag's mean prediction, plus a share of the variance of the predictions within the bag.

    With f the predictions of a bag's k members, \bar f their mean and y the bag's mean response:

    .. math:: \ell = (1 - w) (y - \bar f)^2 + w\, \frac{1}{k} \sum_i (y - f_i)^2
              = (y - \bar f)^2 + w\, \frac{1}{k} \sum_i (f_i - \bar f)^2

    where w is instance_weight: 0 is the bag's level, 1 that of the instances. w shrinks what tells members of a bag
    apart: in linear regression on random bags of centred independent features, by 1 / (1 + w (k - 1)). It is no weight
    decay. Choose it by the bag-level loss of held-out bags. Bags count alike; pass their sizes as weight to let members
    count alike. Keep bags whole when you draw batches.

    Args:
        predictions: (n, k) of n bags with up to k members.
        bag_target: (n,) mean response of each bag.
        instance_weight: in [0, 1]; the paper's rho.
        members: (n, k); False where there is no member. `stack_bags` makes it. A bag without members leaves the mean.

    Returns:
        (n,) non-negative values, one for each bag.

    Raises:
        InputError: an instance_weight outside [0, 1].

    Example:
        >>> predictions = torch.tensor([[1.0, 3.0]])
        >>> perdita.functional.bag_squared_error(predictions, torch.tensor([2.0]), instance_weight=0.5).item()
        0.5

    Source:
        Javanmard et al., "Learning from Aggregate responses: Instance Level versus Bag Level Loss Functions",
        ICLR 2024, arXiv 2401.11081, equations 1 and 2 and their interpolation. The paper's lemma 1 prints a penalty
        that is 2 m k times too large (m bags); the interpolation of the two losses, as here, is what it analyses.
    """
    present, size = membership(members, predictions)
    known = torch.where(present, predictions, 0.0)
    mean = known.sum(1, keepdim=True) / size
    spread = torch.where(present, known - mean, 0.0).square().sum(1) / size.squeeze(1)
    bag = (bag_target - mean.squeeze(1)).square()
    return interpolate(bag, bag + spread, instance_weight, members)  # type: ignore[return-value]


@loss(
    task="binary",
    paper="aggregate-responses",
    aliases=("bag_bce",),
    traits=Traits(convex=False, bounded=False, nonnegative=True, shift_invariant=False, differentiable=True),
    ranges={"instance_weight": INSTANCE_WEIGHT},
    domains={"bag_target": "unit"},
    cost=Cost(time="n k", memory="n k"),
)
def bag_binary_cross_entropy(
    logits: Float[Tensor, "n k"],
    bag_target: Float[Tensor, "n"],
    *,
    instance_weight: float = 0.0,
    members: Bool[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Binary cross-entropy of a bag's mean probability, or of each member's, against the bag's share of positives.

    With p = sigmoid(logits), \bar p its mean over a bag's k members, y the share of positives, and
    h(y, p) = -y \log p - (1 - y) \log(1 - p):

    .. math:: \ell = (1 - w)\, h(y, \bar p) + w\, \frac{1}{k} \sum_i h(y, p_i)

    where w is instance_weight. Probabilities are averaged, not logits.

    Args:
        logits: (n, k) unnormalised scores of n bags with up to k members.
        bag_target: (n,) share of positives in each bag, in [0, 1].
        instance_weight: in [0, 1]; the paper's rho.
        members: (n, k); False where there is no member.

    Returns:
        (n,) non-negative values, one for each bag, in nats.

    Raises:
        InputError: a share outside [0, 1], an instance_weight outside [0, 1].

    Example:
        >>> logits = torch.tensor([[20.0, -20.0]])
        >>> perdita.functional.bag_binary_cross_entropy(logits, torch.tensor([0.5])).item()
        0.69314...

    Source:
        Javanmard et al., ICLR 2024, arXiv 2401.11081, for the logistic loss.
    """
    present, size = membership(members, logits)
    known = torch.where(present, logits, 0.0)
    positive, negative = F.logsigmoid(known), F.logsigmoid(-known)  # log p, log(1 - p)

    def mean_of(log_probs: Tensor) -> Tensor:  # the logarithm of the mean probability
        return log_probs.masked_fill(~present, most_negative(logits.dtype)).logsumexp(1) - size.squeeze(1).log()

    bag = -bag_target * mean_of(positive) - (1 - bag_target) * mean_of(negative)
    share = bag_target.unsqueeze(1)
    each = torch.where(present, -share * positive - (1 - share) * negative, 0.0)
    return interpolate(bag, each.sum(1) / size.squeeze(1), instance_weight, members)  # type: ignore[return-value]


@loss(
    task="multiclass",
    paper="aggregate-responses",
    aliases=("label_proportions", "llp"),
    traits=Traits(convex=False, bounded=False, nonnegative=True, shift_invariant=True, differentiable=True),
    ranges={"instance_weight": INSTANCE_WEIGHT},
    domains={"bag_target": "simplex"},
    cost=Cost(time="n c k", memory="n c k"),
)
def bag_cross_entropy(
    logits: Float[Tensor, "n c k"],
    bag_target: Float[Tensor, "n c"],
    *,
    instance_weight: float = 0.0,
    members: Bool[Tensor, "n k"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of a bag's mean class probabilities, or of each member's, against the bag's label proportions.

    With p = softmax(logits) over dimension 1, \bar p its mean over a bag's k members, and y the proportions:

    .. math:: \ell = -(1 - w) \sum_j y_j \log \bar p_j - w\, \frac{1}{k} \sum_i \sum_j y_j \log p_{ij}

    where w is instance_weight.

    Args:
        logits: (n, c, k) unnormalised scores of n bags with up to k members.
        bag_target: (n, c) proportions of the classes in each bag.
        instance_weight: in [0, 1]; the paper's rho.
        members: (n, k); False where there is no member.

    Returns:
        (n,) non-negative values, one for each bag, in nats.

    Raises:
        InputError: proportions that do not sum to one, an instance_weight outside [0, 1].

    Example:
        >>> logits = torch.tensor([[[20.0, -20.0], [-20.0, 20.0]]])  # two members, each sure of another class
        >>> perdita.functional.bag_cross_entropy(logits, torch.tensor([[0.5, 0.5]])).item()
        0.69314...

    Source:
        Javanmard et al., ICLR 2024, arXiv 2401.11081, with the cross-entropy as pointwise loss.
    """
    present, size = membership(members, logits[:, 0])
    log_probs = torch.where(present.unsqueeze(1), logits, 0.0).log_softmax(1)
    apart = log_probs.masked_fill(~present.unsqueeze(1), most_negative(logits.dtype))
    bag = -(bag_target * (apart.logsumexp(2) - size.log())).sum(1)
    each = torch.where(present, -(bag_target.unsqueeze(2) * log_probs).sum(1), 0.0)
    return interpolate(bag, each.sum(1) / size.squeeze(1), instance_weight, members)  # type: ignore[return-value]
