"""Regression with a predicted variance that does not starve the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
