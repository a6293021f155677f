"""Value at risk and expected shortfall: the loss of a day that is exceeded with a small probability, and the mean loss
beyond it.

A loss is minus a return, and ``level`` the probability that it stays within the value at risk (0.99, say). Where a
series gives one day's number from the days before it, the number for day t reads the days t - window … t - 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from perdita.nn.mixture_density import Mixture


@component("lstm-mdn")
def mixture_value_at_risk(mixture: Mixture, *, level: float = 0.99) -> Float[Tensor, "n"]:
    """Minus the (1 - level) quantile of a mixture of returns.

    Raises:
        InputError: a level outside (0, 1).
    """
    return -mixture.quantile(1 - check_level(level))


@component("lstm-mdn")
def mixture_expected_shortfall(mixture: Mixture, *, level: float = 0.99) -> Float[Tensor, "n"]:
    r"""Mean loss of the worst days of a mixture of returns, a share 1 - level of all.

    With q its quantile and u_k = (q - \mu_k) / \sigma_k:
    -\frac{1}{1 - level} \sum_k p_k (\mu_k \Phi(u_k) - \sigma_k \varphi(u_k)).

    Raises:
        InputError: a level outside (0, 1).
    """
    tail = 1 - check_level(level)
    u = (mixture.quantile(tail).unsqueeze(1) - mixture.means) / mixture.scales
    density = torch.exp(-0.5 * u.square()) / math.sqrt(2 * math.pi)
    below = mixture.means * torch.special.ndtr(u) - mixture.scales * density
    return -(mixture.weights() * below).sum(1) / tail


@component("lstm-mdn")
def historical_value_at_risk(returns: ArrayLike, *, window: int = 250, level: float = 0.99) -> NDArray[np.float64]:
    """Historical simulation: minus the (1 - level) quantile of the last ``window`` returns, interpolated linearly.

    Args:
        returns: (days,) in order of time.
        window: days that each number reads. The authors' code reads one more than it says.
        level: probability of a loss within the value at risk.

    Returns:
        (days - window,), for the days from the first that has a full window behind it.

    Raises:
        InputError: a level outside (0, 1), a window that is not shorter than the series, returns that are not finite.
    """
    past = _windows(returns, window)
    found: NDArray[np.float64] = -np.quantile(past, 1 - check_level(level), axis=1)
    return found


@component("lstm-mdn")
def normal_value_at_risk(returns: ArrayLike, *, window: int = 250, level: float = 0.99) -> NDArray[np.float64]:
    """A normal distribution with the mean and the standard deviation of the last ``window`` returns.

    Arguments, result and errors are those of `historical_value_at_risk`.
    """
    past = _windows(returns, window)
    if window < 2:
        raise InputError(f"window must be at least 2 for a standard deviation, not {window}")
    z = normal_quantile(1 - check_level(level))
    found: NDArray[np.float64] = -(past.mean(1) + z * past.std(1, ddof=1))
    return found


def normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    return torch.special.ndtri(torch.tensor(probability, dtype=torch.float64)).item()


def check_level(level: float) -> float:
    """The level. Raises `InputError` outside (0, 1)."""
    if not 0 < level < 1:
        raise InputError(f"level must be a number in (0, 1), not {level!r}")
    return level


def series(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Numbers in order of time. Raises `InputError` unless they are one-dimensional and finite."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise InputError(f"{name} must have shape (days,), not {found.shape}")
    if not np.isfinite(found).all():
        raise InputError(f"{name} must be finite; {name}[{int(np.argmin(np.isfinite(found)))}] is not")
    return found


def _windows(returns: ArrayLike, window: int) -> NDArray[np.float64]:
    found = series(returns, "returns")
    if not 1 <= window < len(found):
        raise InputError(f"window must be from 1 to {len(found) - 1}, fewer than there are returns, not {window}")
    return np.lib.stride_tricks.sliding_window_view(found[:-1], window)
