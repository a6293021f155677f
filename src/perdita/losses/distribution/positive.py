"""Likelihoods of amounts and counts whose spread grows with their mean; the mean is predicted by its logarithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")
_TRAITS = Traits(convex=True, bounded=False, differentiable=True, constant_hessian=False, minimizer="log_mean")
_BEYOND = "the mean of a logarithm of 1e4, or its inverse, is beyond float32"


@loss(
    task="distribution",
    aliases=("gamma_nll_loss", "gamma_deviance"),
    traits=_TRAITS,
    domains={"target": "positive"},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": _BEYOND},
)
def gamma_nll(log_mean: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"]) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of positive amounts under gamma distributions, for one unit of shape.

    With the mean :math:`e^x`, and without the terms that the target alone decides:

    .. math:: \ell = x + t\,e^{-x}

    The shape multiplies the likelihood and does not move its minimiser: an error of 10 % counts alike at every size.

    Args:
        log_mean: (n, *d) logarithms x of the predicted means.
        target: (n, *d) amounts t, above 0.

    Returns:
        (n, *d) values, in nats for a shape of one.

    Raises:
        InputError: a target that is not positive, shapes that differ.

    Example:
        >>> perdita.functional.gamma_nll(torch.tensor([0.0]), torch.tensor([2.0])).item()
        2.0

    Source:
        McCullagh, Nelder, "Generalized Linear Models", second edition, 1989, chapter 8.
    """
    return log_mean + target * torch.exp(-log_mean)


@loss(
    task="distribution",
    aliases=("tweedie_nll", "tweedie_loss"),
    traits=_TRAITS,
    ranges={"power": Range(1, 2, open="both", search=(1.1, 1.9))},
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": _BEYOND},
)
def tweedie(
    log_mean: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, power: float = 1.5
) -> Float[Tensor, "n *d"]:
    r"""Quasi-likelihood of amounts that are often exactly 0, such as the claims on a policy.

    With the mean :math:`e^x`, a variance in proportion to its power, and without the terms of the target alone:

    .. math:: \ell = \frac{e^{(2 - \text{power}) x}}{2 - \text{power}} - t\,\frac{e^{(1 - \text{power}) x}}
        {1 - \text{power}}

    Args:
        log_mean: (n, *d) logarithms x of the predicted means.
        target: (n, *d) amounts t, at least 0.
        power: between 1, where it is the Poisson loss, and 2, where it is the gamma loss.

    Returns:
        (n, *d) positive values; half the unit deviance but for a term of the target.

    Raises:
        InputError: a negative target, shapes that differ, a power outside (1, 2).

    Example:
        >>> perdita.functional.tweedie(torch.tensor([0.0]), torch.tensor([2.0])).item()
        6.0

    Source:
        Jorgensen, "Exponential Dispersion Models", Journal of the Royal Statistical Society B 49, 1987.
    """
    return torch.exp((2 - power) * log_mean) / (2 - power) + target * torch.exp((1 - power) * log_mean) / (power - 1)


@loss(
    task="distribution",
    aliases=("negative_binomial",),
    traits=Traits(bounded=False, nonnegative=True, differentiable=True, convex=True),
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
)
def negative_binomial_nll(
    log_mean: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], log_dispersion: Float[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of counts that vary more than Poisson's.

    With the mean :math:`m = e^x`, the dispersion a of which log_dispersion is the logarithm, and r = 1 / a, so that the
    variance is m + a m^2:

    .. math:: \ell = -\log \frac{\Gamma(t + r)}{\Gamma(r)\,t!} + r \log\!\left(1 + \frac{m}{r}\right)
        + t \log\!\left(1 + \frac{r}{m}\right)

    Args:
        log_mean: (n, *d) logarithms x of the predicted means.
        target: (n, *d) counts t.
        log_dispersion: (n, *d) logarithms of the dispersions; expand one that several elements share.

    Returns:
        (n, *d) non-negative values for whole counts, in nats.

    Raises:
        InputError: a negative target, shapes that differ.

    Example:
        >>> zero = torch.tensor([0.0])
        >>> perdita.functional.negative_binomial_nll(zero, torch.tensor([0.0]), zero).item()
        0.69314...

    Source:
        Hilbe, "Negative Binomial Regression", second edition, 2011, as NB2.
    """
    size = torch.exp(-log_dispersion)
    log_odds = log_mean + log_dispersion  # log(m / r): both logarithms of one more are softplus of it
    binomial = torch.lgamma(target + size) - torch.lgamma(size) - torch.lgamma(target + 1)
    return size * F.softplus(log_odds) + target * F.softplus(-log_odds) - binomial


@loss(
    task="distribution",
    aliases=("zip", "zip_nll"),
    traits=Traits(bounded=False, nonnegative=True, differentiable=True),
    domains={"target": "nonnegative"},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": "the rate of a log-rate of 1e4, its exponential, is beyond float32"},
)
def zero_inflated_poisson_nll(
    log_rate: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], zero_logit: Float[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    r"""Negative log-likelihood of counts that are 0 for a reason of their own, or else Poisson.

    With the rate :math:`\lambda = e^x` and the chance :math:`\pi = \sigma(g)` of a zero of its own:

    .. math:: \ell = -\log(\pi + (1 - \pi) e^{-\lambda}) \text{ where } t = 0, \qquad
        -\log(1 - \pi) + \lambda - t x + \log t! \text{ elsewhere}

    Args:
        log_rate: (n, *d) logarithms x of the rates.
        target: (n, *d) counts t.
        zero_logit: (n, *d) log-odds g of a zero of its own.

    Returns:
        (n, *d) non-negative values for whole counts, in nats.

    Raises:
        InputError: a negative target, shapes that differ.

    Example:
        >>> zero = torch.tensor([0.0])
        >>> perdita.functional.zero_inflated_poisson_nll(zero, torch.tensor([0.0]), zero).item()
        0.37988...

    Source:
        Lambert, "Zero-Inflated Poisson Regression, with an Application to Defects in Manufacturing", Technometrics 34,
        1992.
    """
    rate = log_rate.exp()
    none = -torch.logaddexp(zero_logit, -rate)
    some = rate - target * log_rate + torch.lgamma(target + 1)
    return F.softplus(zero_logit) + torch.where(target == 0, none, some)
