"""H-consistency: what a small surrogate loss says about the zero-one error.

For a surrogate with conditional risk C(z, p) = sum_y p_y l(z, y) and least conditional risk C*(p) = min_z C(z, p), a
bound of the form

    zero-one excess + its minimizability gap <= Gamma(surrogate excess + its minimizability gap)

holds with Gamma the inverse of T, where T(b) lies below C(z, p) - C*(p) whenever the class predicted by z is b less
probable than the most probable one. The comp-sum family has T, Gamma and C* in closed form; for any other registered
loss they are found by minimisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import perdita.losses  # noqa: F401 (fills the catalogue, so that a loss can be named)
from perdita.core import InputError, build, component
from perdita.losses.classification.comp_sum import NEAR_ONE

if TYPE_CHECKING:
    from jaxtyping import Float

Surrogate = str | Callable[[Tensor, Tensor], Tensor]  # a name, or a function of (m, c) logits and (m,) labels → (m,)
BOX = 30.0  # minimisers are searched among logits within this box
STARTS = 4


@component("comp-sum")
def comp_sum_transform(beta: Float[Tensor, "*b"], tau: float, classes: int) -> Float[Tensor, "*b"]:
    r"""T of a comp-sum loss: the least conditional regret at which a class beta less probable is predicted.

    With g = (((1 + b)^r + (1 - b)^r) / 2)^{1/r} and r = 1 / (2 - tau):

        tau < 1: 2^{1-tau} (1 - g) / (1 - tau)               tau = 1: ((1+b) log(1+b) + (1-b) log(1-b)) / 2
        1 < tau < 2: (g - 1) / ((tau - 1) c^{tau-1})         tau >= 2: b / ((tau - 1) c^{tau-1})

    Args:
        beta: numbers in [0, 1].
        tau: of `comp_sum`, at least 0.
        classes: number of classes c.

    Source: Mao, Mohri, Zhong, ICML 2023, arXiv 2304.07288, theorem 3.1; its values are reconstructed for tau other than
    1 and checked by direct minimisation.
    """
    beta = _unit(beta, "beta")
    _check(tau, classes)
    if tau >= 2:
        return beta / ((tau - 1) * classes ** (tau - 1))
    if abs(1 - tau) < NEAR_ONE:
        near = torch.where(beta < 0.5, beta, 0.0)  # where the two logarithms would cancel
        far = (torch.xlogy(1 + beta, 1 + beta) + torch.xlogy(1 - beta, 1 - beta)) / 2
        return torch.where(beta < 0.5, near * near.atanh() + torch.log1p(-near.square()) / 2, far)
    gain = _power_mean_gain(beta, 1 / (2 - tau))
    return gain * (-(2 ** (1 - tau)) / (1 - tau) if tau < 1 else 1 / ((tau - 1) * classes ** (tau - 1)))


def _power_mean_gain(beta: Tensor, power: float) -> Tensor:
    """g - 1, for small beta by the identity ((1+b)^r + (1-b)^r) / 2 = (1 - b^2)^{r/2} cosh(r atanh b)."""
    close = beta * max(power, 1.0) < 0.5
    near = torch.where(close, beta, 0.0)
    log_cosh = torch.log1p(2 * torch.sinh(power * near.atanh() / 2).square())
    small = torch.expm1(torch.log1p(-near.square()) / 2 + log_cosh / power)
    ratio = ((1 - beta) / (1 + beta)) ** power  # of the two powers, which would overflow for tau near 2
    large = torch.expm1(torch.log1p(beta) + ((1 + ratio) / 2).log() / power)
    return torch.where(close, small, large)


@component("comp-sum")
def comp_sum_bound(excess: Float[Tensor, "*b"], tau: float, classes: int) -> Float[Tensor, "*b"]:
    """Gamma, the inverse of `comp_sum_transform` on [0, 1]: how much zero-one excess a surrogate excess allows.

    Args:
        excess: numbers >= 0; above T(1) the bound says nothing and is 1.
        tau: of `comp_sum`, at least 0.
        classes: number of classes.
    """
    excess = torch.as_tensor(excess, dtype=torch.float64)
    if (excess < 0).any():
        raise InputError(f"excess must hold numbers >= 0; its smallest is {excess.min():.6g}")
    return inverse(lambda beta: comp_sum_transform(beta, tau, classes), excess)


def inverse(transform: Callable[[Tensor], Tensor], values: Float[Tensor, "*b"]) -> Float[Tensor, "*b"]:
    """The largest b in [0, 1] with transform(b) <= value, by bisection; transform increases."""
    low, high = torch.zeros_like(values), torch.ones_like(values)
    for _ in range(60):
        middle = (low + high) / 2
        below = transform(middle) <= values
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return torch.where(transform(torch.ones_like(values)) <= values, 1.0, low)


@component("comp-sum")
def comp_sum_conditional_minimum(probabilities: Float[Tensor, "*n c"], tau: float) -> Float[Tensor, "*n"]:
    """C* of a comp-sum loss over all scores: ((sum p^r)^{1/r} - 1) / (1 - tau) with r = 1 / (2 - tau).

    At tau = 1 it is the entropy, from tau = 2 on (1 - max p) / (tau - 1).
    """
    probabilities = _simplex(probabilities)
    _check(tau, probabilities.shape[-1])
    if tau >= 2:
        return (1 - probabilities.amax(-1)) / (tau - 1)
    if abs(1 - tau) < NEAR_ONE:
        return torch.special.entr(probabilities).sum(-1)
    top = probabilities.amax(-1, keepdim=True)  # taken out, since the powers would vanish for tau near 2
    norm = top.squeeze(-1) * ((probabilities / top) ** (1 / (2 - tau))).sum(-1) ** (2 - tau)
    return (norm - 1) / (1 - tau)


@component("comp-sum")
def conditional_risk(
    surrogate: Surrogate, logits: Float[Tensor, "n c"], probabilities: Float[Tensor, "n c"]
) -> Float[Tensor, "n"]:
    """C(z, p): the expected loss of each row of scores under its class probabilities.

    Args:
        surrogate: name of a registered loss over classes, or a function of (m, c) logits and (m,) labels → (m,).
        logits: (n, c) scores z.
        probabilities: (n, c), rows that sum to one.
    """
    n, classes = logits.shape
    labels = torch.arange(classes).repeat(n)
    values = _function(surrogate)(logits.repeat_interleave(classes, 0), labels)
    return (values.view(n, classes) * probabilities).sum(1)


@component("comp-sum")
def conditional_minimum(
    surrogate: Surrogate, probabilities: Float[Tensor, "n c"], largest: float = BOX
) -> Float[Tensor, "n"]:
    """C*(p) of any loss, by minimisation from several starts over scores with |z| <= largest.

    Args:
        surrogate: as in `conditional_risk`.
        probabilities: (n, c), rows that sum to one.
        largest: bound of the scores; a hypothesis set with bounded scores has its own.
    """
    probabilities = _simplex(probabilities)

    def score(free: Tensor) -> Tensor:
        return largest * torch.tanh(free / largest)

    return _least(surrogate, probabilities, score)


@component("comp-sum")
def minimizability_gap(
    surrogate: Surrogate, logits: Float[Tensor, "n c"], probabilities: Float[Tensor, "n c"], largest: float = BOX
) -> float:
    """How far the best hypothesis of a set stays above the mean of the least conditional risks.

    Args:
        surrogate: as in `conditional_risk`.
        logits: (n, c) scores of the best hypothesis; those of a merely trained one give an upper estimate.
        probabilities: (n, c) true class probabilities at the same points.
        largest: as in `conditional_minimum`.
    """
    probabilities = _simplex(probabilities)
    best = conditional_risk(surrogate, logits.double(), probabilities).mean()
    return float(best - conditional_minimum(surrogate, probabilities, largest).mean())


@component("comp-sum")
def consistency_transform(
    surrogate: Surrogate, beta: Float[Tensor, "b"], classes: int, *, draws: int = 8, seed: int = 0
) -> Float[Tensor, "b"]:
    """T of any loss, numerically: the least conditional regret found at which a class beta less probable is predicted.

    The class probabilities run through several shares for the two classes in question and ``draws`` splits of the rest;
    scores are minimised with the wrong class on top. It is an upper estimate of the infimum, exact where the searched
    probabilities hold the worst case (two classes alone are among them).

    Args:
        surrogate: as in `conditional_risk`; all classes alike.
        beta: (b,) numbers in [0, 1].
        classes: number of classes, at least 2.
        draws: random splits of the rest of the probability, for each share.
        seed: of the splits.
    """
    beta = _unit(beta, "beta")
    problems = torch.cat([_problems(float(one), classes, draws, seed) for one in beta])  # (b * k, c)
    regret = _least(surrogate, problems, _with_first_on_top) - conditional_minimum(surrogate, problems)
    return regret.view(len(beta), -1).amin(1).clamp(min=0)


def _problems(beta: float, classes: int, draws: int, seed: int) -> Tensor:
    """Class probabilities whose class 1 is the most probable, and beta more probable than class 0."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for share in (1.0, 0.75, 0.5, 2 / classes) if classes > 2 else (1.0,):
        both = share + (1 - share) * beta  # probability of classes 0 and 1 together
        for _ in range(draws if share < 1 else 1):
            rest = torch.rand(max(classes - 2, 1), generator=generator, dtype=torch.float64) + 0.5
            top = (both + beta) / 2
            others = (rest / rest.sum() * (1 - both))[: classes - 2].clamp(max=top)
            row = torch.cat([torch.tensor([top - beta, top], dtype=torch.float64), others])
            missing = 1 - row.sum()  # what the clamp took away goes to both, which leaves their difference
            row[:2] += missing / 2
            rows.append(row)
    return torch.stack(rows)


def _with_first_on_top(free: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
    """Scores of which no one exceeds the first: z_0 - w_k^2."""
    first = BOX * torch.tanh(free[:, :1] / BOX)
    return torch.cat([first, first - free[:, 1:].square().clamp(max=2 * BOX)], 1)


def _least(surrogate: Surrogate, probabilities: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
    """The least conditional risk over scores ``score(free)``, each row by itself, from several starts."""
    generator = torch.Generator().manual_seed(1)
    every = probabilities.repeat(STARTS, 1)
    start = torch.randn(every.shape, generator=generator, dtype=torch.float64)
    free = torch.cat([start[: len(probabilities)] * 0.01, start[len(probabilities) :]]).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [free], max_iter=400, history_size=30, line_search_fn="strong_wolfe", tolerance_grad=1e-12,
        tolerance_change=1e-15,
    )  # fmt: skip

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = conditional_risk(surrogate, score(free), every).sum()
        value.backward()
        return value

    optimizer.step(closure)
    with torch.no_grad():
        return conditional_risk(surrogate, score(free), every).view(STARTS, -1).amin(0)


def _function(surrogate: Surrogate) -> Callable[[Tensor, Tensor], Tensor]:
    return build({"loss": surrogate, "reduction": "none"}) if isinstance(surrogate, str) else surrogate


def _check(tau: float, classes: int) -> None:
    if not (tau >= 0 and math.isfinite(tau)):
        raise InputError(f"tau must be a number >= 0, not {tau!r}")
    if classes < 2:
        raise InputError(f"classes must be at least 2, not {classes!r}")


def _unit(values: Tensor, name: str) -> Tensor:
    values = torch.as_tensor(values, dtype=torch.float64)
    if ((values < 0) | (values > 1)).any():
        raise InputError(
            f"{name} must hold numbers in [0, 1]; they reach from {values.min():.6g} to {values.max():.6g}"
        )
    return values


def _simplex(probabilities: Tensor) -> Tensor:
    probabilities = torch.as_tensor(probabilities, dtype=torch.float64)
    if (probabilities < 0).any() or ((probabilities.sum(-1) - 1).abs() > 1e-6).any():
        raise InputError("probabilities must hold rows of numbers >= 0 that sum to one")
    return probabilities
