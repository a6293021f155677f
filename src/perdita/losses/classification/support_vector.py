"""Hinge losses on scores of their own: what each falls short of the margin on its side of zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Traits, loss
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, expected, is_spread, weighted

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

POWER = Choice((1, 2))


@loss(
    task="multiclass",
    paper="gru-svm",
    aliases=("l2_svm", "squared_hinge", "multiclass_hinge"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"power": POWER, "label_smoothing": LABEL_SMOOTHING},
    domains={"class_weight": "nonnegative"},
    ignore_index=-100,
)  # fmt: skip
def one_versus_all_hinge(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    power: int = 2,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""The loss of one support vector machine for each class, summed over classes.

    With t_k = 1 for the target's class and -1 for every other:

    .. math:: \ell = \sum_k \max(0, 1 - t_k z_k)^{\text{power}}

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        power: 2 for the smooth squared hinge (L2-SVM), 1 for the hinge (L1-SVM).
        class_weight: (c,) weight of each class; the mean divides by the sum of w[target].
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1],
            another power.

    Example:
        >>> logits = torch.tensor([[0.5, -2.0, 0.0]])
        >>> perdita.functional.one_versus_all_hinge(logits, torch.tensor([0])).item()
        1.25

    Source:
        Agarap, ICMLC 2018, arXiv 1709.03082; Tang, "Deep Learning using Linear Support Vector Machines", 2013,
        arXiv 1306.0239. There the loss is summed over the batch, times C, beside half the squared norm of the last
        layer's weight: `perdita.nn.support_vector.SupportVectorHead`.
    """
    if is_spread(target, label_smoothing):
        other = _lack(logits, power)
        every = other.sum(1, keepdim=True) - other + _lack(-logits, power)  # the loss of each class as the label
        return expected(every, target, label_smoothing, class_weight)
    index = target.long().unsqueeze(1)
    wrong = logits.scatter(1, index, -logits.gather(1, index))  # (n, c, *d): -t z
    return weighted(_lack(wrong, power).sum(1), target, class_weight)


@loss(
    task="binary",
    paper="gru-svm",
    aliases=("hinge", "binary_squared_hinge"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    ranges={"power": POWER},
    domains={"target": "sign"},
    cost=Cost(time="n", memory="n"),
)
def binary_hinge(
    logits: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"], *, power: int = 2
) -> Float[Tensor, "n *d"]:
    r"""The loss of a support vector machine: what each score falls short of a margin of 1 on its label's side.

    .. math:: \ell = \max(0, 1 - t z)^{\text{power}}

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) labels t, -1 or 1.
        power: 2 for the smooth squared hinge, 1 for the hinge.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a target other than -1 or 1, another power.

    Example:
        >>> scores, target = torch.tensor([0.5, 0.5]), torch.tensor([1, -1])
        >>> perdita.functional.binary_hinge(scores, target, reduction="none")
        tensor([0.2500, 2.2500])

    Source:
        Cortes, Vapnik, "Support-Vector Networks", Machine Learning 20, 1995; the single-score form of
        `one_versus_all_hinge`, which with two classes holds two such scores.
    """
    return _lack(-target * logits, power)


def _lack(wrong: Float[Tensor, "*n"], power: int) -> Float[Tensor, "*n"]:
    lack = torch.relu(1 + wrong)
    return lack if power == 1 else lack.square()
