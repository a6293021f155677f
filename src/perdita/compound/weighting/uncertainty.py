"""Weights learned as the noise of each task: one log-variance for each loss, trained with the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perdita.compound.weighting.protocol import Weighted, Weighting
from perdita.core import InputError, component
from perdita.core.errors import nearest
from perdita.core.numerics import widen
from perdita.core.reduction import check_reduction, reduce
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FACTORS = {"regression": 0.5, "classification": 1.0, "laplace": 1.0}  # c of c exp(-s) L
SHARES = {"regression": 0.5, "classification": 0.5, "laplace": 1.0}  # of s in the penalty
PENALTIES = ("log", "positive")


@component("uncertainty-weighting")
class UncertaintyWeighting(Weighting, name="uncertainty"):
    r"""Homoscedastic uncertainty: each loss is divided by a noise variance, whose logarithm is the price of noise.

    .. math:: \sum_i c_i e^{-s_i} L_i + d_i s_i

    with s_i the learned ``log_vars``. By kind: a Gaussian regression (L a squared error, s = log sigma^2) has c = d =
    1/2, a Laplace regression (L an absolute error, s the log of its scale) c = d = 1, a classification (L a
    cross-entropy, approximately) c = 1 and d = 1/2. At the best s the weight is d_i / L_i: losses in other units
    get the same gradient. The total may be negative, so it is no measure of progress; ``penalty="positive"`` puts
    log(1 + exp(s_i)) in place of d_i s_i and keeps it above 0.

    Give ``log_vars`` to the optimiser, without weight decay.

    Args:
        terms: number of losses.
        kinds: "regression", "classification" or "laplace", for all losses or one for each.
        init_log_var: where each s_i starts.
        penalty: "log" or "positive".
        lowest: least value of an s_i, which bounds its weight: a loss that reaches 0 would take it to infinity.

    Raises:
        InputError: an unknown kind or penalty, or not as many kinds as losses.

    Source:
        Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
        CVPR 2018, arXiv 1705.07115, equations 7 and 10 (one log sigma for each task). The positive penalty: Liebel,
        Körner, "Auxiliary Tasks in Multi-task Learning", arXiv 1805.06334, where every c is 1/2.
    """

    partial = True

    def __init__(
        self,
        terms: int,
        *,
        kinds: str | Sequence[str] = "classification",
        init_log_var: float = 0.0,
        penalty: str = "log",
        lowest: float = -10.0,
    ) -> None:
        super().__init__(terms, kinds=kinds, init_log_var=init_log_var, penalty=penalty, lowest=lowest)
        each = [kinds] * terms if isinstance(kinds, str) else list(kinds)
        for kind in each:
            if kind not in FACTORS:
                raise InputError(f"kinds must be among {tuple(FACTORS)}, not {kind!r}{nearest(str(kind), FACTORS)}")
        if len(each) != terms:
            raise InputError(f"kinds must be one for each of the {terms} losses, not {len(each)}")
        if penalty not in PENALTIES:
            raise InputError(f"penalty must be one of {PENALTIES}, not {penalty!r}{nearest(str(penalty), PENALTIES)}")
        self.penalty, self.lowest = penalty, lowest
        self.log_vars = nn.Parameter(torch.full((terms,), float(init_log_var)))
        self.register_buffer("factors", torch.tensor([FACTORS[kind] for kind in each]), persistent=False)
        self.register_buffer("shares", torch.tensor([SHARES[kind] for kind in each]), persistent=False)

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """The terms c_i exp(-s_i) L_i + d_i s_i and the weights c_i exp(-s_i)."""
        log_vars = widen(self.log_vars).clamp_min(self.lowest)
        weights = self.factors * torch.exp(-log_vars)
        price = self.shares * log_vars if self.penalty == "log" else F.softplus(log_vars)
        return Weighted(weights * losses + price, weights.detach())

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Bring an s_i that the optimiser took below ``lowest`` back there, whence it can rise again."""
        self.log_vars.clamp_min_(self.lowest)


@component("uncertainty-weighting")
def multi_task_gaussian_nll(
    predictions: Sequence[Float[Tensor, "n d"]],
    targets: Sequence[Float[Tensor, "n d"]],
    log_vars: Sequence[Float[Tensor, "d"]],
    *,
    reduction: str = "mean",
) -> Tensor:
    r"""Twice the Gaussian negative log-likelihood of several regressions, up to a constant.

    .. math:: \sum_i \sum_j e^{-s_{ij}} (\hat y_{ij} - y_{ij})^2 + s_{ij}

    Args:
        predictions, targets: one (n, d_i) tensor for each regression.
        log_vars: for each, the log-variance s_i, (d_i,) or (1,); a single one counts once for each of the d_i numbers.
        reduction: "mean" (over the n items), "sum" or "none".

    Returns:
        The reduced value, or (n,) values.

    Raises:
        InputError: lists of different lengths, or shapes that do not fit.

    Source:
        Kendall, Gal, Cipolla, CVPR 2018, arXiv 1705.07115, after the authors' notebook, which has twice the paper's
        equation 7 and, unlike it, counts s once for each dimension.
    """
    check_reduction(reduction)
    if not len(predictions) == len(targets) == len(log_vars) > 0:
        counts = f"{len(predictions)}, {len(targets)} and {len(log_vars)}"
        raise InputError(f"predictions, targets and log_vars must be equally many, not {counts}")
    values = []
    for prediction, target, log_var in zip(predictions, targets, log_vars, strict=True):
        if (
            prediction.shape != target.shape
            or prediction.ndim != 2
            or log_var.shape not in ((1,), prediction.shape[1:])
        ):
            shapes = f"{tuple(prediction.shape)}, {tuple(target.shape)}, {tuple(log_var.shape)}"
            raise InputError(
                f"each prediction, target and log_var must be (n, d), (n, d) and (d,) or (1,), not {shapes}"
            )
        s = widen(log_var)
        values.append((torch.exp(-s) * (widen(prediction) - target).square() + s).sum(1))
    return reduce(torch.stack(values).sum(0), reduction=reduction)


@component("uncertainty-weighting")
def tempered_cross_entropy(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], log_var: Float[Tensor, ""]
) -> Float[Tensor, ""]:
    r"""Mean cross-entropy of logits divided by a learned variance, softmax(f e^{-s}): no penalty term is needed.

    It is the likelihood that the classification kind of `UncertaintyWeighting` approximates.

    Args:
        logits: (n, c, *d).
        target: (n, *d) class indices.
        log_var: s.

    Source:
        Kendall, Gal, Cipolla, CVPR 2018, arXiv 1705.07115, equation 8.
    """
    return cross_entropy(widen(logits) * torch.exp(-widen(log_var)), target)
