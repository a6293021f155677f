"""Likelihoods of counts and of real numbers, and the divergence of one distribution from another."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.reduction import reduce
from perdita.losses.known_slopes import Form, values_of, worth_it

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")


@loss(
    task="distribution",
    aliases=("poisson_nll_loss", "PoissonNLLLoss"),
    traits=Traits(convex=True, bounded=False, differentiable=True, constant_hessian=False),
    ranges={"eps": Range(0)},
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": "the rate of a log-rate of 1e4, its exponential, is beyond float32"},
)
def poisson_nll(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "none",
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of counts under Poisson distributions, without the terms that the target alone decides.

    .. math:: \ell = e^x - t x \text{ if log\_input}, \qquad x - t \log(x + \text{eps}) \text{ if not}

    If full, :math:`t \log t - t + \tfrac12 \log(2 \pi t)` is added where t > 1 (Stirling's formula for log t!).

    Args:
        prediction: (n, *d) logarithm x of the rate, or the rate x itself; a logarithm beyond 88 overflows in float32.
        target: (n, *d) counts t.
        log_input: whether the prediction is a logarithm.
        full: whether to add the approximate log t!.
        eps: keeps the logarithm of a rate finite; unused with log_input.

    Returns:
        (n, *d) values, in nats.

    Raises:
        InputError: a negative target or eps, shapes that differ.

    Example:
        >>> perdita.functional.poisson_nll(torch.tensor([0.0]), torch.tensor([2.0])).item()
        1.0

    Source:
        Equal to torch.nn.functional.poisson_nll_loss.
    """
    if log_input and not full and worth_it(prediction, target, reduction):
        return values_of(POISSON, prediction, target, reduction=reduction)
    raised, logarithm = (prediction.exp(), prediction) if log_input else (prediction, (prediction + eps).log())
    values = torch.addcmul(raised, target, logarithm, value=-1)  # a pass less than a product and a difference
    if full:
        large = torch.where(target > 1, target, 2.0)  # a number above 1 where Stirling's formula is not used
        stirling = large * large.log() - large + 0.5 * (2 * math.pi * large).log()
        values = values + torch.where(target > 1, stirling, 0.0)
    return reduce(values, reduction=reduction)


def _counts(x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """e^x - t x, and the rates e^x."""
    rate = x.exp()
    return torch.addcmul(rate, target, x, value=-1), rate


def _count_slope(upstream: Tensor, x: Tensor, target: Tensor, rate: Tensor) -> Tensor:
    return torch.sub(rate, target).mul_(upstream)


POISSON = Form(lambda x, target: _counts(x, target)[0], _counts, _count_slope)


@loss(
    task="distribution",
    aliases=("gaussian_nll_loss", "GaussianNLLLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True),
    ranges={"eps": Range(0, open="low")},
    domains={"variance": "nonnegative"},
    cost=_ELEMENTWISE,
)
def gaussian_nll(
    mean: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    variance: Float[Tensor, "n *d"],
    *,
    full: bool = False,
    eps: float = 1e-6,
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of numbers under normal distributions whose mean and variance are predicted.

    .. math:: \ell = \tfrac12 \left( \log v + \frac{(t - \text{mean})^2}{v} \right), \qquad
        v = \max(\text{variance}, \text{eps})

    If full, :math:`\tfrac12 \log 2 \pi` is added. The gradient passes the maximum as if it were not there.

    Args:
        mean: (n, *d) predicted means.
        target: (n, *d) targets t.
        variance: (n, *d) predicted variances; expand one that several elements share.
        full: whether to add the constant.
        eps: smallest variance.

    Returns:
        (n, *d) values, in nats.

    Raises:
        InputError: a negative variance, an eps <= 0, shapes that differ.

    Example:
        >>> mean, target, variance = torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([4.0])
        >>> perdita.functional.gaussian_nll(mean, target, variance).item()
        1.19314...

    Source:
        Equal to torch.nn.functional.gaussian_nll_loss. Nix and Weigend, "Estimating the mean and variance of the target
        probability distribution", ICNN 1994.
    """
    safe = variance + (variance.clamp_min(eps) - variance).detach()
    values = 0.5 * (safe.log() + (mean - target).square() / safe)
    return values + 0.5 * math.log(2 * math.pi) if full else values


@loss(
    task="distribution",
    aliases=("kl_div_loss", "KLDivLoss", "kullback_leibler"),
    traits=Traits(convex=True, bounded=False, nonnegative=False, differentiable=True, constant_hessian=True),
    cost=_ELEMENTWISE,
    reduction="batchmean",
)
def kl_div(
    log_probs: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, log_target: bool = False
) -> Float[Tensor, "n *d"]:
    r"""The terms of the Kullback-Leibler divergence of predicted log-probabilities from target probabilities.

    .. math:: \ell = t\,(\log t - x), \qquad \text{with } t = e^{\text{target}} \text{ if log\_target}

    A term with t = 0 is 0. The divergence is the sum of the terms of an item, so the default reduction is "batchmean":
    their sum over the number of items. "mean" divides by the number of terms and is no divergence.

    Args:
        log_probs: (n, *d) log-probabilities x.
        target: (n, *d) probabilities, or log-probabilities.
        log_target: whether the target holds log-probabilities.

    Returns:
        (n, *d) values, in nats; only their sum over a distribution is non-negative.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> log_probs, target = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.75, 0.25]])
        >>> perdita.functional.kl_div(log_probs, target).item()
        0.13081...

    Source:
        Equal to torch.nn.functional.kl_div, whose default reduction is "mean".
    """
    if log_target:
        return target.exp() * (target - log_probs)
    zero = target == 0
    return torch.where(zero, 0.0, target * torch.where(zero, 1.0, target).log()) - target * log_probs
