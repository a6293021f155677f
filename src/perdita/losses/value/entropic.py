"""Losses whose best value is the certainty equivalent of an exponential utility, or nearly so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, component, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_ELEMENTWISE = Cost(time="n", memory="n")
_AVERSION = Range(search=(0.1, 3.0), log=True)
_EXPONENTIAL = "an exponential of the value itself, beyond float32 at 1e4"


@component("itakura-saito")
def entropic_certainty_equivalent(values: Tensor, risk_aversion: float, dim: int | None = None) -> Tensor:
    """The sure value that an exponential utility rates like a random one: -log mean exp(-a x) / a; the mean at a = 0.

    Args:
        values: a sample of any shape.
        risk_aversion: a > 0 averts risk, a < 0 seeks it.
        dim: along which the sample lies; None takes all of it.

    Returns:
        A scalar, or the values' shape without ``dim``.
    """
    flat, dim = (values.flatten(), 0) if dim is None else (values, dim)
    if risk_aversion == 0:
        return flat.mean(dim)
    return (math.log(flat.shape[dim]) - torch.logsumexp(-risk_aversion * flat, dim)) / risk_aversion


@loss(
    task="value",
    paper="itakura-saito",
    aliases=("linex",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=False),
    ranges={"risk_aversion": _AVERSION, "max_exponent": Range(0, open="both", search=(10.0, 40.0))},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": "its slope beyond max_exponent, exp(20), is beyond float16"},
)
def itakura_saito(
    prediction: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"],
    *,
    risk_aversion: float = 1.0,
    max_exponent: float | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Exponential of the error less its tangent: its best constant is the certainty equivalent of the targets.

    With the error d = x - t and a the risk aversion:

    .. math:: \ell = \frac{e^{a d} - a d - 1}{a^2}, \qquad \tfrac12 d^2 \text{ at } a = 0

    It is the Itakura-Saito divergence between exp(-a x) and exp(-a t), depends on the error alone, and has the gradient
    (exp(a d) - 1) / a, which never exceeds 1/a where the prediction is too low: scale the rewards. Where a d exceeds
    max_exponent the loss goes on along its tangent.

    Args:
        prediction: (n, *d) predicted values x.
        target: (n, *d) targets t, such as r + V(s'), in the same unit; give them without a gradient.
        risk_aversion: a, per unit of value; above 0 it averts risk, below 0 it seeks it.
        max_exponent: where the exponential becomes a line, at most 80 in float32; None takes 20 there, and 700, the
            end of its range, in float64.

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ, a max_exponent that is not positive and finite.

    Example:
        >>> perdita.functional.itakura_saito(torch.tensor([1.0]), torch.tensor([0.0])).item()
        0.71828...

    Source:
        Udovichenko et al., "Risk-Averse Reinforcement Learning with Itakura-Saito Loss", 2025, arXiv 2505.16925v2,
        where it is traced to work on hedging of 2022; Varian's LINEX loss, 1975.
    """
    if risk_aversion == 0:
        return 0.5 * (prediction - target).square()
    exponent = risk_aversion * (prediction - target)
    if max_exponent is None:
        max_exponent = 700.0 if exponent.dtype is torch.float64 else 20.0
    capped = exponent.clamp_max(max_exponent)
    small = capped.abs() < 0.1  # there the difference cancels; its series does not
    series = torch.where(small, capped, 0.0)
    near = series.square() * _polynomial(series, [1 / math.factorial(k) for k in range(2, 10)])
    direct = torch.where(small, 1.0, capped)
    beyond = F.relu(exponent - max_exponent) * math.expm1(max_exponent)
    return (torch.where(small, near, torch.expm1(direct) - direct) + beyond) / risk_aversion**2


@loss(
    task="value",
    paper="itakura-saito",
    traits=Traits(bounded=False, nonnegative=True, differentiable=True),
    ranges={"risk_aversion": _AVERSION},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": _EXPONENTIAL},
)
def entropic_mse(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, risk_aversion: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""Squared error between exponential utilities.

    With a the risk aversion:

    .. math:: \ell = \frac{(e^{-a x} - e^{-a t})^2}{2 a^2}, \qquad \tfrac12 (x - t)^2 \text{ at } a = 0

    A baseline: right in its minimiser, but near the target it is exp(-2 a t) times the squared error, so that it blows
    up for low values and dies for high ones.

    Args:
        prediction: (n, *d) predicted values x.
        target: (n, *d) targets t, in the same unit.
        risk_aversion: a, per unit of value.

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.entropic_mse(torch.tensor([1.0]), torch.tensor([0.0])).item()
        0.19978...

    Source:
        Udovichenko et al., "Risk-Averse Reinforcement Learning with Itakura-Saito Loss", 2025, arXiv 2505.16925v2,
        as EMSE.
    """
    if risk_aversion == 0:
        return 0.5 * (prediction - target).square()
    first, second = -risk_aversion * prediction, -risk_aversion * target
    larger = first > second  # is taken out, so that no infinity meets a zero
    top, below = torch.where(larger, first, second), torch.where(larger, second - first, first - second)
    return (torch.exp(top) * torch.expm1(below) / risk_aversion).square() / 2


@loss(
    task="value",
    paper="itakura-saito",
    traits=Traits(convex=False, bounded=False, nonnegative=True, differentiable=True),
    ranges={"risk_aversion": _AVERSION},
    cost=_ELEMENTWISE,
)
def entropic_softplus(
    prediction: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], *, risk_aversion: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""Squared error that a sigmoid tilts: its best constant is the certainty equivalent of normal targets alone.

    With the error d = x - t and a the risk aversion:

    .. math:: \ell = \int_0^d 2 s\,\sigma(a s)\,ds
        = \frac{2 d}{a} \log(1 + e^{a d}) + \frac{2}{a^2} \mathrm{Li}_2(-e^{a d}) + \frac{\pi^2}{6 a^2}, \qquad
        \tfrac12 d^2 \text{ at } a = 0

    A baseline: stable, but its gradient 2 d sigmoid(a d) dies where a d is far below 0.

    Args:
        prediction: (n, *d) predicted values x.
        target: (n, *d) targets t, in the same unit.
        risk_aversion: a, per unit of value.

    Returns:
        (n, *d) non-negative values, in that unit squared.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> perdita.functional.entropic_softplus(torch.tensor([1.0]), torch.tensor([0.0])).item()
        0.65888...

    Source:
        Udovichenko et al., "Risk-Averse Reinforcement Learning with Itakura-Saito Loss", 2025, arXiv 2505.16925v2,
        as SP.
    """
    if risk_aversion == 0:
        return 0.5 * (prediction - target).square()
    exponent = risk_aversion * (prediction - target)
    small = exponent.abs() < 0.25
    series = torch.where(small, exponent, 0.0)
    near = series.square() * (0.25 + series * _polynomial(series.square(), _NEAR))
    size = torch.where(small, 1.0, exponent).abs()
    tail = _tail(size)
    far = torch.where(exponent > 0, size.square() / 2 - tail, tail)  # sigmoid(v) = 1 - sigmoid(-v)
    return torch.where(small, near, far) * (2 / risk_aversion**2)


@loss(
    task="value",
    paper="itakura-saito",
    traits=Traits(convex=True, bounded=False, differentiable=True),
    ranges={"risk_aversion": _AVERSION},
    cost=_ELEMENTWISE,
    limits={"extreme_inputs": _EXPONENTIAL},
)
def entropic_policy(advantage: Float[Tensor, "n *d"], *, risk_aversion: float = 1.0) -> Float[Tensor, "n *d"]:
    r"""What a policy lowers to raise the certainty equivalent of its return.

    With the advantage A = r + V(s') - V(s) and a the risk aversion:

    .. math:: \ell = \frac{e^{-a A} - 1}{a}, \qquad -A \text{ at } a = 0

    V(s) keeps the exponent near 0; the values are given as they are, the gradient reaches the policy through r and s'.

    Args:
        advantage: (n, *d) advantages A.
        risk_aversion: a, per unit of value.

    Returns:
        (n, *d) values of either sign, in that unit.

    Raises:
        InputError: no tensor, an advantage that is not finite.

    Example:
        >>> perdita.functional.entropic_policy(torch.tensor([-1.0])).item()
        1.71828...

    Source:
        Udovichenko et al., "Risk-Averse Reinforcement Learning with Itakura-Saito Loss", 2025, arXiv 2505.16925v2; the
        constant -1 / a, without effect on the gradient, makes it vanish at A = 0.
    """
    return -advantage if risk_aversion == 0 else torch.expm1(-risk_aversion * advantage) / risk_aversion


_NEAR = [1 / 12, -1 / 240, 1 / 3360, -17 / 725760, 31 / 15966720]  # of the integral of v sigmoid(v) - v / 2
_BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510]


def _tail(u: Tensor) -> Tensor:
    """The integral of v sigmoid(-v) from 0 to u >= 0, through the dilogarithm of -exp(-u)."""
    log = F.softplus(-u)  # log(1 + exp(-u)), at most log 2, where the series of Li2 converges fast
    square = log.square()
    factors = [bernoulli / math.factorial(2 * k + 3) for k, bernoulli in enumerate(_BERNOULLI)]
    dilogarithm = -log - square / 4 - log * square * _polynomial(square, factors)
    return math.pi**2 / 12 - u * log + dilogarithm


def _polynomial(x: Tensor, coefficients: list[float]) -> Tensor:
    """Horner's rule, the constant first."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total
