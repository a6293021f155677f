"""Triplets within a labelled batch: all that are active, the semi-hard ones, or the hardest of each anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Range, Traits
from perdita.core.apply import may_look
from perdita.core.numerics import most_negative
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import excluded, highest, lowest, masked_sum
from perdita.losses.ranking.lists import in_integers
from perdita.losses.ranking.pair_sums import LOGISTIC, Pairs, pair_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

FEW = 16  # positives of an anchor that are faster looked at one by one than sorted


@pair_loss(
    similarity="normalized_euclidean",
    aliases=("batch_triplet", "batch_hard_triplet", "triplet_loss"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"kind": Choice(("all", "semihard", "hard")), "margin": Range(0, search=(0.01, 1.0), log=True)},
)
def triplet(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    kind: str = "all",
    margin: float = 0.2,
    smooth: bool = False,
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    r"""How much an anchor's negatives lack to a margin farther away than its positives.

    .. math:: \ell = \sum_{(p, n)} \max(0, s_n - s_p + \text{margin})

    - kind="all": over all pairs of a positive and a negative; the count of an anchor is the number of its triplets
      above 0, so that the mean is that of the active triplets of the batch.
    - kind="semihard": over the positives, each with the closest of the negatives that are farther than it or, where
      there is none, with the farthest negative; the count is the number of positives.
    - kind="hard": the farthest positive and the closest negative alone; the count is 1.

    With ``smooth`` the maximum is log(1 + exp(…)): every triplet then is above 0 and counts. An anchor without a
    positive or without a negative has the value 0 and the count 0. "all" sorts each row instead of visiting its
    triplets: O(m log m) for an anchor, not O(m^2), unless it is smooth or an anchor has few positives.

    Args:
        kind: "all", "semihard" or "hard".
        margin: the lead that costs nothing.
        smooth: whether a soft maximum takes the place of the maximum.

    Returns:
        (n,) non-negative values, one for each anchor: sums over its triplets.

    Raises:
        InputError: a negative margin, labels below 0, an unknown kind, similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.triplet(embedding, torch.tensor([0, 0, 1, 1]), margin=0.2).item()
        0.54961...

    Source:
        Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, arXiv 1503.03832; "all" and "hard": Hermans, Beyer, Leibe,
        "In Defense of the Triplet Loss for Person Re-Identification", 2017, arXiv 1703.07737, equations 5 to 7.
    """
    if kind == "all" and not smooth:
        partners, count = _active_partners(similarity.detach(), positive, negative, margin)
        return ((partners * similarity).sum(1) + margin * count).clamp_min(0.0), count
    both = positive.any(1) & negative.any(1)
    if kind == "hard":
        near = torch.where(both, lowest(similarity, positive).squeeze(1), 0.0)
        far = torch.where(both, highest(similarity, negative).squeeze(1), 0.0)
        return torch.where(both, _above_zero(far - near + margin, smooth), 0.0), both.to(similarity.dtype)
    if kind == "semihard":
        rival = similarity.gather(1, _semihard_rival(similarity.detach(), positive, negative))
        value = masked_sum(_above_zero(rival - similarity + margin, smooth), positive & both.unsqueeze(1))
        return value, positive.sum(1) * both.to(similarity.dtype)
    near, far = positive.to(similarity.dtype), negative.to(similarity.dtype)
    value = pair_sums(Pairs(LOGISTIC, _meet), similarity - margin, similarity, (near,), (far,)).sum(1)
    return value, near.sum(1) * far.sum(1)


def _above_zero(gap: Float[Tensor, "*b"], smooth: bool) -> Float[Tensor, "*b"]:
    return F.softplus(gap, threshold=40.0) if smooth else gap.clamp_min(0.0)


def _meet(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    return rows[0] * columns[0]


def _active_partners(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], margin: float
) -> tuple[Float[Tensor, "b m"], Float[Tensor, "b"]]:
    """For a negative the number of positives with s_p < s_n + margin, for a positive minus that of such negatives; and
    the number of such pairs. One look at a time where a host may see that there are few positives, else by sorting."""
    if may_look({"similarity": similarity}) and similarity.numel():
        most = int(positive.sum(1).max())
        if most <= FEW:
            return _partners_by_looks(similarity, positive, negative, margin, most)
    return _partners_by_sorting(similarity, positive, negative, margin)


def _partners_by_looks(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], margin: float,
    most: int,
) -> tuple[Float[Tensor, "b m"], Float[Tensor, "b"]]:  # fmt: skip
    """All negatives against the first positive of each anchor, then the second, …, of at most so many."""
    levels, place = excluded(similarity, positive).topk(most, dim=1)
    levels = levels.masked_fill(levels <= most_negative(levels.dtype) / 2, torch.inf)  # an anchor with fewer
    rivals = excluded(similarity + margin, negative)
    partners, found = torch.zeros_like(similarity), torch.zeros_like(levels)
    for look in range(most):
        active = (rivals - levels[:, look : look + 1]).relu_().sign_()
        partners += active
        found[:, look] = active.sum(1)
    return partners.scatter_add_(1, place, -found), found.sum(1)


def _partners_by_sorting(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], margin: float
) -> tuple[Float[Tensor, "b m"], Float[Tensor, "b"]]:
    """Of all s_p and s_n + margin in falling order, the triplet of p and n is active where n comes before p."""
    ahead, behind = negative.to(similarity.dtype), positive.to(similarity.dtype)
    order = _falling(excluded(similarity + margin * ahead, positive | negative), positive)
    negatives, positives = ahead.gather(1, order), behind.gather(1, order)
    before = positives * negatives.cumsum(1)
    after = negatives * (positives.sum(1, keepdim=True) - positives.cumsum(1))
    return torch.zeros_like(similarity).scatter(1, order, after - before), before.sum(1)


def _falling(values: Float[Tensor, "b m"], first: Bool[Tensor, "b m"]) -> Int[Tensor, "b m"]:
    """Each row's places in falling order; of equal ones those of ``first`` come first, as if they were larger."""
    return (in_integers(values) + first).argsort(dim=1, descending=True)


def _semihard_rival(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"]
) -> Float[Tensor, "b m"]:
    """For each place the closest negative that is farther than it or, where there is none, the farthest negative."""
    columns = similarity.shape[1]
    ranked, order = similarity.masked_fill(~negative, torch.inf).sort(1)  # negatives, rising, then the rest
    farther = torch.searchsorted(ranked, similarity.contiguous())  # negatives below the place itself
    return order.gather(1, (farther - 1).clamp(min=0, max=columns - 1))
