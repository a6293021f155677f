"""Weights for ratings that are missing not at random: what is observed is made to look like everything.

A function is balanced where its weighted mean over the observed pairs of user and item is its mean over all pairs. The
bias of a weighted mean of errors is zero where the error lies in the span of the balanced functions; kernel functions
k(., anchor) of a universal kernel span, in the limit, every continuous function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core import InputError, component
from perdita.core.errors import nearest
from perdita.losses.embedding.similarity import distance, squared_distance

if TYPE_CHECKING:
    from jaxtyping import Float, Int

LEAST_WEIGHT = 1e-6  # in w log w
RIDGE = 1e-3
SELECTIONS = ("random", "adaptive", "worst")
MEDIAN_ROWS = 1000  # rows among which a median of distances is looked for

KERNELS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "gaussian": lambda x, y, gamma: torch.exp(-gamma * squared_distance(x, y)),
    "exponential": lambda x, y, gamma: torch.exp(-gamma * distance(x, y)),
    "linear": lambda x, y, gamma: gamma * x @ y.T + 1,
}


@component("kernel-balancing")
def kernel_functions(
    features: Float[Tensor, "n d"], anchors: Float[Tensor, "j d"], *, kernel: str = "gaussian", gamma: float = 0.1
) -> Float[Tensor, "n j"]:
    """k(x, a) of every row and every anchor: exp(-gamma ||x - a||^2), exp(-gamma ||x - a||), or gamma x.a + 1.

    Raises:
        InputError: an unknown kernel, a gamma that is not above 0.
    """
    if kernel not in KERNELS:
        raise InputError(f"kernel must be one of {tuple(KERNELS)}, not {kernel!r}{nearest(kernel, KERNELS)}")
    if not gamma > 0:
        raise InputError(f"gamma must be above 0, not {gamma}")
    return KERNELS[kernel](features, anchors, gamma)


@component("kernel-balancing")
def median_gamma(features: Float[Tensor, "n d"], *, kernel: str = "gaussian") -> float:
    """The median heuristic: one over the median distance of different rows, squared for the Gaussian kernel.

    Scale the features first. Of many rows some, evenly spaced, stand for all; a median of 0 gives 1.
    """
    rows = features.detach()[:: max(1, len(features) // MEDIAN_ROWS)]
    place = torch.arange(len(rows), device=rows.device)
    median = distance(rows, rows)[place.unsqueeze(1) < place].median().item() if len(rows) > 1 else 0.0
    return 1.0 if not median > 0 else 1 / (median**2 if kernel == "gaussian" else median)


@component("kernel-balancing")
def kernel_balance_gap(
    features_observed: Float[Tensor, "n d"],
    weights: Float[Tensor, "n"],
    features_all: Float[Tensor, "m d"],
    anchors: Float[Tensor, "j d"],
    *,
    kernel: str = "gaussian",
    gamma: float = 0.1,
) -> Float[Tensor, "j"]:
    """Mean of k(x, a) over all pairs minus the mean of w k(x, a) over the observed ones, for every anchor a."""
    everything = kernel_functions(features_all, anchors, kernel=kernel, gamma=gamma).mean(0)
    return everything - weights @ kernel_functions(features_observed, anchors, kernel=kernel, gamma=gamma) / len(
        weights
    )


@component("kernel-balancing")
def kernel_balance_loss(
    weights: Float[Tensor, "n"],
    gap: Float[Tensor, "j"],
    *,
    slack: float = 0.01,
    coefficient: float = 1.0,
    hinge: str = "per_function",
    entropy: bool = True,
) -> Float[Tensor, ""]:
    r"""Negative entropy of the weights, and what the gaps lack to the slack.

    .. math:: \frac1n \sum_i w_i \log w_i + \text{coefficient} \sum_j \max(|\Delta_j| - \text{slack}, 0)

    Left alone, w log w is least at 1/e: keep the mean of the weights at 1, as `fit_balancing_weights` does.

    Args:
        weights: (n,) w of the observed pairs.
        gap: (j,) as of `kernel_balance_gap`.
        slack: what a gap may be for nothing.
        coefficient: of the gaps.
        hinge: "per_function", the paper's constraints, or "sum", the released code's, where the gaps of two anchors
            may cancel.
        entropy: whether the first term counts.

    Raises:
        InputError: an unknown hinge, a negative slack.

    Source: Li, Xiao, Zheng, Wu, Geng, Chen, Cui, "Debiased Collaborative Filtering with Kernel-Based Causal Balancing",
    ICLR 2024, arXiv 2404.19596.
    """
    if hinge not in ("per_function", "sum") or slack < 0:
        raise InputError(f"hinge must be 'per_function' or 'sum' and slack at least 0, not {hinge!r} and {slack}")
    violation = (gap.abs() if hinge == "per_function" else gap.sum().abs()) - slack
    balance = coefficient * violation.clamp(min=0).sum()
    return (weights * weights.clamp(min=LEAST_WEIGHT).log()).mean() + balance if entropy else balance


@component("kernel-balancing")
def adaptive_anchors(
    candidates: Float[Tensor, "m d"],
    features_observed: Float[Tensor, "n d"],
    errors: Float[Tensor, "n"],
    count: int,
    *,
    weights: Float[Tensor, "n"] | None = None,
    kernel: str = "gaussian",
    gamma: float = 0.1,
) -> Int[Tensor, "count"]:
    """The candidates that matter most to the errors: largest |coefficient| in a ridge regression on their functions.

    The released code takes three steps of Adam on the coefficients; here the regression is solved.
    """
    root = (torch.ones_like(errors) if weights is None else weights).sqrt()
    design = kernel_functions(features_observed, candidates, kernel=kernel, gamma=gamma) * root.unsqueeze(1)
    moments = design.T @ design / len(errors)
    return _largest(_solve(moments, design.T @ (root * errors) / len(errors)), count)


@component("kernel-balancing")
def worst_anchors(
    candidates: Float[Tensor, "m d"],
    gap: Float[Tensor, "m"],
    count: int,
    *,
    kernel: str = "gaussian",
    gamma: float = 0.1,
) -> Int[Tensor, "count"]:
    """The candidates in the least balanced function f = sum_t c_t k(., x_t) of its norm: c maximises (c.gap)^2 / c'Kc.

    The maximiser is K^-1 gap, with a ridge; the released code climbs to it by Adam.
    """
    return _largest(_solve(kernel_functions(candidates, candidates, kernel=kernel, gamma=gamma), gap), count)


def _solve(matrix: Float[Tensor, "m m"], right: Float[Tensor, "m"]) -> Float[Tensor, "m"]:
    ridge = RIDGE * matrix.diagonal().mean() * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    return torch.linalg.solve(matrix + ridge, right)


def _largest(coefficients: Float[Tensor, "m"], count: int) -> Int[Tensor, "count"]:
    return coefficients.abs().sort(descending=True, stable=True).indices[:count]


@component("kernel-balancing")
@dataclass(frozen=True)
class Balancing:
    """How weights are balanced: ``rounds`` times ``anchors`` more functions, then ``steps`` steps of Adam.

    The slack is on the functions' own scale: where the kernel is narrow for the number of features, its means are
    small, and a slack of 0.01 asks for nothing. `perdita.training.causal_balancing.effective_sample_size` near n tells.
    """

    kernel: str = "gaussian"
    gamma: float | None = 0.1  # None: by the median heuristic
    select: str = "random"  # or adaptive, worst
    anchors: int = 16
    rounds: int = 4
    candidates: int = 640  # pairs among which a round chooses
    steps: int = 100
    learning_rate: float = 0.02
    slack: float = 1e-4
    coefficient: float = 1.0

    def __post_init__(self) -> None:
        if self.select not in SELECTIONS:
            raise InputError(
                f"select must be one of {SELECTIONS}, not {self.select!r}{nearest(self.select, SELECTIONS)}"
            )
        if min(self.anchors, self.rounds, self.steps) < 1 or self.candidates < self.anchors:
            raise InputError("anchors, rounds and steps must be at least 1, and candidates no fewer than anchors")


@component("kernel-balancing")
def fit_balancing_weights(
    features_observed: Float[Tensor, "n d"],
    features_all: Float[Tensor, "m d"],
    how: Balancing = Balancing(),
    *,
    errors: Float[Tensor, "n"] | None = None,
    prior: Float[Tensor, "n"] | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "n"]:
    """Weights of mean 1 for the observed pairs that balance kernel functions.

    Every observed pair has a weight of its own, w = n softmax(s), so that the constant function is always balanced.
    (The released code's is v sigmoid(p_u.q_i), not normalised; and it forgets the anchors of earlier batches, where
    here the functions of all rounds stay balanced.)

    Args:
        features_observed: (n, d) features of the observed pairs, on scales that suit the kernel.
        features_all: (m, d) of all pairs, or of a sample of them.
        how: kernel, anchors and steps.
        errors: (n,) of the prediction model at the observed pairs; needed to select "adaptive".
        prior: (n,) positive weights to start from, as 1 / propensity.
        generator: of the candidates.

    Raises:
        InputError: no pair observed, features of other widths, a prior that is not positive, no errors to adapt to.
    """
    if not len(features_observed) or not len(features_all) or features_observed.shape[1:] != features_all.shape[1:]:
        came = f"{tuple(features_observed.shape)} and {tuple(features_all.shape)}"
        raise InputError(f"features_observed and features_all must be (n, d) and (m, d) and not empty, not {came}")
    if how.select == "adaptive" and errors is None:
        raise InputError("errors must be given for select='adaptive'")
    start = torch.ones_like(features_observed[:, 0]) if prior is None else prior
    if not (start > 0).all():
        raise InputError("prior must hold numbers > 0")
    gamma = median_gamma(features_all, kernel=how.kernel) if how.gamma is None else how.gamma
    shape: dict[str, Any] = {"kernel": how.kernel, "gamma": gamma}
    scores = start.detach().log().clone().requires_grad_()
    optimizer = torch.optim.Adam([scores], lr=how.learning_rate)
    anchors = features_all[:0]
    for _ in range(how.rounds):
        drawn = torch.randperm(len(features_all), generator=generator)[: how.candidates].to(features_all.device)
        candidates, weights = features_all[drawn], _of_mean_one(scores.detach())
        chosen = torch.arange(min(how.anchors, len(candidates)), device=candidates.device)
        if how.select == "worst":
            gap = kernel_balance_gap(features_observed, weights, features_all, candidates, **shape)
            chosen = worst_anchors(candidates, gap, how.anchors, **shape)
        elif errors is not None and how.select == "adaptive":
            chosen = adaptive_anchors(candidates, features_observed, errors, how.anchors, weights=weights, **shape)
        anchors = torch.cat([anchors, candidates[chosen]])
        everything = kernel_functions(features_all, anchors, **shape).mean(0)
        observed = kernel_functions(features_observed, anchors, **shape) / len(scores)
        for _ in range(how.steps):
            weights = _of_mean_one(scores)
            gap = everything - weights @ observed
            loss = kernel_balance_loss(weights, gap, slack=how.slack, coefficient=how.coefficient)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return _of_mean_one(scores.detach())


def _of_mean_one(scores: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return len(scores) * scores.softmax(0)


@component("kernel-balancing")
def effective_sample_size(weights: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """Kish's (sum w)^2 / sum w^2: how many equally weighted pairs would be as certain."""
    return weights.sum().square() / weights.square().sum()


@component("kernel-balancing")
def ips_estimate(
    errors: Float[Tensor, "n"], weights: Float[Tensor, "n"], *, total: int | None = None
) -> Float[Tensor, ""]:
    """Inverse propensity score: sum w e / n over the observed pairs; for weights 1 / propensity give the number of all.

    ``errors`` are the values of any loss with ``reduction="none"``, and the estimate is what a recommender minimises.
    """
    return (weights * errors).sum() / (len(errors) if total is None else total)


@component("kernel-balancing")
def snips_estimate(errors: Float[Tensor, "n"], weights: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """Self-normalised inverse propensity score: sum w e / sum w."""
    return (weights * errors).sum() / weights.sum()


@component("kernel-balancing")
def dr_estimate(
    errors: Float[Tensor, "n"],
    weights: Float[Tensor, "n"],
    imputed: Float[Tensor, "n"],
    imputed_all: Float[Tensor, "m"],
    *,
    weigh_imputed: bool = True,
) -> Float[Tensor, ""]:
    """Doubly robust: mean of w (e - imputed) over the observed pairs plus the mean of the imputed errors of all pairs.

    It is right where either the weights or the imputed errors are. With ``weigh_imputed=False`` the observed pairs'
    imputed errors are subtracted without weights, as in the released code: with the right weights it is then off by
    what the imputed errors' means over all and over the observed pairs differ.
    """
    subtracted = weights * imputed if weigh_imputed else imputed
    return (weights * errors - subtracted).mean() + imputed_all.mean()
