"""Regression with a predicted variance: one that does not starve the mean, and one that doubts itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.distribution.likelihood import gaussian_nll

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_HELD = "the power of the variance is a factor of the gradient, held constant in it as the method demands"


@loss(
    task="distribution",
    aliases=("beta_gaussian_nll",),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True),
    ranges={"beta": Range(0, 1), "eps": Range(0, open="low")},
    domains={"variance": "nonnegative"},
    cost=Cost(time="n", memory="n"),
    limits={"gradcheck": _HELD, "gradgradcheck": _HELD},
)
def beta_nll(
    mean: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    variance: Float[Tensor, "n *d"],
    *,
    beta: float = 0.5,
    eps: float = 1e-6,
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of normal distributions, weighted by a power of their own variance.

    With sg(·) held constant in the gradient:

    .. math:: \ell = \mathrm{sg}(v^{\text{beta}}) \cdot \tfrac12 \left( \log v + \frac{(t - \text{mean})^2}{v} \right),
        \qquad v = \max(\text{variance}, \text{eps})

    At beta = 0 it is `gaussian_nll`, whose gradient to the mean dies where the variance is large; at beta = 1 that
    gradient is the one of the squared error.

    Args:
        mean: (n, *d) predicted means.
        target: (n, *d) targets t.
        variance: (n, *d) predicted variances.
        beta: power of the variance, in [0, 1].
        eps: smallest variance.

    Returns:
        (n, *d) values; they rank no models, since their unit is not nats.

    Raises:
        InputError: a negative variance, a beta outside [0, 1], shapes that differ.

    Example:
        >>> mean, target, variance = torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([4.0])
        >>> perdita.functional.beta_nll(mean, target, variance).item()
        2.38629...

    Source:
        Seitzer, Tavakoli, Antic, Martius, "On the Pitfalls of Heteroscedastic Uncertainty Estimation with Probabilistic
        Neural Networks", ICLR 2022, arXiv 2203.09168, equation 6.
    """
    factor = variance.detach().clamp_min(eps) ** beta
    return factor * gaussian_nll.per_example(mean, target, variance, eps=eps)


@loss(
    task="distribution",
    aliases=("evidential_regression", "deep_evidential_regression"),
    traits=Traits(bounded=False),
    ranges={"penalty": Range(0, search=(1e-3, 1.0), log=True)},
    domains={"evidence": "positive", "shape": "positive", "rate": "positive"},
    cost=Cost(time="n", memory="n"),
)
def evidential(
    mean: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    evidence: Float[Tensor, "n *d"],
    shape: Float[Tensor, "n *d"],
    rate: Float[Tensor, "n *d"],
    *,
    penalty: float = 0.01,
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of a normal distribution whose mean and variance are themselves uncertain.

    With a normal inverse-gamma prior (mean, evidence v, shape a, rate b) and w = 2 b (1 + v):

    .. math:: \ell = \tfrac12 \log \frac{\pi}{v} - a \log w + (a + \tfrac12) \log(v\,(t - \text{mean})^2 + w)
        + \log \frac{\Gamma(a)}{\Gamma(a + \frac12)} + \text{penalty}\,|t - \text{mean}|\,(2 v + a)

    Warning: the likelihood is a Student distribution, which different (v, b) share, so that only the penalty decides
    how much doubt is called lack of knowledge. Do not read it as a calibrated measure of what the model does not know.

    Args:
        mean: (n, *d) predicted means.
        target: (n, *d) targets t.
        evidence: (n, *d) v > 0: how many items the mean is worth.
        shape: (n, *d) a > 0; the expected variance b / (a - 1) needs a > 1.
        rate: (n, *d) b > 0.
        penalty: weight of errors made with much evidence, at least 0.

    Returns:
        (n, *d) values of either sign, in nats but for the penalty.

    Raises:
        InputError: evidence, shape or rate that is not positive, a negative penalty, shapes that differ.

    Example:
        >>> one = torch.tensor([1.0])
        >>> perdita.functional.evidential(one, one, one, one, one).item()
        1.38629...

    Source:
        Amini, Schwarting, Soleimany, Rus, "Deep Evidential Regression", NeurIPS 2020, arXiv 1910.02600, equations 8 and
        9; the warning is that of Meinert, Gawlikowski, Lavin, "The Unreasonable Effectiveness of Deep Evidential
        Regression", AAAI 2023, arXiv 2205.10060.
    """
    error = target - mean
    width = 2 * rate * (1 + evidence)
    student = (shape + 0.5) * (evidence * error.square() + width).log() - shape * width.log()
    constant = 0.5 * (math.pi / evidence).log() + torch.lgamma(shape) - torch.lgamma(shape + 0.5)
    return student + constant + penalty * error.abs() * (2 * evidence + shape)
