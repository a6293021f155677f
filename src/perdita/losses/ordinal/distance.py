"""Losses of class logits that grow with the distance between classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution
from perdita.losses.log_odds import split_top

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def cumulative_gap(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"]
) -> Float[Tensor, "n k *d"]:
    """Predicted minus wanted P(class <= j), for every class j but the last, where both are 1."""
    gap = logits.softmax(1) - as_distribution(target, logits)
    return gap.cumsum(1).narrow(1, 0, logits.shape[1] - 1)


@loss(
    task="ordinal",
    aliases=("oll", "ordinal_log_loss_alpha"),
    traits=Traits(
        proper=False, convex=False, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False,
        differentiable=True,
    ),
    ranges={"alpha": Range(0, open="low", search=(0.5, 2.0))},
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def ordinal_log_loss(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    alpha: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Every wrong class pays for its probability, the more the farther it is from the label.

    With p = softmax(logits) over c ordered classes:

    .. math:: \ell = -\sum_k |k - y|^{\text{alpha}} \log(1 - p_k)

    For a soft target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) classes y, or (n, c, *d) probabilities.
        alpha: above 0; the larger, the more the far classes count.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, an alpha that is not positive.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.ordinal_log_loss(logits, torch.tensor([0])).item()
        0.33785...

    Source:
        Castagnos, Mihelich, Dognin, "A Simple Log-based Loss Function for Ordinal Text Classification", COLING 2022,
        equation 4.
    """
    classes = torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    if target.is_floating_point():
        table = (classes - classes.unsqueeze(1)).abs() ** alpha
        distance = torch.einsum("ky,ny...->nk...", table, target.to(logits.dtype))
    else:
        each = classes.view(1, -1, *[1] * (logits.ndim - 2))
        distance = (target.to(logits.dtype).unsqueeze(1) - each).abs()
        distance = distance if alpha == 1 else distance**alpha
    split = split_top(logits)
    of_top = distance.gather(1, split.index) * F.softplus(split.top)
    return of_top.squeeze(1) - (distance * torch.log1p(split.odds * -split.unit)).sum(1)


@loss(
    task="ordinal",
    aliases=("emd", "expected_distance"),
    traits=Traits(
        proper=False, convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False,
    ),
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def earth_mover(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"]
) -> Float[Tensor, "n *d"]:
    r"""How far probability has to travel along the ordered classes to become the target.

    With p = softmax(logits) and t the target as a distribution:

    .. math:: \ell = \sum_{j=0}^{c-2} \Big|\sum_{k \le j} (p_k - t_k)\Big|

    For a class index y it is the expected distance between y and a class drawn from p, which is least when p stands on
    the median of the labels: it is not proper.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.

    Returns:
        (n, *d) values in [0, c - 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.earth_mover(logits, torch.tensor([0])).item()
        0.31952...

    Source:
        Hou, Yu, Samaras, "Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks", 2016, arXiv
        1611.05916, section 3, with the exponent 1.
    """
    return cumulative_gap(logits, target).abs().sum(1)


@loss(
    task="ordinal",
    aliases=("squared_emd", "emd_squared", "ranked_probability_score"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=False, bounded=True, nonnegative=True,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def squared_earth_mover(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"]
) -> Float[Tensor, "n *d"]:
    r"""Squared distance between the predicted and the wanted cumulative probabilities.

    With p = softmax(logits) and t the target as a distribution:

    .. math:: \ell = \sum_{j=0}^{c-2} \Big(\sum_{k \le j} (p_k - t_k)\Big)^2

    It is the ranked probability score of forecasters. The paper's "EMD squared" is this without a divisor.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.

    Returns:
        (n, *d) values in [0, c - 1].

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.squared_earth_mover(logits, torch.tensor([0])).item()
        0.05671...

    Source:
        Hou, Yu, Samaras, "Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks", 2016, arXiv
        1611.05916, section 3; Epstein, "A Scoring System for Probability Forecasts of Ranked Categories", Journal of
        Applied Meteorology 1969.
    """
    return cumulative_gap(logits, target).square().sum(1)
