"""Pairs of sentences, images or anything with a score or a label for each pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, InputError, Range, Traits, loss
from perdita.core.numerics import most_negative, normalize, safe_norm

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

PAIR_RANGES = {"margin": Range(0, search=(0.2, 1.0)), "distance": Choice(("cosine", "euclidean"))}


def cosine_of(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    """The cosine of each pair; 0 with a zero vector."""
    return (normalize(first) * normalize(second)).sum(1)


def angle_similarity(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    r"""|sum of the real and imaginary parts of x / y| of unit vectors, whose halves are real and imaginary parts.

    For x = (a, b) and y = (c, d) of length 1: |sum (ac + bd) + (bc - ad)|.

    Raises:
        InputError: an odd number of features.
    """
    if first.shape[1] % 2:
        raise InputError(f"first must have an even number of features for the angle, not {first.shape[1]}")
    (a, b), (c, d) = (normalize(x).chunk(2, 1) for x in (first, second))
    return (a * c + b * d + b * c - a * d).sum(1).abs()


@loss(
    task="embedding",
    rowwise=False,
    aliases=("CoSENTLoss", "AnglELoss", "angle_loss", "cosent_loss"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "temperature": Range(0, open="low", search=(0.01, 0.2), log=True),
        "similarity": Choice(("cosine", "angle")),
    },
    cost=Cost(time="n n + n d", memory="n n", passes=4),
)
def cosent(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    target: Float[Tensor, "n"] | Int[Tensor, "n"],
    *,
    temperature: float = 0.05,
    similarity: str = "cosine",
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Soft maximum of how much a pair with a lower score is more similar than one with a higher score.

    With s_i the similarity of pair i and t_i its score:

    .. math:: \ell = \log \Bigl(1 + \sum_{t_i > t_j} e^{(s_j - s_i) / T}\Bigr)

    Only the order of the scores counts.

    Args:
        first: (n, d) one item of each pair, of any length.
        second: (n, d) the other item.
        target: (n,) scores t, higher for pairs that are more alike.
        temperature: T; 0.05 is a scale of 20.
        similarity: "cosine" (CoSENT), or "angle" (AnglE), the angle in the complex plane of the vectors' halves.
        mask: (n,); pairs where it is False are not there.

    Returns:
        One non-negative value for the batch; 0 where all scores are equal.

    Raises:
        InputError: a temperature <= 0, an unknown similarity, an odd number of features for "angle".

    Example:
        >>> first, second = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.8, 0.6], [0.6, 0.8]]])
        >>> perdita.functional.cosent(first, second, torch.tensor([0.2, 0.9]), temperature=1.0).item()
        0.79813...

    Source:
        Su, "CoSENT: A more efficient sentence vector scheme than Sentence-BERT", 2022 (a blog post); angle: Li, Li,
        "AnglE-optimized Text Embeddings", ACL 2024, arXiv 2309.12871, as in the authors' code, which orders the pairs
        as CoSENT does, against the sign of the paper's equation.
    """
    if mask is not None:
        first, second = (torch.where(mask.unsqueeze(1), view, 0.0) for view in (first, second))
    compare = angle_similarity if similarity == "angle" else cosine_of
    scores = compare(first, second)
    target = target.detach().to(scores.dtype)
    wanted = target.unsqueeze(1) > target
    if mask is not None:
        wanted = wanted & mask & mask.unsqueeze(1)
    gaps = (scores - scores.unsqueeze(1)) / temperature
    gaps = gaps.masked_fill(~wanted, most_negative(scores.dtype)).flatten()
    total = torch.cat([torch.zeros_like(gaps.sum()).unsqueeze(0), gaps]).logsumexp(0)
    return total + 0.0 * scores.sum()


@loss(
    task="embedding",
    aliases=("SiameseContrastiveLoss",),
    traits=Traits(convex=False, nonnegative=True),
    ranges=PAIR_RANGES,
    domains={"target": "binary"},
    cost=Cost(time="n d", memory="n d"),
)
def siamese_contrastive(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    target: Float[Tensor, "n"] | Int[Tensor, "n"],
    *,
    margin: float = 0.5,
    distance: str = "cosine",
) -> Float[Tensor, "n"]:
    r"""Squared distance of a pair that belongs together, or squared lack of a margin of one that does not.

    .. math:: \ell = t D^2 + (1 - t) \max(0, \text{margin} - D)^2

    Args:
        first: (n, d) one item of each pair.
        second: (n, d) the other item.
        target: (n,) t, 1 for a pair that belongs together, 0 for one that does not.
        margin: the distance from which a pair that does not costs nothing.
        distance: D, "cosine" for 1 - cos, or "euclidean".

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a target other than 0 and 1, a negative margin, an unknown distance.

    Example:
        >>> first, second = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.8, 0.6], [0.6, 0.8]]])
        >>> perdita.functional.siamese_contrastive(first, second, torch.tensor([1, 0])).item()
        0.02500...

    Source:
        Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006, equation 4,
        without its factor of 1/2.
    """
    return _pull_and_push(_apart(first, second, distance), target, margin)


@loss(
    task="embedding",
    rowwise=False,
    aliases=("OnlineContrastiveLoss",),
    traits=Traits(convex=False, nonnegative=True),
    ranges=PAIR_RANGES,
    domains={"target": "binary"},
    cost=Cost(time="n d", memory="n d"),
)
def online_contrastive(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    target: Float[Tensor, "n"] | Int[Tensor, "n"],
    *,
    margin: float = 0.5,
    distance: str = "cosine",
    mask: Bool[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    r"""The contrastive loss of labelled pairs over the hard ones of a batch alone.

    .. math:: \ell = t D^2 + (1 - t) \max(0, \text{margin} - D)^2

    where a positive pair is farther than the closest negative pair of the batch, or a negative pair closer than its
    farthest positive pair; other pairs have the value 0 and the count 0. Without any pair of the other kind all count.

    Args:
        first: (n, d) one item of each pair.
        second: (n, d) the other item.
        target: (n,) t, 1 for a pair that belongs together, 0 for one that does not.
        margin: the distance from which a pair that does not costs nothing.
        distance: D, "cosine" for 1 - cos, or "euclidean".
        mask: (n,); pairs where it is False are not there.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a target other than 0 and 1, a negative margin, an unknown distance.

    Example:
        >>> first, second = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.8, 0.6], [0.6, 0.8]]])
        >>> perdita.functional.online_contrastive(first, second, torch.tensor([0, 1])).item()
        0.12499...

    Source:
        The package sentence-transformers, OnlineContrastiveLoss, which sums; the loss is that of Hadsell, Chopra,
        LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    there = torch.ones_like(first[:, 0]) if mask is None else mask.to(first.dtype)
    if mask is not None:
        first, second = (torch.where(mask.unsqueeze(1), view, 0.0) for view in (first, second))
        target = torch.where(mask, target, 0)
    apart, together = _apart(first, second, distance), target.to(first.dtype)
    there = there * _hard(apart.detach(), together * there, (1 - together) * there)
    return _pull_and_push(apart, target, margin) * there, there


def _apart(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], distance: str) -> Float[Tensor, "n"]:
    return 1 - cosine_of(first, second) if distance == "cosine" else safe_norm(first - second)


def _pull_and_push(
    apart: Float[Tensor, "n"], target: Float[Tensor, "n"] | Int[Tensor, "n"], margin: float
) -> Float[Tensor, "n"]:
    together = target.to(apart.dtype)
    return together * apart.square() + (1 - together) * (margin - apart).clamp_min(0.0).square()


def _hard(apart: Float[Tensor, "n"], near: Float[Tensor, "n"], far: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """1 for positives farther than the closest negative, and negatives closer than the farthest positive."""
    if len(apart) == 0:
        return apart
    huge = torch.finfo(apart.dtype).max
    closest, farthest = torch.where(far > 0, apart, huge).amin(), torch.where(near > 0, apart, -huge).amax()
    late = near.bool() & ((apart > closest) | (closest == huge))
    early = far.bool() & ((apart < farthest) | (farthest == -huge))
    return (late | early).to(apart.dtype)
