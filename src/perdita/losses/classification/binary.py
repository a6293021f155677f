"""Binary decisions, one for each element or each label: logistic and hinge losses."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.reduction import reduce
from perdita.losses.known_slopes import Form, values_of, worth_it

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="binary",
    aliases=("bce", "bce_with_logits", "binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True, constant_hessian=False,
    ),
    domains={"target": "unit", "positive_weight": "nonnegative"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_cross_entropy(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    positive_weight: Float[Tensor, "*d"] | Float[Tensor, ""] | None = None,
    reduction: str = "none",
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy between the sigmoid of each logit and a target between 0 and 1.

    With q the positive_weight, or 1:

    .. math:: \ell = -q\, t \log \sigma(z) - (1 - t) \log(1 - \sigma(z))

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) probabilities t of the positive class, or labels 0 and 1.
        positive_weight: (*d), or one number; weight of the positive class. It does not enter the mean's denominator.

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: a target outside [0, 1], shapes that do not fit.

    Example:
        >>> perdita.functional.binary_cross_entropy(torch.tensor([2.0]), torch.tensor([1.0])).item()
        0.12692...

    Source:
        Equal to torch.nn.functional.binary_cross_entropy_with_logits, where positive_weight is called pos_weight.
    """
    target = target.to(logits.dtype)
    if positive_weight is None and worth_it(logits, target, reduction):
        return values_of(LOGISTIC, logits, target, reduction=reduction)
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=positive_weight, reduction=reduction)


def _logistic(z: Tensor, target: Tensor) -> tuple[Tensor]:
    """log(1 + e^z) - t z; beyond the threshold log(1 + e^z) is z in float64 too."""
    return (F.softplus(z, threshold=40).addcmul_(z, target, value=-1),)


def _logistic_slope(upstream: Tensor, z: Tensor, target: Tensor) -> Tensor:
    return torch.sigmoid(z).sub_(target).mul_(upstream)


LOGISTIC = Form(partial(F.binary_cross_entropy_with_logits, reduction="none"), _logistic, _logistic_slope)


@loss(
    task="binary",
    aliases=("bce_from_probs", "BCELoss"),
    traits=Traits(
        proper=True, classification_calibrated=True, nonnegative=True, symmetric=False, constant_hessian=False,
        minimizer="mean",
    ),
    domains={"probs": "unit", "target": "unit"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def binary_cross_entropy_from_probs(
    probs: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy between probabilities and targets between 0 and 1; with logits, take binary_cross_entropy.

    .. math:: \ell = -t \max(\log p, -100) - (1 - t) \max(\log(1 - p), -100)

    The gradient is (p - t) / max(p (1 - p), 1e-12), which stays finite where p is 0 or 1.

    Args:
        probs: (n, *d) probabilities p of the positive class.
        target: (n, *d) probabilities t of the positive class, or labels 0 and 1.

    Returns:
        (n, *d) values from 0 to 100, in nats.

    Raises:
        InputError: probs or target outside [0, 1], shapes that do not fit.

    Example:
        >>> perdita.functional.binary_cross_entropy_from_probs(torch.tensor([0.75]), torch.tensor([1.0])).item()
        0.28768...

    Source:
        Equal to torch.nn.functional.binary_cross_entropy.
    """
    target = target.to(probs.dtype)
    missing = probs.isnan() | target.isnan()  # PyTorch's kernel stops at a NaN, even where no check may look
    values = F.binary_cross_entropy(*(torch.where(missing, 0.5, x) for x in (probs, target)), reduction="none")
    return torch.where(missing, torch.nan, values)


@loss(
    task="binary",
    aliases=("soft_margin_loss", "SoftMarginLoss"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True, constant_hessian=False,
    ),
    domains={"target": "sign"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def soft_margin(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    reduction: str = "none",
) -> Float[Tensor, "n *d"]:
    r"""Logistic loss of the margin, for targets -1 and 1.

    .. math:: \ell = \log(1 + e^{-t z})

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) labels t, -1 or 1.

    Returns:
        (n, *d) non-negative values, in nats; finite for every finite score, where PyTorch overflows.

    Raises:
        InputError: a target other than -1 and 1, shapes that do not fit.

    Example:
        >>> perdita.functional.soft_margin(torch.tensor([2.0]), torch.tensor([-1.0])).item()
        2.12692...

    Source:
        Equal to torch.nn.functional.soft_margin_loss.
    """
    return -reduce(F.logsigmoid(target * logits), reduction=reduction)  # the sign of a sum is turned once


@loss(
    task="multilabel",
    aliases=("multilabel_soft_margin_loss", "MultiLabelSoftMarginLoss"),
    traits=Traits(
        proper=True, convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False,
        differentiable=True, constant_hessian=False,
    ),
    domains={"target": "unit", "class_weight": "nonnegative"},
)  # fmt: skip
def multilabel_soft_margin(
    logits: Float[Tensor, "n c"],
    target: Float[Tensor, "n c"] | Int[Tensor, "n c"],
    *,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Binary cross-entropy of every label, averaged over the labels of an item.

    .. math:: \ell = -\frac{1}{c} \sum_k w_k \left( t_k \log \sigma(z_k) + (1 - t_k) \log \sigma(-z_k) \right)

    Args:
        logits: (n, c) unnormalised scores z.
        target: (n, c) probabilities t that a label applies, or 0 and 1.
        class_weight: (c,) weight w of each label, 1 unless given; it does not enter the mean's denominator.

    Returns:
        (n,) non-negative values, in nats.

    Raises:
        InputError: a target outside [0, 1], shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[2.0, -2.0, 0.0]])
        >>> perdita.functional.multilabel_soft_margin(logits, torch.tensor([[1, 0, 1]])).item()
        0.31566...

    Source:
        Equal to torch.nn.functional.multilabel_soft_margin_loss, where class_weight is called weight.
    """
    values = -(target * F.logsigmoid(logits) + (1 - target) * F.logsigmoid(-logits))  # (n, c)
    return (values if class_weight is None else values * class_weight).mean(1)


@loss(
    task="embedding",
    aliases=("hinge_embedding_loss", "HingeEmbeddingLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=False),
    ranges={"margin": Range(search=(0.1, 10.0), log=True)},
    domains={"target": "sign"},
    cost=Cost(time="n", memory="n"),
)
def hinge_embedding(
    distance: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"], *, margin: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""The distance of a pair that belongs together; of a pair that does not, how much it lacks to the margin.

    .. math:: \ell = x \text{ where } t = 1, \qquad \max(0, \text{margin} - x) \text{ where } t = -1

    Args:
        distance: (n, *d) distance x of each pair; nothing is assumed of its sign.
        target: (n, *d) 1 for a pair that belongs together, -1 for one that does not.
        margin: the distance from which a pair with target -1 costs nothing.

    Returns:
        (n, *d) values; non-negative where the distance is.

    Raises:
        InputError: a target other than -1 and 1, shapes that do not fit.

    Example:
        >>> perdita.functional.hinge_embedding(torch.tensor([0.25, 0.25]), torch.tensor([1, -1]), reduction="none")
        tensor([0.2500, 0.7500])

    Source:
        Equal to torch.nn.functional.hinge_embedding_loss.
    """
    apart = torch.where(target == -1, (margin - distance).clamp_min(0.0), torch.nan)  # no target but -1 and 1 counts
    return torch.where(target == 1, distance, apart)
