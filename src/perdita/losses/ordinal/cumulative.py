"""Ordered classes as a row of yes-or-no questions: is the label above threshold k?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import InputError, Traits, component, loss
from perdita.core.apply import may_look
from perdita.losses.known_slopes import Form, values_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def check_levels(target: Int[Tensor, "n *d"], classes: int) -> None:
    """Raise `InputError` for a label above the last class, where values may be read."""
    if target.numel() and may_look({"target": target}) and (top := int(target.max())) >= classes:
        raise InputError(f"target must hold class indices from 0 to {classes - 1}, but holds {top}")


def above(target: Int[Tensor, "n *d"], like: Float[Tensor, "n k *d"], offset: int = 0) -> Float[Tensor, "n k *d"]:
    """1 where the label is above threshold k - offset, else 0, for every threshold k."""
    thresholds = torch.arange(like.shape[1], device=like.device, dtype=like.dtype) - offset
    # clamped differences of whole numbers: a comparison and its conversion take several times as long
    return (target.to(like.dtype).unsqueeze(1) - thresholds.view(1, -1, *[1] * (like.ndim - 2))).clamp(0, 1)


def passed_share(
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"], like: Float[Tensor, "n k *d"]
) -> Float[Tensor, "n k *d"]:
    """P(label > k) for every threshold k: 0 or 1 for a class, what is left of the distribution for a soft target."""
    if target.is_floating_point():
        if target.shape[1] != like.shape[1] + 1:
            raise InputError(
                f"target must have {like.shape[1] + 1} probabilities for the {like.shape[1]} thresholds of logits, "
                f"not {target.shape[1]}"
            )
        return target.flip(1).cumsum(1).flip(1).narrow(1, 1, like.shape[1]).to(like.dtype)
    check_levels(target, like.shape[1] + 1)
    return above(target, like)


def _answers(target: Tensor, logits: Tensor) -> tuple[Tensor, Tensor]:
    """1 where a threshold is asked for, and 1 there if the answer is no, -1 if it is yes; 0 elsewhere."""
    asked = above(target, logits, 1)
    return asked, torch.sub(asked, above(target, logits), alpha=2)


def _plain(logits: Tensor, target: Tensor) -> Tensor:
    asked, signs = _answers(target, logits)
    return (asked * F.softplus(signs * logits)).sum(1)


def _values(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    asked, signs = _answers(target, logits)
    signed = signs * logits
    return F.softplus(signed).mul_(asked).sum(1), signed, signs


def _slope(upstream: Tensor, logits: Tensor, target: Tensor, signed: Tensor, signs: Tensor) -> Tensor:
    return signed.sigmoid_().mul_(signs).mul_(upstream.unsqueeze(1))


QUESTIONS = Form(_plain, _values, _slope)  # of CORN


@component("ordinal-rasch")
def ordinal_softmax(logits: Float[Tensor, "n k *d"], *, ordered: bool = False) -> Float[Tensor, "n c *d"]:
    """Class probabilities of cumulative logits: differences of P(y > k) = sigmoid(logits).

    Args:
        logits: (n, k, *d) one logit for each of the k = c - 1 thresholds.
        ordered: True refuses logits that rise from one threshold to the next, for which a probability is negative.
            They fall in training's optimum alone.

    Returns:
        (n, k + 1, *d) numbers that sum to one over dimension 1.

    Raises:
        InputError: with ``ordered``, logits that rise.
    """
    if ordered and bool((rising := logits.diff(dim=1) > 0).any()):
        index = rising.nonzero()[0].tolist()
        raise InputError(f"logits must not rise along dimension 1; they do after logits{index}")
    survival = torch.sigmoid(logits)
    ends = survival.narrow(1, 0, 1)
    return torch.cat([torch.ones_like(ends), survival], 1) - torch.cat([survival, torch.zeros_like(ends)], 1)


@component("ordinal-rasch")
def predicted_rank(logits: Float[Tensor, "n k *d"]) -> Int[Tensor, "n *d"]:
    """(n, *d) the number of thresholds that are more likely passed than not: the class that cumulative logits name."""
    return (logits > 0).sum(1)


@component("ordinal-rasch")
def conditional_survival(logits: Float[Tensor, "n k *d"]) -> Float[Tensor, "n k *d"]:
    """(n, k, *d) P(y > k) of the conditional logits of `corn`: products of P(y > k | y > k - 1), which never rise."""
    return F.logsigmoid(logits).cumsum(1).exp()


@loss(
    task="ordinal",
    paper="ordinal-rasch",
    aliases=("coral", "coral_loss"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    domains={"importance_weight": "nonnegative"},
    ignore_index=-100,
    link="cumulative sigmoid",
)  # fmt: skip
def ordinal_cross_entropy(
    logits: Float[Tensor, "n k *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    importance_weight: Float[Tensor, "k"] | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Binary cross-entropy of every threshold's question, whether the label is above it.

    With k = c - 1 thresholds between c ordered classes and w the importance_weight, or 1:

    .. math:: \ell = \sum_{j=0}^{k-1} w_j \left[\log(1 + e^{z_j}) - z_j\, 1[y > j]\right]

    For a soft target P(y > j) takes the place of 1[y > j], which is the expected loss of a class drawn from it.

    The terms are summed over the thresholds, not averaged. A head with one slope for all thresholds (`CoralHead`) has
    logits that fall from threshold to threshold at its optimum, so that the answers do not contradict each other;
    `ordinal_softmax` makes class probabilities of them and `predicted_rank` the class. One threshold is binary
    cross-entropy.

    Args:
        logits: (n, k, *d) one logit z for each threshold.
        target: (n, *d) classes y from 0 to k, or (n, k + 1, *d) probabilities.
        importance_weight: (k,) weight of each threshold.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..k, soft targets of another number of classes or that do not sum to one, negative
            weights.

    Example:
        >>> logits = torch.tensor([[2.0, 0.5, -1.0]])
        >>> perdita.functional.ordinal_cross_entropy(logits, torch.tensor([1])).item()
        1.41426...

    Source:
        Kennedy et al., 2020, arXiv 2009.10277, whose ordinal heads are those of Cao, Mirjalili, Raschka, "Rank
        Consistent Ordinal Regression for Neural Networks with Application to Age Estimation", Pattern Recognition
        Letters 2020, arXiv 1901.07884, equation 4; as in the code of both.
    """
    passed = passed_share(target, logits)
    terms = F.binary_cross_entropy_with_logits(logits, passed, reduction="none")
    if importance_weight is not None:
        terms = terms * importance_weight.view(1, -1, *[1] * (logits.ndim - 2))
    return terms.sum(1)


@loss(
    task="ordinal",
    aliases=("corn_loss",),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    ignore_index=-100,
    link="conditional sigmoid",
)  # fmt: skip
def corn(
    logits: Float[Tensor, "n k *d"], target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"]
) -> Float[Tensor, "n *d"]:
    r"""Binary cross-entropy of the thresholds that an item reaches: whether it passes each, given that it came so far.

    With k = c - 1 thresholds between c ordered classes and sigmoid(z_j) = P(y > j given y > j - 1):

    .. math:: \ell = \sum_{j=0}^{\min(y,\, k-1)} \left[\log(1 + e^{z_j}) - z_j\, 1[y > j]\right]

    which is the negative log-likelihood of y, and for a soft target the expected one. `conditional_survival` gives
    P(y > j), which never rises, whatever the head. The mean divides by the number of questions that were asked,
    min(y, k - 1) + 1 for each item, as the authors' code does; a port of it to another framework divides by the number
    of classes instead.

    Args:
        logits: (n, k, *d) one conditional logit z for each threshold.
        target: (n, *d) classes y from 0 to k, or (n, k + 1, *d) probabilities.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..k, soft targets of another number of classes or that do not sum to one.

    Example:
        >>> logits = torch.tensor([[2.0, 0.5, -1.0]])
        >>> perdita.functional.corn(logits, torch.tensor([1]), reduction="sum").item()
        1.10100...

    Source:
        Shi, Cao, Raschka, "Deep Neural Networks for Rank-Consistent Ordinal Regression Based on Conditional
        Probabilities", Pattern Analysis and Applications 2023, arXiv 2111.08851, equation 9.
    """
    if not target.is_floating_point():
        check_levels(target, logits.shape[1] + 1)
        count = target.to(logits.dtype).clamp_max(logits.shape[1] - 1) + 1
        return values_of(QUESTIONS, logits, target, by_hand=logits.is_cpu), count
    passed = passed_share(target, logits)
    asked = torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], 1)
    share = passed / asked.where(asked > 0, 1.0)  # P(y > j given y > j - 1)
    terms = F.binary_cross_entropy_with_logits(logits, share, weight=asked, reduction="none")
    return terms.sum(1), asked.sum(1)
