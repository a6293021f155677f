"""GARCH(1,1): tomorrow's variance from today's squared return and today's variance, the benchmark of daily risk."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perdita.core import InputError, MissingExtraError, component
from perdita.risk.value_at_risk import check_level, normal_quantile, series

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

INNOVATIONS = ("normal", "ged")


class Garch(NamedTuple):
    """Parameters of a GARCH(1,1) without mean, in the squared unit of the returns."""

    omega: float
    alpha: float
    beta: float
    aic: float = math.nan  # of the fit


@component("lstm-mdn")
def garch_variance(
    returns: ArrayLike, model: Garch, *, initial: float | None = None
) -> tuple[NDArray[np.float64], float]:
    r"""The variance of each day as the model saw it the evening before, and that of the day after the last.

    v_{t+1} = omega + alpha r_t^2 + beta v_t; the first is ``initial``, the mean of the squares about the mean unless
    given.

    Raises:
        InputError: parameters with omega <= 0, a negative alpha or beta, or alpha + beta >= 1; no return.
    """
    found = series(returns, "returns")
    omega, alpha, beta = model[:3]
    if not (omega > 0 and alpha >= 0 and beta >= 0 and alpha + beta < 1) or not len(found):
        raise InputError(
            f"a GARCH(1,1) needs omega > 0, alpha >= 0, beta >= 0, alpha + beta < 1 and a return, not {omega}, "
            f"{alpha}, {beta} and {len(found)} returns"
        )
    variance = np.empty(len(found) + 1)
    variance[0] = found.var() if initial is None else initial
    for day, square in enumerate(found**2):
        variance[day + 1] = omega + alpha * square + beta * variance[day]
    return variance[:-1], float(variance[-1])


@component("lstm-mdn")
def garch_log_likelihood(returns: ArrayLike, variance: ArrayLike) -> float:
    """Log-likelihood of returns under normal distributions of mean 0 and these variances."""
    found, spread = series(returns, "returns"), series(variance, "variance")
    return float(-0.5 * (math.log(2 * math.pi) + np.log(spread) + found**2 / spread).sum())


@component("lstm-mdn")
def garch_value_at_risk(variance: ArrayLike, *, level: float = 0.99) -> NDArray[np.float64]:
    """-z sqrt(v), with z the (1 - level) quantile of the standard normal distribution.

    Raises:
        InputError: a level outside (0, 1).
    """
    found: NDArray[np.float64] = -normal_quantile(1 - check_level(level)) * np.sqrt(np.asarray(variance, float))
    return found


@component("lstm-mdn")
def fit_garch(returns: ArrayLike, *, innovations: str = "normal") -> Garch:
    """Maximum likelihood by the library arch. Returns in percent fit best.

    Args:
        returns: (days,) in order of time.
        innovations: "normal", or "ged", the generalised error distribution; compare their ``aic``.

    Raises:
        InputError: unknown innovations.
        MissingExtraError: arch is not installed.
    """
    if innovations not in INNOVATIONS:
        raise InputError(f"innovations must be one of {INNOVATIONS}, not {innovations!r}")
    try:
        from arch import arch_model
    except ModuleNotFoundError as error:
        raise MissingExtraError("arch", "risk") from error
    model = arch_model(series(returns, "returns"), mean="Zero", vol="GARCH", p=1, q=1, dist=innovations, rescale=False)
    found = model.fit(disp="off")
    return Garch(*(float(found.params[name]) for name in ("omega", "alpha[1]", "beta[1]")), aic=float(found.aic))
