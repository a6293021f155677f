"""The purity and spread of neighbourhoods in a batch, as a score and as a loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, InputError, Range, Traits, component, loss
from perdita.losses.embedding.prototypes import rounded_distance

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

EPS = 1e-7  # added to denominators, as in the released code
LEAST = 1e-12  # the smallest score that enters the logarithm


@dataclass(frozen=True, eq=False)
class NeighborhoodScore:
    """The quality of neighbourhoods in (0, 1], and its parts."""

    score: Float[Tensor, ""]
    same: Float[Tensor, ""]  # lambda_s: how near the neighbours of the own class are
    different: Float[Tensor, ""]  # lambda_d: how far those of other classes are
    purity: Float[Tensor, ""]  # gamma: share of neighbours of the own class; no gradient


@component("susana")
def neighborhood_score(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    k: int = 4,
    neighbors: int | None = None,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> NeighborhoodScore:
    r"""The ICNN score: whether each item's nearest neighbours are of its class and near, and the others far.

    Of each item i's nearest neighbours j at distances D_ij, the first k are judged. With a_i the distance of the
    nearest one of another class among the first ``neighbors``, R_ij = D_ij / a_i (divided by its largest value in the
    row where that is above 1, and 0 where there is no a_i), E_ij = D_ij over the largest distance of a judged neighbour
    of another class, and means over those items that have such neighbours:

    .. math:: \lambda_s = 1 - \overline{\text{mean}_{j \text{ same}} R_{ij}}, \qquad
        \lambda_d = \overline{\text{mean}_{j \text{ different}} E_{ij}}, \qquad
        \gamma = \overline{\#\text{same} / k}, \qquad
        \text{score} = \frac12 \Bigl(\frac{\lambda_s + \lambda_d}{2} + \gamma\Bigr)

    Without any different neighbour lambda_d is 1. Where fewer than k + 2 neighbours exist, k is their number less one
    and gamma is 1, as in the authors' code. Of equally far neighbours the earlier one comes first.

    Args:
        embedding: (n, d) items.
        label: (n,) their classes; any integers >= 0.
        k: neighbours that are judged.
        neighbors: those among which the nearest of another class is sought; the size of the largest class by default.
        reference: (m, d) where neighbours are sought (supports, prototypes); the other items unless given.
        reference_label: (m,) their classes.
        mask: (n,); items where it is False are not there.

    Raises:
        InputError: k below 1, a reference without labels.

    Source:
        Mendez-Ruiz et al., 2023, arXiv 2305.09062, checked against the authors' code (mode "full": supports and queries
        in one batch). The variance term and the exponents of the earlier score (arXiv 2107.06992), commented out in
        that code, are left out.
    """
    if k < 1 or (neighbors is not None and neighbors < 1):
        raise InputError(f"k and neighbors must be at least 1, not {k} and {neighbors}")
    if (reference is None) != (reference_label is None):
        raise InputError("reference and reference_label belong together: one of them is missing")
    rows = torch.ones_like(label, dtype=torch.bool) if mask is None else mask
    items = torch.where(rows.unsqueeze(1), embedding, 0.0)
    columns = items if reference is None else reference
    theirs = label if reference_label is None else reference_label
    itself = torch.eye(len(items), dtype=torch.bool, device=label.device)
    there = rows & ~itself if reference is None else torch.ones_like(label.unsqueeze(1) == theirs)
    there = there & rows.unsqueeze(1)  # (n, m)
    apart = rounded_distance(items, columns)
    order = apart.detach().masked_fill(~there, torch.inf).argsort(dim=1, stable=True)
    near = apart.gather(1, order)
    same = (label.unsqueeze(1) == theirs).gather(1, order)
    place = torch.arange(near.shape[1], device=label.device)
    available = there.sum(1).max().clamp(min=1) if there.numel() else place.new_ones(())
    largest = ((label.unsqueeze(1) == theirs) & (there | itself if reference is None else there)).sum(1)
    sought = neighbors if neighbors is not None else (largest.max() if largest.numel() else 1)
    small = available <= k + 1
    judged_count = torch.where(small, available - 1, k)
    found = there.gather(1, order) & (place < sought)
    judged = found & (place < judged_count)
    return _score(near, same, found, judged, rows, judged_count, small)


def _score(
    near: Float[Tensor, "n m"],
    same: Bool[Tensor, "n m"],
    found: Bool[Tensor, "n m"],
    judged: Bool[Tensor, "n m"],
    rows: Bool[Tensor, "n"],
    judged_count: Int[Tensor, ""],
    small: Bool[Tensor, ""],
) -> NeighborhoodScore:
    """The parts of the score from sorted distances and the masks of those that play a part."""
    foreign, own, other = found & ~same, judged & same, judged & ~same
    share_own, share_other = own.to(near.dtype), other.to(near.dtype)
    rival = near.masked_fill(~foreign, torch.inf).amin(1, keepdim=True) if near.shape[1] else near.sum(1, keepdim=True)
    some = foreign.any(1, keepdim=True)
    relative = torch.where(some & judged, near / (torch.where(some, rival, 1.0) + EPS), 0.0)
    relative = relative / relative.amax(1, keepdim=True).clamp(min=1) if near.shape[1] else relative
    same_count, other_count = own.sum(1).to(near.dtype), other.sum(1).to(near.dtype)
    spread = (relative * share_own).sum(1) / (same_count + EPS)
    lambda_same = 1 - spread.sum() / ((same_count > 0).to(near.dtype).sum() + EPS)
    outside = near * share_other
    scaled = outside / (outside.amax() + EPS) if outside.numel() else outside
    reach = (scaled.sum(1) / (other_count + EPS)).sum() / ((other_count > 0).to(near.dtype).sum() + EPS)
    lambda_different = torch.where(other.any(), reach, 1.0)
    purity = same_count.sum() / (rows.sum() * judged_count).clamp(min=1).to(near.dtype)
    purity = torch.where(small, 1.0, purity).to(near.dtype)
    score = ((lambda_same + lambda_different) / 2 + purity) / 2
    return NeighborhoodScore(score, lambda_same, lambda_different, purity)


@loss(
    task="embedding",
    paper="susana",
    aliases=("icnn",),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=False),
    ranges={"k": Range(1, integer=True, search=(1, 10)), "neighbors": Range(1, integer=True)},
    cost=Cost(time="n n d", memory="n n"),
)
def neighborhood_quality(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    k: int = 4,
    neighbors: int | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Minus the logarithm of the quality of a batch's neighbourhoods (ICNN).

    .. math:: \ell = -\log \text{score}

    with the score of `perdita.losses.embedding.neighborhoods.neighborhood_score`.

    Args:
        embedding: (n, d) items: the supports and the queries of an episode.
        label: (n,) their classes; any integers >= 0.
        k: neighbours of each item that are judged.
        neighbors: those among which the nearest of another class is sought; the size of the largest class by default.
        mask: (n,); items where it is False are not there.

    Returns:
        One non-negative value for the batch; 0 for fewer than three items.

    Raises:
        InputError: k below 1, labels below 0.

    Example:
        >>> embedding = torch.tensor([[0.0], [1.0], [2.0], [9.0], [10.0], [12.0]])
        >>> perdita.functional.neighborhood_quality(embedding, torch.tensor([0, 0, 0, 1, 1, 1]), k=2).item()
        0.05257...

    Source:
        Mendez-Ruiz et al., 2023, arXiv 2305.09062, checked against the authors' code in its mode "full". Which items
        are neighbours and the largest distances are part of the gradient as there: choices are constants, values not.
    """
    found = neighborhood_score(embedding, label, k=k, neighbors=neighbors, mask=mask)
    return -found.score.clamp(min=LEAST).log()
