"""Losses whose probabilities have one peak over the ordered classes, by a penalty or by construction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.ordinal.cumulative import check_levels, passed_share

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="ordinal",
    aliases=("co2", "unimodal"),
    traits=Traits(
        convex=False, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False,
    ),
    ranges={
        "penalty": Range(0, search=(0.01, 10.0), log=True),
        "margin": Range(0, 1, search=(0.0, 0.2)),
    },
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def unimodal_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    penalty: float = 1.0,
    margin: float = 0.05,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus a penalty wherever the probabilities do not fall away from the label on both sides.

    With p = softmax(logits) over c ordered classes and y the label, with s_k = 1 for k >= y and -1 below:

    .. math:: \ell = -\log p_y + \text{penalty} \sum_{k=0}^{c-2}
        \max\left(0,\, \text{margin} + s_k\,(p_{k+1} - p_k)\right)

    For a soft target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) classes y, or (n, c, *d) probabilities.
        penalty: weight of the unimodality, at least 0. The default is this library's; the authors search it.
        margin: by how much neighbours must differ to be free of penalty, in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a negative penalty, a margin
            outside [0, 1].

    Example:
        >>> logits = torch.tensor([[0.0, 2.0, 0.0]])
        >>> perdita.functional.unimodal_cross_entropy(logits, torch.tensor([0]), penalty=1.0).item()
        2.97002...

    Source:
        Albuquerque, Cruz, Cardoso, "Ordinal Losses for Classification of Cervical Cancer Risk", PeerJ Computer Science
        2021, the loss CO2.
    """
    rise = logits.softmax(1).diff(dim=1)  # (n, c - 1, *d)
    passed = passed_share(target, rise)
    if target.is_floating_point():
        wrong_way = passed * F.relu(margin - rise) + (1 - passed) * F.relu(margin + rise)
    else:
        wrong_way = F.relu(margin + (1 - 2 * passed) * rise)
    return cross_entropy.per_example(logits, target) + penalty * wrong_way.sum(1)


@loss(
    task="ordinal",
    aliases=("binomial_unimodal",),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    ranges={"classes": Range(2, search=(3, 10), integer=True)},
    cost=Cost(time="n", memory="n", passes=3),
    ignore_index=-100,
    link="binomial",
)  # fmt: skip
def binomial_cross_entropy(
    logits: Float[Tensor, "n *d"], target: Int[Tensor, "n *d"], *, classes: int
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of a binomial distribution over the ordered classes, which one logit describes.

    With m = classes - 1 and p = sigmoid(logits), the classes 0..m have binomial probabilities, with one peak:

    .. math:: \ell = -\log \binom{m}{y} - y \log p - (m - y) \log(1 - p)

    Args:
        logits: (n, *d) one score for each item; the expected class is m p.
        target: (n, *d) classes y.
        classes: number of classes, at least 2; with 2 it is binary cross-entropy.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..classes-1, fewer than two classes.

    Example:
        >>> perdita.functional.binomial_cross_entropy(torch.tensor([0.0]), torch.tensor([1]), classes=3).item()
        0.69314...

    Source:
        Beckham, Pal, "Unimodal Probability Distributions for Deep Ordinal Classification", ICML 2017, arXiv 1705.05278,
        section 3.2, without its temperature.
    """
    check_levels(target, classes)
    passed = target.to(logits.dtype)
    rest = classes - 1 - passed
    ways = math.lgamma(classes) - torch.lgamma(passed + 1) - torch.lgamma(rest + 1)
    return passed * F.softplus(-logits) + rest * F.softplus(logits) - ways
