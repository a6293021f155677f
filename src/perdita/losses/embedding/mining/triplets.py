"""Pairs that are part of some triplet: of one that violates a margin, of one that opens too wide.

Like all of `perdita.losses.embedding.selection` these go into the ``select=`` of any pair loss. A triplet is two pairs,
and masks know pairs: a positive stays where some negative makes a chosen triplet with it, and the other way round.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core.errors import InputError
from perdita.losses.embedding.rows import highest, lowest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    Masks = tuple[Bool[Tensor, "b m"], Bool[Tensor, "b m"]]

TRIPLETS = ("all", "hard", "semi_hard", "easy")
STRATEGIES = ("hard", "semi_hard", "easy", "all")
Interval = tuple[float, float]


def triplet_violations(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.2,
    kind: str = "all",
) -> Masks:
    """Pairs of triplets by their lead s_p - s_n: "all" up to the margin, of which "hard" up to 0 and "semi_hard" above
    it; "easy" beyond the margin.

    Raises:
        InputError: an unknown kind.
    """
    if kind not in TRIPLETS:
        raise InputError(f"kind must be one of {', '.join(TRIPLETS)}, not {kind!r}")
    if kind == "semi_hard":
        return _with_lead_between(similarity, positive, negative, margin)
    if kind == "easy":
        far, near = lowest(similarity, negative), highest(similarity, positive)
        return positive & ~(similarity - far <= margin), negative & ~(near - similarity <= margin)
    limit = min(margin, 0.0) if kind == "hard" else margin
    close, away = highest(similarity, negative), lowest(similarity, positive)
    return positive & ~(similarity - close > limit), negative & ~(away - similarity > limit)


def _with_lead_between(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], margin: float
) -> Masks:
    """Pairs of triplets whose lead lies in (0, margin]: two searches in each sorted row."""
    near = similarity.masked_fill(~positive, torch.inf).sort(1).values  # positives, rising
    far = (-similarity).masked_fill(~negative, torch.inf).sort(1).values  # negatives, falling
    own = similarity.contiguous()
    ahead = torch.searchsorted(near, own, right=True)  # positives with no lead over the place
    within = torch.searchsorted(near, own + margin, right=True)  # and those with a lead up to the margin
    behind = torch.searchsorted(far, -own, right=True)
    reach = torch.searchsorted(far, margin - own, right=True)
    unknown = similarity.isnan()
    return positive & ((reach > behind) | unknown), negative & ((within > ahead) | unknown)


def pair_margin(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    positive_threshold: float = 0.8,
    negative_threshold: float = 0.2,
) -> Masks:
    """Positives below one similarity and negatives above another."""
    return positive & ~(similarity >= positive_threshold), negative & ~(similarity <= negative_threshold)


def easy_hard(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    positives: str = "easy",
    negatives: str = "semi_hard",
    positive_range: Interval | None = None,
    negative_range: Interval | None = None,
) -> Masks:
    """One positive and one negative of each anchor (equally far ones all): the hardest, the easiest, or, of one kind,
    the hardest that is easier than the one chosen of the other kind; "all" keeps every pair of its kind.

    The ranges are similarities within which a pair must lie to be chosen by anything but "all". Unless one of them is
    "all", an anchor that finds none of either kind keeps nothing.

    Raises:
        InputError: an unknown strategy, "semi_hard" twice or together with "all".

    Source: Xuan, Stylianou, Pless, "Improved Embeddings with Easy Positive Triplet Mining", arXiv 1904.04370.
    """
    _check_strategies(positives, negatives)
    near = positive if positives == "all" else positive & _inside(similarity, positive_range)
    far = negative if negatives == "all" else negative & _inside(similarity, negative_range)
    if positives == "semi_hard":
        far = _extreme(similarity, far, largest=negatives == "hard")
        near = _extreme(similarity, near & ~(similarity <= highest(similarity, far)), largest=False)
    else:
        near = near if positives == "all" else _extreme(similarity, near, largest=positives == "easy")
        if negatives == "semi_hard":
            far = _extreme(similarity, far & ~(similarity >= lowest(similarity, near)), largest=True)
        elif negatives != "all":
            far = _extreme(similarity, far, largest=negatives == "hard")
    if "all" in (positives, negatives):
        return near, far
    both = near.any(1, keepdim=True) & far.any(1, keepdim=True)
    return near & both, far & both


def _check_strategies(positives: str, negatives: str) -> None:
    for name, value in (("positives", positives), ("negatives", negatives)):
        if value not in STRATEGIES:
            raise InputError(f"{name} must be one of {', '.join(STRATEGIES)}, not {value!r}")
    if "semi_hard" in (positives, negatives) and (positives == negatives or "all" in (positives, negatives)):
        raise InputError('positives and negatives cannot be "semi_hard" both, nor one of them beside "all"')


def _inside(similarity: Float[Tensor, "b m"], interval: Interval | None) -> Bool[Tensor, "b m"]:
    low, high = interval or (-math.inf, math.inf)
    return ~((similarity < low) | (similarity > high))


def _extreme(similarity: Float[Tensor, "b m"], pairs: Bool[Tensor, "b m"], *, largest: bool) -> Bool[Tensor, "b m"]:
    """The places of a mask with the largest, or the smallest, similarity of their row."""
    if largest:
        return pairs & ~(similarity < highest(similarity, pairs))
    return pairs & ~(similarity > lowest(similarity, pairs))


def wide_angle(
    similarity: Float[Tensor, "n n"],
    positive: Bool[Tensor, "n n"],
    negative: Bool[Tensor, "n n"],
    *,
    angle: float = 20.0,
) -> Masks:
    r"""Pairs of triplets that open wider than an angle: atan(D_ap / (2 D_nc)) with c the middle of anchor and positive.

    The similarity must be "cosine", of a batch against itself: the negative's similarity to the positive counts too, so
    that blocks of anchors cannot choose alone. All triplets are looked at, one negative at a time.

    Args:
        similarity, positive, negative: as everywhere.
        angle: in degrees.

    Raises:
        InputError: a matrix that is not square.

    Source: Wang, Zhou, Wen, Liu, Lin, "Deep Metric Learning with Angular Loss", ICCV 2017, arXiv 1708.01682.
    """
    if similarity.shape[0] != similarity.shape[1]:
        raise InputError(f"wide_angle needs a batch against itself, not a matrix of shape {tuple(similarity.shape)}")
    least = math.tan(math.radians(angle))
    base = (2 - 2 * similarity).clamp_min(0.0)  # squares of D_ap
    half = 1.5 + 0.5 * similarity  # 1 + |c|^2, for unit vectors
    kept, found = torch.zeros_like(positive), []
    for n in range(similarity.shape[1]):
        away = (half - similarity[:, n].unsqueeze(1) - similarity[:, n]).clamp_min(0.0)  # squares of D_nc
        wide = positive & negative[:, n].unsqueeze(1) & ~(base <= 4 * least**2 * away)
        kept = kept | wide
        found.append(wide.any(1))
    return kept, torch.stack(found, 1) if found else negative
