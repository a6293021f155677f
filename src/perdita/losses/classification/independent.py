"""Classes judged one by one: one against all others, and labels that are mostly absent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.focal import focal_of
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

FOCUS = Range(0, search=(0.0, 5.0))


@loss(
    task="multiclass",
    aliases=("ova", "one_vs_all"),
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def one_versus_all(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Binary cross-entropy of each class against all others, summed over classes.

    .. math:: \ell = \log(1 + e^{-z_y}) + \sum_{k \ne y} \log(1 + e^{z_k})

    The sigmoid of each logit is the probability of its class, and all may be small for an item of none.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> perdita.functional.one_versus_all(torch.zeros(1, 2), torch.tensor([0])).item()
        1.38629...

    Source:
        Rifkin, Klautau, "In Defense of One-Vs-All Classification", JMLR 5, 2004; for uncertainty: Padhy et al., 2020,
        arXiv 2007.05134.
    """
    if is_spread(target, label_smoothing):
        truth = as_distribution(target, logits, label_smoothing)
        return F.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(1)
    return F.softplus(put(logits, target, -pick(logits, target).unsqueeze(1))).sum(1)


@loss(
    task="binary",
    aliases=("asl", "asymmetric_loss"),
    traits=Traits(
        convex=False, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"gamma_positive": FOCUS, "gamma_negative": FOCUS, "shift": Range(0, 1, open="high", search=(0.0, 0.2))},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n", passes=4),
)  # fmt: skip
def asymmetric_focal(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    gamma_positive: float = 1.0,
    gamma_negative: float = 4.0,
    shift: float = 0.05,
) -> Float[Tensor, "n *d"]:
    r"""Binary focal loss with a focus of its own for each class, in which easy negatives count as nothing.

    With p = sigmoid(z) and q = max(p - shift, 0):

    .. math:: \ell = -(1 - p)^{\text{gamma\_positive}} \log p \ \text{ for class 1}, \qquad
              \ell = -q^{\text{gamma\_negative}} \log(1 - q) \ \text{ for class 0}

    Meant for many labels of which few are present. With both gammas alike and no shift it is `binary_focal`.

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) labels 0 or 1.
        gamma_positive: at least 0.
        gamma_negative: at least 0; larger than that of the positives.
        shift: in [0, 1); negatives with a smaller probability cost nothing.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a target other than 0 or 1, a negative gamma, a shift outside [0, 1).

    Example:
        >>> given = {"gamma_negative": 1.0, "shift": 0.25}
        >>> perdita.functional.asymmetric_focal(torch.tensor([0.0]), torch.tensor([0]), **given).item()
        0.07192...

    Source:
        Ben-Baruch et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021, arXiv 2009.14119, equations 3
        to 7. The authors' code lets no gradient through the focusing factor by default; here it flows, as in the paper.
    """
    positive = focal_of(logits, gamma_positive)
    excess = torch.sigmoid(logits) - shift
    counts = ~(excess <= 0)  # a NaN counts, so that it shows
    rest = F.logsigmoid(-logits)  # log(1 - p), and below log(1 - q)
    if shift > 0:
        rest = torch.logaddexp(rest, torch.full_like(rest, math.log(shift)))
    power = torch.where(counts, excess, 1.0).pow(gamma_negative)
    negative = torch.where(counts, -power * rest.clamp_max(0.0), 0.0)
    return torch.where(target > 0, positive, negative)
