"""The continuous ranked probability score: absolute error of a whole distribution, in the unit of the target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import safe_norm
from perdita.losses.value.histogram import check_support

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_TRAITS = Traits(bounded=False, nonnegative=True)


@loss(
    task="distribution",
    aliases=("gaussian_crps",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    domains={"scale": "positive"},
    cost=Cost(time="n", memory="n"),
)
def crps_gaussian(
    mean: Float[Tensor, "n *d"], target: Float[Tensor, "n *d"], scale: Float[Tensor, "n *d"]
) -> Float[Tensor, "n *d"]:
    r"""Continuous ranked probability score of a normal distribution.

    With z = (t - mean) / scale, and the normal distribution function Phi and density phi:

    .. math:: \ell = \int (F(y) - [y \ge t])^2 dy
        = \text{scale} \left( z\,(2 \Phi(z) - 1) + 2 \varphi(z) - \frac{1}{\sqrt{\pi}} \right)

    Far from the mean it grows like the absolute error, so that an outlier pulls less than under the likelihood.

    Args:
        mean: (n, *d) predicted means.
        target: (n, *d) targets t.
        scale: (n, *d) predicted standard deviations, above 0.

    Returns:
        (n, *d) non-negative values, in the unit of the target; 0 only in the limit of certainty.

    Raises:
        InputError: a scale that is not positive, shapes that differ.

    Example:
        >>> perdita.functional.crps_gaussian(*torch.tensor([[0.0], [0.0], [1.0]])).item()
        0.23369...

    Source:
        Gneiting, Raftery, Westveld, Goldman, "Calibrated Probabilistic Forecasting Using Ensemble Model Output
        Statistics and Minimum CRPS Estimation", Monthly Weather Review 133, 2005, equation 5.
    """
    return _expected_gap(target - mean, scale.square()) - scale / math.sqrt(math.pi)


@loss(
    task="distribution", aliases=("gaussian_mixture_crps",), traits=_TRAITS, domains={"scales": "positive"},
    cost=Cost(time="n k k", memory="n k k"),
)  # fmt: skip
def crps_mixture(
    means: Float[Tensor, "n k"], target: Float[Tensor, "n"], scales: Float[Tensor, "n k"], logits: Float[Tensor, "n k"]
) -> Float[Tensor, "n"]:
    r"""Continuous ranked probability score of a mixture of normal distributions.

    With the weights p = softmax(logits) and A(m, v) the mean absolute value of a normal variable of mean m and
    variance v:

    .. math:: \ell = \sum_i p_i A(t - \mu_i, \sigma_i^2) - \tfrac12 \sum_{ij} p_i p_j A(\mu_i - \mu_j, \sigma_i^2 +
        \sigma_j^2)

    Args:
        means: (n, k) means of the parts.
        target: (n,) targets t.
        scales: (n, k) standard deviations of the parts, above 0.
        logits: (n, k) unnormalised log-weights of the parts.

    Returns:
        (n,) non-negative values, in the unit of the target.

    Raises:
        InputError: a scale that is not positive, shapes that differ.

    Example:
        >>> means, scales, logits = torch.zeros(1, 2), torch.ones(1, 2), torch.zeros(1, 2)
        >>> perdita.functional.crps_mixture(means, torch.zeros(1), scales, logits).item()
        0.23369...

    Source:
        Grimit, Gneiting, Berrocal, Johnson, "The Continuous Ranked Probability Score for Circular Variables and its
        Application to Mesoscale Forecast Ensemble Verification", QJRMS 132, 2006, equation 5.
    """
    probs, variances = logits.softmax(1), scales.square()
    first = (probs * _expected_gap(target.unsqueeze(1) - means, variances)).sum(1)
    pairs = _expected_gap(means.unsqueeze(2) - means.unsqueeze(1), variances.unsqueeze(2) + variances.unsqueeze(1))
    return first - 0.5 * (probs.unsqueeze(2) * probs.unsqueeze(1) * pairs).sum((1, 2))


@loss(
    task="distribution", aliases=("ensemble_crps",), traits=Traits(bounded=False),
    cost=Cost(time="n m log m", memory="n m"),
)  # fmt: skip
def crps_ensemble(
    members: Float[Tensor, "n m *d"], target: Float[Tensor, "n *d"], *, fair: bool = False
) -> Float[Tensor, "n *d"]:
    r"""Continuous ranked probability score of a sample of forecasts.

    .. math:: \ell = \frac{1}{m} \sum_i |x_i - t| - \frac{1}{2 m^2} \sum_{ij} |x_i - x_j|

    The second term comes from the sorted members, in m log m steps.

    Args:
        members: (n, m, *d) forecasts x; with one alone it is the absolute error.
        target: (n, *d) targets t.
        fair: divide by m (m - 1) in place of m^2, which makes it unbiased for the distribution the members are drawn
            from.

    Returns:
        (n, *d) values, in the unit of the target; non-negative unless fair.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> members = torch.tensor([[0.0, 2.0]])
        >>> perdita.functional.crps_ensemble(members, torch.tensor([1.0])).item()
        0.5

    Source:
        Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102, 2007, equation 21;
        fair: Ferro, "Fair Scores for Ensemble Forecasts", QJRMS 140, 2014.
    """
    m = members.shape[1]
    rank = torch.arange(1 - m, m, 2, dtype=members.dtype, device=members.device)  # 2 i - m - 1 for i = 1 … m
    spread = (members.sort(1).values * rank.view(1, -1, *[1] * (members.ndim - 2))).sum(1)
    pairs = m * max(m - 1, 1) if fair else m * m
    return (members - target.unsqueeze(1)).abs().mean(1) - spread / pairs


@loss(
    task="distribution",
    aliases=("histogram_crps", "categorical_crps"),
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    cost=Cost(passes=4),
    ranges={"low": Range(search=(-20.0, -5.0)), "high": Range(search=(5.0, 20.0))},
)  # fmt: skip
def crps_histogram(
    logits: Float[Tensor, "n c *d"], target: Float[Tensor, "n *d"], *, low: float = -10.0, high: float = 10.0
) -> Float[Tensor, "n *d"]:
    r"""Continuous ranked probability score of a histogram on a fixed grid: squared errors of its distribution function.

    With p = softmax(z) on the points g_1 = low to g_c = high, both ends included, d apart, F_j = p_1 + … + p_j, and s_j
    the share of the step from g_j to g_{j+1} that lies above t:

    .. math:: \ell = \int (F(y) - [y \ge t])^2 dy
        = d \sum_{j=1}^{c-1} \left( (1 - s_j) F_j^2 + s_j (1 - F_j)^2 \right) + |t - \mathrm{clip}(t, g_1, g_c)|

    Where `two_hot` and `hl_gauss` ask for the right bin, this asks for little distance to it: mass one point off costs
    little. On whole steps it is d times `squared_earth_mover`. The prediction is the mean of the softmax over the grid.

    Args:
        logits: (n, c, *d) unnormalised scores z of the points, as of a `HistogramHead` with grid "ends".
        target: (n, *d) targets t; one outside of the support adds its distance from it.
        low: first point of the grid.
        high: last point of the grid.

    Returns:
        (n, *d) non-negative values, in the unit of the target.

    Raises:
        InputError: shapes that differ, a support without width, fewer than two points.

    Example:
        >>> logits = torch.zeros(1, 2)  # 0 or 1, each as likely
        >>> perdita.functional.crps_histogram(logits, torch.tensor([0.25]), low=0.0, high=1.0).item()
        0.25

    Source:
        Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102, 2007, equation 20, for
        the step function that a softmax over a grid has.
    """
    check_support(low, high, logits.shape[1])
    shape = (1, -1, *[1] * (logits.ndim - 2))
    grid = torch.linspace(low, high, logits.shape[1], dtype=logits.dtype, device=logits.device).view(shape)
    step = (high - low) / (logits.shape[1] - 1)
    above = ((grid[:, 1:] - target.unsqueeze(1)) / step).clamp(0, 1)
    below = logits.softmax(1).cumsum(1)[:, :-1]
    gap = (1 - above) * below.square() + above * (1 - below).square()
    return step * gap.sum(1) + (target - target.clamp(low, high)).abs()


@loss(
    task="distribution", aliases=("energy",), traits=_TRAITS, cost=Cost(time="n m m d", memory="n m m d"),
)  # fmt: skip
def energy_score(
    members: Float[Tensor, "n m d"], target: Float[Tensor, "n d"], *, fair: bool = False
) -> Float[Tensor, "n"]:
    r"""The continuous ranked probability score of vectors: Euclidean distances in place of absolute values.

    .. math:: \ell = \frac{1}{m} \sum_i \|x_i - t\| - \frac{1}{2 m^2} \sum_{ij} \|x_i - x_j\|

    Args:
        members: (n, m, d) forecasts x.
        target: (n, d) targets t.
        fair: divide by m (m - 1) in place of m^2, which makes it unbiased for the distribution the members are drawn
            from; it may then be negative.

    Returns:
        (n,) values, in the unit of the target; non-negative unless fair.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> members = torch.tensor([[[0.0, 0.0], [6.0, 8.0]]])
        >>> perdita.functional.energy_score(members, torch.tensor([[3.0, 4.0]])).item()
        2.5

    Source:
        Gneiting, Raftery, "Strictly Proper Scoring Rules, Prediction, and Estimation", JASA 102, 2007, equation 22.
    """
    m = members.shape[1]
    spread = safe_norm(members.unsqueeze(2) - members.unsqueeze(1)).sum((1, 2))
    pairs = m * max(m - 1, 1) if fair else m * m
    return safe_norm(members - target.unsqueeze(1)).mean(1) - 0.5 * spread / pairs


def _expected_gap(gap: Tensor, variance: Tensor) -> Tensor:
    """Mean absolute value of a normal variable of this mean and variance."""
    scale = variance.sqrt()
    z = gap / scale
    density = torch.exp(-0.5 * z.square()) * math.sqrt(2 / math.pi)
    return gap * torch.erf(z / math.sqrt(2)) + scale * density
