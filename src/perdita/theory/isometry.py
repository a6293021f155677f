r"""How far an embedding is from separating its classes, and whether collapse is nearer: the isometric distance.

Two maps of the same points differ by the most that a distance between two points changes,

    gap(f, g) = max_{u,v} |d(f(u), f(v)) - d(g(u), g(v))|,

which no motion of either changes. A map is triplet-separated where each item is at most as far from every item of its
class as from any other: where the `triplet` loss of kind "hard" (similarity="euclidean") is 0 without a margin. The
hard-mined loss is, up to constants, the distance of a network to the set of those maps, d_iso = inf over them of the
gap. The constant map is among them: a network whose separated maps are far away collapses instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component
from perdita.core.numerics import widen
from perdita.losses.embedding.triplet import triplet

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class CollapseReport:
    """Where an embedding stands between separation and collapse."""

    diameter: Float[Tensor, ""]  # the gap to the constant map
    mean_distance: Float[Tensor, ""]  # over all pairs; 0 at full collapse
    loss: Float[Tensor, ""]  # hard-mined; the margin at full collapse, but not only there
    margin: float
    violation: Float[Tensor, ""]  # -inf where there is no triplet
    lower: Float[Tensor, ""]  # of the isometric distance to the separated maps
    upper: Float[Tensor, ""]
    collapse_ratio: Float[Tensor, ""]  # upper over diameter: 1 where the constant map is as near as the class means
    items: int
    dimension: int


@component("hard-negative-isometry")
def triplet_violation(embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    """The most by which an item is farther from one of its class than from one of another; -inf without a triplet.

    Args:
        embedding: (n, d) items.
        label: (n,) their classes.
    """
    apart = _distances(embedding, label)
    same, itself = _same(label)
    far = apart.masked_fill(~same | itself, -torch.inf).amax(1)
    near = apart.masked_fill(same, torch.inf).amin(1)
    valid = (same & ~itself).any(1) & ~same.all(1)
    return torch.where(valid, far - near, -torch.inf).amax()


@component("hard-negative-isometry")
def isometric_gap(first: Float[Tensor, "n d"], second: Float[Tensor, "n e"]) -> Float[Tensor, ""]:
    """The most by which a distance of two points differs between two embeddings of the same points.

    Args:
        first, second: the embeddings, whose dimensions may differ.

    Raises:
        InputError: different numbers of points, or none.
    """
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second) or not len(first):
        raise InputError(
            f"first and second must embed the same points, not {tuple(first.shape)}, {tuple(second.shape)}"
        )
    return (_pairwise(first) - _pairwise(second)).abs().amax()


@component("hard-negative-isometry")
def isometric_distance_bounds(
    embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    r"""A lower and an upper bound of the isometric distance to the triplet-separated maps.

    .. math:: \max(0, v / 2) \le d_\text{iso} \le \text{gap to the class means} \le \text{diameter}

    v is the triplet violation: a map with gap g moves each of a triplet's two distances by at most g. Every item at the
    mean of its class is a separated map, and so is the constant one, whose gap is the diameter; since means lie within
    the hull of the items, they are never farther than it. The mean hard-mined loss L with margin m gives (L - m) / 2
    from below, which is never more than v / 2.

    Args:
        embedding: (n, d) items.
        label: (n,) their classes.

    Source:
        Own derivation. Xu et al., "Mathematical Justification of Hard Negative Mining via Isometric Approximation
        Theorem", ICLR 2024, arXiv 2210.11173, define d_iso; their theorem and its constants could not be read, and the
        definition here may differ from theirs by a constant.
    """
    lower = (triplet_violation(embedding, label) / 2).clamp(min=0.0)
    return lower, isometric_gap(embedding, _class_means(embedding, label))


@component("hard-negative-isometry")
def collapse_report(embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], *, margin: float = 0.2) -> CollapseReport:
    """Whether training with hard triplets is about to end in one point: distances, loss, bounds, their ratio.

    Judge it beside the batch size and the dimension: large batches and few dimensions collapse first. A loss stuck at
    the margin alone is no proof, since violations may balance.

    Args:
        embedding: (n, d) items, as the loss sees them.
        label: (n,) their classes.
        margin: of the hard-mined triplet loss.

    Raises:
        InputError: fewer than two items, a negative margin.

    Source:
        Xu, Hsieh, Vundurthy, Cohen, Choset, Li, ICLR 2024, arXiv 2210.11173.
    """
    violation, (lower, upper) = triplet_violation(embedding, label), isometric_distance_bounds(embedding, label)
    n, apart = len(embedding), _pairwise(embedding)
    diameter = apart.amax()
    return CollapseReport(
        diameter=diameter,
        mean_distance=apart.sum() / (n * (n - 1)),
        loss=triplet(widen(embedding), label, kind="hard", margin=margin, similarity="euclidean"),
        margin=margin,
        violation=violation,
        lower=lower,
        upper=upper,
        collapse_ratio=torch.where(diameter == 0, 1.0, upper / torch.where(diameter == 0, 1.0, diameter)),
        items=n,
        dimension=embedding.shape[1],
    )


def _pairwise(embedding: Float[Tensor, "n d"]) -> Float[Tensor, "n n"]:
    wide = widen(embedding)
    return torch.cdist(wide, wide, compute_mode="donot_use_mm_for_euclid_dist")


def _distances(embedding: Tensor, label: Tensor) -> Float[Tensor, "n n"]:
    if embedding.ndim != 2 or label.shape != embedding.shape[:1] or len(label) < 2:
        raise InputError(
            f"embedding must be (n, d) with labels (n,) and n at least 2, not {tuple(embedding.shape)} and "
            f"{tuple(label.shape)}"
        )
    return _pairwise(embedding)


def _same(label: Int[Tensor, "n"]) -> tuple[Bool[Tensor, "n n"], Bool[Tensor, "n n"]]:
    """Which pairs are of one class, and which are an item and itself."""
    return label.unsqueeze(1) == label, torch.eye(len(label), dtype=torch.bool, device=label.device)


def _class_means(embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n d"]:
    """Every item at the mean of its class."""
    wide = widen(embedding)
    share = _same(label)[0].to(wide.dtype)
    return share @ wide / share.sum(1, keepdim=True)
