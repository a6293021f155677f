"""Each item of a list for itself, the list as a whole in one number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Traits, loss
from perdita.losses.ranking.lists import as_lists

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="ranking",
    aliases=("pointwise_rmse", "PointwiseRMSELoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False),
    domains={"target": "nonnegative"},
    cost=Cost(time="n m", memory="n m", passes=3),
)
def list_rmse(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    mask: Bool[Tensor, "n m"] | None = None,
) -> tuple[Float[Tensor, "n"], Bool[Tensor, "n"]]:
    r"""Root of the mean squared difference of the scores of a list and its relevance.

    .. math:: \ell = \sqrt{\frac{1}{m} \sum_i (s_i - t_i)^2}

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance t, from 0 on.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, for a list without items.

    Raises:
        InputError: relevance below 0, shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.list_rmse(scores, target).item()
        1.15470...

    Source:
        The pointwise loss of Pobrotyn et al., "Context-Aware Learning to Rank with Self-Attention", 2020,
        arXiv 2005.10084. Their code multiplies a sigmoid of the score by the number of levels first.
    """
    lists = as_lists(scores, target, mask)
    size = (lists.kept & (scores.shape[1] > 0)).sum(1).to(lists.scores.dtype)
    square = (lists.scores - lists.target).square().sum(1) / size.clamp(min=1)
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt()), size > 0
