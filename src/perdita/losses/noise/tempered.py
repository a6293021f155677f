"""Logistic loss with two temperatures: one bounds what a wrong label costs, one gives the softmax heavy tails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, is_spread

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

STEPS = 4  # of Newton's method; with two more it stands still in float64, for up to a million classes


def newton_step(
    shift: Float[Tensor, "n 1 *d"], logits: Float[Tensor, "n c *d"], temperature: float
) -> Float[Tensor, "n 1 *d"]:
    """One step towards the shift at which the tempered exponentials of logits - shift sum to one.

    It solves mass ** (1 - temperature) = 1, whose left side is a power mean and so nearly straight in the shift.
    """
    power = temperature - 1
    base = torch.sub(1 + power * shift, logits, alpha=power)
    each = base.pow(-1 / power)  # the tempered exponentials; over their base they are the next power
    mass = each.sum(1, keepdim=True)
    slope = power * mass.pow(-temperature) * (each / base).sum(1, keepdim=True)
    return shift + (1 - mass.pow(-power)) / slope


def tempered_log_softmax(logits: Float[Tensor, "n c *d"], temperature: float) -> Float[Tensor, "n c *d"]:
    """The logarithm of exp_t(z - shift), exp_t(x) = (1 + (1 - t) x) ** (1 / (1 - t)), whose shift makes the sum one.

    The search for the shift carries no gradient; two last steps from where it ends carry those of both orders.
    """
    if temperature == 1:
        return logits.log_softmax(1)
    logits = logits - logits.detach().amax(1, keepdim=True)
    still = logits.detach()
    shift = torch.zeros_like(still[:, :1])
    for _ in range(STEPS):
        shift = newton_step(shift, still, temperature)
    for _ in range(2):
        shift = newton_step(shift, logits, temperature)
    return -torch.log1p((temperature - 1) * (shift - logits)) / (temperature - 1)


def tempered_log(log_x: Float[Tensor, "*n"], order: float) -> Float[Tensor, "*n"]:
    """(x^order - 1) / order from the logarithm of x, which it is itself at order 0."""
    return log_x if order == 0 else torch.expm1(order * log_x) / order


@loss(
    task="multiclass",
    aliases=("bi_tempered_logistic_loss",),
    traits=Traits(
        classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={
        "boundedness": Range(0, 1, search=(0.2, 1.0)),
        "tail": Range(1, 4, search=(1.0, 2.0)),
        "label_smoothing": LABEL_SMOOTHING,
    },
    cost=Cost(passes=22),
    ignore_index=-100,
)  # fmt: skip
def bi_tempered(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    boundedness: float = 0.8,
    tail: float = 1.4,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""A bounded logistic loss of a heavy-tailed softmax.

    With s and t the boundedness and the tail, \log_s x = (x^{1-s} - 1) / (1 - s), and p the tempered softmax
    p_k = (1 + (t - 1)(\lambda - z_k))^{-1/(t-1)} whose \lambda makes it sum to one, and q the target as a distribution:

    .. math:: \ell = \sum_k q_k (\log_s q_k - \log_s p_k) - \frac{\sum_k (q_k^{2-s} - p_k^{2-s})}{2 - s}

    a Bregman divergence, 0 where p is q, which for a class index y is -\log_s p_y - (1 - \sum_k p_k^{2-s}) / (2 - s).

    A boundedness below 1 keeps every value below 1 / (1 - s), so that outliers pull little; a tail above 1 lets labels
    wrong near the boundary cost less. Both at 1 are cross-entropy.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities q.
        boundedness: in [0, 1]; the paper's first temperature.
        tail: in [1, 4]; the paper's second temperature, without its range below 1.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            temperature outside its range.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.bi_tempered(logits, torch.tensor([0])).item()
        0.29025...

    Source:
        Amid, Warmuth, Anil, Koren, "Robust Bi-Tempered Logistic Loss Based on Bregman Divergences", NeurIPS 2019,
        arXiv 1906.03361, equations 4 to 6. The paper takes five steps of a slower iteration.
    """
    log_probs = tempered_log_softmax(logits, tail)
    order = 1 - boundedness
    if is_spread(target, label_smoothing):
        truth = as_distribution(target, logits, label_smoothing)
        itself = tempered_log(truth.clamp_min(torch.finfo(truth.dtype).tiny).log(), order)
        own = (truth * (itself - tempered_log(log_probs, order))).sum(1)
        most = truth.pow(1 + order).sum(1)
    else:
        own, most = -tempered_log(pick(log_probs, target), order), 1.0
    return own - (most - torch.exp((1 + order) * log_probs).sum(1)) / (1 + order)
