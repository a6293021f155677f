"""Which pairs count: from rows of similarities and the masks of positives and negatives to narrower masks.

Every function here gives ``(positive, negative)`` anew and goes into the ``select=`` of any pair loss, by its name, as
it is, or with other settings: ``select=partial(top_k, k=5)``. Each row is chosen by itself, so that blocks of rows
choose what the whole matrix would. A pair whose similarity is NaN stays, so that no NaN is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from perdita.core.errors import InputError, nearest
from perdita.losses.embedding.rows import highest, lowest

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    Masks = tuple[Bool[Tensor, "b m"], Bool[Tensor, "b m"]]


def all_pairs(similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"]) -> Masks:
    """Every pair that is there."""
    return positive, negative


def hard(similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"]) -> Masks:
    """The farthest positive and the closest negative of each anchor (equally far ones all).

    Source: Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification", arXiv 1703.07737.
    """
    return (
        positive & ~(similarity > lowest(similarity, positive)),
        negative & ~(similarity < highest(similarity, negative)),
    )


def easy_positive(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"]
) -> Masks:
    """The closest positive of each anchor, and every negative.

    Source: Xuan, Stylianou, Pless, "Improved Embeddings with Easy Positive Triplet Mining", arXiv 1904.04370.
    """
    return positive & ~(similarity < highest(similarity, positive)), negative


def semi_hard(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.2,
) -> Masks:
    """Negatives farther than some positive by less than the margin, and every positive.

    Source: Schroff, Kalenichenko, Philbin, "FaceNet", CVPR 2015, arXiv 1503.03832, section 3.2.
    """
    near = similarity.masked_fill(~positive, torch.inf).sort(1).values  # positives, rising
    closer = torch.searchsorted(near, similarity.contiguous(), right=True)  # positives no closer than the place itself
    within = torch.searchsorted(near, (similarity + margin).contiguous())  # and those closer by less than the margin
    return positive, negative & ~((within <= closer) & ~similarity.isnan())


def multi_similarity(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    epsilon: float = 0.1,
) -> Masks:
    """Negatives closer than the farthest positive, positives farther than the closest negative, within epsilon.

    Negative j stays where S_j + epsilon > min over the positives, positive j where S_j - epsilon < max over the
    negatives: an anchor that lacks either keeps nothing.

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting", CVPR 2019, arXiv 1904.06627, section 4.1.
    """
    return (
        positive & ~(similarity - epsilon >= highest(similarity, negative)),
        negative & ~(similarity + epsilon <= lowest(similarity, positive)),
    )


def top_k(
    similarity: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], *, k: int = 10
) -> Masks:
    """The k closest negatives of each anchor, and every positive."""
    return positive, negative & _among(similarity.masked_fill(~negative, -torch.inf), k)


def distance_weighted(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    dimension: int,
    k: int = 1,
    cutoff: float = 0.5,
    farthest: float = 1.4,
    generator: torch.Generator | None = None,
) -> Masks:
    r"""Negatives drawn so that every distance is as likely as any other, and every positive.

    On the unit sphere of dimension d, the distances of random points have the density
    q(D) ~ D^{d-2} (1 - D^2/4)^{(d-3)/2}; a negative is drawn in proportion to 1 / q(D). The similarity must be
    "normalized_euclidean".

    Args:
        similarity, positive, negative: as everywhere; the similarity is -D.
        dimension: of the embeddings.
        k: negatives of each anchor, drawn without replacement.
        cutoff: distances below it count as this one.
        farthest: negatives beyond are never drawn, unless an anchor has no others.
        generator: of the draws.

    Source: Wu, Manmatha, Smola, Krähenbühl, "Sampling Matters in Deep Embedding Learning", ICCV 2017, arXiv 1706.07567.
    """
    apart = (-similarity).clamp(min=cutoff, max=2 - 1e-4)
    log_weight = (2 - dimension) * apart.log() - (dimension - 3) / 2 * (1 - apart.square() / 4).log()
    log_weight = torch.where(-similarity > farthest, log_weight - 1e6, log_weight)
    noise = torch.rand(similarity.shape, generator=generator, dtype=similarity.dtype, device=similarity.device)
    gumbel = -(-noise.clamp_min(torch.finfo(noise.dtype).tiny).log()).log()
    return positive, negative & _among((log_weight + gumbel).masked_fill(~negative, -torch.inf), k)


def _among(values: Float[Tensor, "b m"], k: int) -> Bool[Tensor, "b m"]:
    """Whether a place is among the k largest of its row; earlier places first among equals, NaN before all."""
    order = values.argsort(dim=1, descending=True, stable=True)[:, :k]
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, order, torch.ones_like(order, dtype=torch.bool))


SELECTIONS: dict[str, Callable[..., Masks]] = {
    "all": all_pairs,
    "hard": hard,
    "easy_positive": easy_positive,
    "semi_hard": semi_hard,
    "multi_similarity": multi_similarity,
    "top_k": top_k,
}


def resolve_selection(select: str | Callable[..., Masks]) -> Callable[..., Masks]:
    """A selection by its name, or one's own function.

    Raises:
        InputError: no such name.
    """
    if callable(select):
        return select
    if select not in SELECTIONS:
        known = f"None, one of {', '.join(SELECTIONS)} or a function"
        raise InputError(f"select must be {known}, not {select!r}{nearest(str(select), SELECTIONS)}")
    return SELECTIONS[select]
