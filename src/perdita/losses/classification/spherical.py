"""Spherical losses: of all scores they see the target's, the sum and the sum of squares, and nothing else.

For such a loss a linear output layer can be trained by exact gradient descent at a cost that does not grow with the
number of classes: `perdita.nn.factored_output`. Each loss is here twice, from the scores and, with ``_from_sums``, from
the target's score a, the sum s and the sum of squares q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, expected, is_spread

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

TINY = 1e-12  # a variance up to this one is that of scores which are all alike
ROUNDING = 16  # units in the last place by which the mean of equal scores may miss them
SHARPNESS = Range(0, open="low", search=(0.05, 2.0), log=True)
THRESHOLD = Range(search=(0.0, 30.0))


def z_loss_from_sums(
    score: Float[Tensor, "n"],
    total: Float[Tensor, "n"],
    square: Float[Tensor, "n"],
    *,
    classes: int,
    sharpness: float = 1.0,
    threshold: float = 0.0,
) -> Float[Tensor, "n"]:
    """`z_loss` from a, s and q. The variance q/c - (s/c)^2 cancels where the mean is far from 0: use float64."""
    mean = total / classes
    variance = square / classes - mean.square()
    flat = variance <= TINY + ROUNDING * torch.finfo(mean.dtype).eps * mean.square()
    standard = torch.where(flat, 0.0, (score - mean) * torch.where(flat, 1.0, variance).rsqrt())
    return F.softplus(threshold - standard, beta=sharpness)


def taylor_softmax_from_sums(
    score: Float[Tensor, "n"], total: Float[Tensor, "n"], square: Float[Tensor, "n"], *, classes: int
) -> Float[Tensor, "n"]:
    """`taylor_softmax` from a, s and q."""
    return (classes + total + square / 2).log() - (1 + score + score.square() / 2).log()


def spherical_softmax_from_sums(
    score: Float[Tensor, "n"],
    total: Float[Tensor, "n"],
    square: Float[Tensor, "n"],
    *,
    classes: int,
    epsilon: float = 1e-2,
) -> Float[Tensor, "n"]:
    """`spherical_softmax` from a and q; the sum has no part in it."""
    return (square + classes * epsilon).log() - (score.square() + epsilon).log()


def one_hot_square_from_sums(
    score: Float[Tensor, "n"], total: Float[Tensor, "n"], square: Float[Tensor, "n"], *, classes: int
) -> Float[Tensor, "n"]:
    """`one_hot_square` from a and q; the sum has no part in it."""
    return square - 2 * score + 1


@loss(
    task="multiclass",
    paper="z-loss",
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=True,
    ),
    ranges={"sharpness": SHARPNESS, "threshold": THRESHOLD, "label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def z_loss(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    sharpness: float = 1.0,
    threshold: float = 0.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""A softplus of how far the target's score, standardised over the classes, falls short of a threshold.

    With the mean \mu and the standard deviation \sigma (divided by c) of an item's scores:

    .. math:: \ell = \frac{1}{\text{sharpness}} \log\big(1 + e^{\text{sharpness}\,(\text{threshold} - \zeta)}\big),
        \qquad \zeta = \frac{z_y - \mu}{\sigma}

    A shift or a positive factor of the scores changes nothing, so weights may grow without effect and the learning rate
    decays by itself. ζ lies within ± sqrt(c - 1); scores that are all alike have ζ = 0 and no gradient. It has nothing
    to do with the penalty (log Z)^2 on a softmax's normaliser, which is called z-loss too.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        sharpness: the paper's a, above 0; how abruptly a ζ above the threshold stops to count.
        threshold: the paper's b; a high one asks for the very first rank, a low one for the first few.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            sharpness that is not above 0.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.z_loss(logits, torch.tensor([0])).item()
        0.21762...

    Source:
        de Brébisson, Vincent, "The Z-loss: a shift and scale invariant classification loss belonging to the Spherical
        Family", 2016, arXiv 1604.08859, section 3; the formula is from a summary of it and from the authors' code,
        which sums over the batch and adds 1e-12 to the deviation.
    """
    mean = logits.mean(1, keepdim=True)
    centred = logits - mean
    variance = centred.square().mean(1)
    flat = variance <= TINY + (ROUNDING * torch.finfo(mean.dtype).eps * mean.squeeze(1)).square()
    inverse = torch.where(flat, 1.0, variance).rsqrt()

    def value(own: Tensor, flat: Tensor, inverse: Tensor) -> Tensor:
        standard = torch.where(flat, 0.0, own * inverse)
        return F.softplus(threshold - standard, beta=sharpness)

    if is_spread(target, label_smoothing):
        return expected(value(centred, flat.unsqueeze(1), inverse.unsqueeze(1)), target, label_smoothing)
    return value(pick(centred, target), flat, inverse)


@loss(
    task="multiclass",
    paper="z-loss",
    aliases=("log_taylor_softmax",),
    traits=Traits(
        convex=False, nonnegative=True, symmetric=False, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
    link="taylor",
)  # fmt: skip
def taylor_softmax(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of probabilities that grow with the second-order Taylor polynomial of exp.

    .. math:: \ell = -\log \frac{1 + z_y + z_y^2 / 2}{\sum_k (1 + z_k + z_k^2 / 2)}

    The polynomial is at least 1/2 and smallest at z = -1, so a very negative score counts as much as a positive one.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.taylor_softmax(logits, torch.tensor([0])).item()
        0.33647...

    Source:
        de Brébisson, Vincent, "An Exploration of Softmax Alternatives Belonging to the Spherical Loss Family",
        ICLR 2016, arXiv 1511.05042, section 2; compared in arXiv 1604.08859.
    """
    odds = 1 + logits + logits.square() / 2
    if is_spread(target, label_smoothing):
        return odds.sum(1).log() - expected(odds.log(), target, label_smoothing)
    return odds.sum(1).log() - pick(odds, target).log()


@loss(
    task="multiclass",
    paper="z-loss",
    aliases=("log_spherical_softmax",),
    traits=Traits(
        convex=False, nonnegative=True, symmetric=False, shift_invariant=False, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"epsilon": Range(0, open="low", search=(1e-4, 1.0), log=True), "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
    link="spherical",
)  # fmt: skip
def spherical_softmax(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    epsilon: float = 1e-2,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of probabilities that grow with the squared score.

    .. math:: \ell = -\log \frac{z_y^2 + \text{epsilon}}{\sum_k (z_k^2 + \text{epsilon})}

    The sign of a score has no part in it: the class is the one with the largest square.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        epsilon: keeps the logarithm finite, above 0.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], an
            epsilon that is not above 0.

    Example:
        >>> logits = torch.tensor([[2.0, 1.0, 0.0]])
        >>> perdita.functional.spherical_softmax(logits, torch.tensor([0])).item()
        0.22662...

    Source:
        de Brébisson, Vincent, "An Exploration of Softmax Alternatives Belonging to the Spherical Loss Family",
        ICLR 2016, arXiv 1511.05042, section 2; the value of epsilon is not theirs.
    """
    odds = logits.square() + epsilon
    if is_spread(target, label_smoothing):
        return odds.sum(1).log() - expected(odds.log(), target, label_smoothing)
    return odds.sum(1).log() - pick(odds, target).log()


@loss(
    task="multiclass",
    paper="z-loss",
    aliases=("spherical_mse",),
    traits=Traits(
        classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True, constant_hessian=True,
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def one_hot_square(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Squared distance between the scores and the target as a distribution.

    .. math:: \ell = \sum_k (z_k - t_k)^2 = q - 2 \sum_k t_k z_k + \sum_k t_k^2, \qquad q = \sum_k z_k^2

    Its minimiser is the class probabilities themselves, not their logarithms.

    Args:
        logits: (n, c, *d) scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> perdita.functional.one_hot_square(torch.tensor([[2.0, 1.0]]), torch.tensor([0])).item()
        2.0

    Source:
        The first spherical loss: Vincent, de Brébisson, Bouthillier, "Efficient Exact Gradient Update for training Deep
        Networks with Very Large Sparse Targets", NIPS 2015, arXiv 1412.7091.
    """
    if is_spread(target, label_smoothing):
        return (logits - as_distribution(target, logits, label_smoothing)).square().sum(1)
    own = pick(logits, target)
    return logits.square().sum(1) - own.square() + (own - 1).square()
