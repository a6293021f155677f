"""Pairs and triplets of items, compared by a distance, a cosine or their scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float, Int
    from torch import Tensor

_TINY = 1e-12  # added to each squared norm, as in PyTorch
_MARGIN = Range(0, open="low", search=(0.05, 5.0), log=True)
_VECTORS = Cost(time="n d", memory="n d")


@loss(
    task="embedding",
    aliases=("cosine_embedding_loss", "CosineEmbeddingLoss"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=False),
    ranges={"margin": Range(-1, 1, search=(0.0, 0.5))},
    domains={"target": "sign"},
    cost=_VECTORS,
    limits={"extreme_inputs": "the gradient of a zero vector, up to 1e6 as in PyTorch, is beyond float16"},
)
def cosine_embedding(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    target: Float[Tensor, "n"] | Int[Tensor, "n"],
    *,
    margin: float = 0.0,
) -> Float[Tensor, "n"]:
    r"""How far the cosine of a pair is below 1 if it belongs together, or above a margin if it does not.

    .. math:: \ell = 1 - \cos(a, b) \text{ where } t = 1, \qquad
        \max(0, \cos(a, b) - \text{margin}) \text{ where } t = -1

    Args:
        first: (n, d) vectors a.
        second: (n, d) vectors b.
        target: (n,) 1 for a pair that belongs together, -1 for one that does not.
        margin: in [-1, 1]; the cosine up to which a pair with target -1 costs nothing.

    Returns:
        (n,) values from 0 to 2. The cosine of a zero vector is 0.

    Raises:
        InputError: a target other than -1 and 1, a margin outside [-1, 1], shapes that do not fit.

    Example:
        >>> first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]])
        >>> perdita.functional.cosine_embedding(first, second, torch.tensor([1])).item()
        0.39999...

    Source:
        Equal to torch.nn.functional.cosine_embedding_loss.
    """
    squares = (first.square().sum(1) + _TINY) * (second.square().sum(1) + _TINY)
    cosine = (first * second).sum(1) / squares.sqrt()
    apart = torch.where(target == -1, (cosine - margin).clamp_min(0.0), torch.nan)  # no target but -1 and 1 counts
    return torch.where(target == 1, 1 - cosine, apart)


@loss(
    task="ranking",
    aliases=("margin_ranking_loss", "MarginRankingLoss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=False),
    ranges={"margin": Range(search=(0.05, 5.0), log=True)},
    domains={"target": "sign"},
    cost=Cost(time="n", memory="n"),
)
def margin_ranking(
    first: Float[Tensor, "n *d"],
    second: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    margin: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""How much the score that should be higher lacks to a margin above the other.

    .. math:: \ell = \max(0, \text{margin} - t\,(a - b))

    Args:
        first: (n, *d) scores a.
        second: (n, *d) scores b.
        target: (n, *d) 1 where the first should be higher, -1 where the second should.
        margin: the lead that costs nothing.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a target other than -1 and 1, shapes that differ.

    Example:
        >>> first, second = torch.tensor([0.5]), torch.tensor([2.0])
        >>> perdita.functional.margin_ranking(first, second, torch.tensor([1]), margin=1.0).item()
        2.5

    Source:
        Equal to torch.nn.functional.margin_ranking_loss.
    """
    return (margin - target * (first - second)).clamp_min(0.0)


@loss(
    task="embedding",
    aliases=("triplet_margin_loss", "TripletMarginLoss"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"margin": _MARGIN, "p": Range(0, open="low"), "eps": Range(0)},
    cost=_VECTORS,
)
def triplet_margin(
    anchor: Float[Tensor, "n d"],
    positive: Float[Tensor, "n d"],
    negative: Float[Tensor, "n d"],
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
) -> Float[Tensor, "n"]:
    r"""How much the negative lacks to a margin further away from the anchor than the positive.

    .. math:: \ell = \max(0, D(a, b^+) - D(a, b^-) + \text{margin}), \qquad D(x, y) = \lVert x - y + \text{eps} \rVert_p

    Args:
        anchor: (n, d) vectors a.
        positive: (n, d) vectors that belong to the anchor.
        negative: (n, d) vectors that do not.
        margin: the lead that costs nothing.
        p: exponent of the norm.
        eps: added to each difference; keeps the gradient of two equal vectors finite.
        swap: whether the negative's distance is the smaller one of those to the anchor and to the positive.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin <= 0, shapes that differ.

    Example:
        >>> anchor, positive, negative = torch.tensor([[[0.0, 0.0]], [[3.0, 0.0]], [[0.0, 3.5]]])
        >>> perdita.functional.triplet_margin(anchor, positive, negative).item()
        0.5

    Source:
        Equal to torch.nn.functional.triplet_margin_loss. Swap: Balntas et al., "Learning local feature descriptors with
        triplets and shallow convolutional neural networks", BMVC 2016, section 3.3.
    """

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return F.pairwise_distance(x, y, p, eps)

    return _triplet(distance, anchor, positive, negative, margin, swap)


@loss(
    task="embedding",
    aliases=("triplet_margin_with_distance_loss", "TripletMarginWithDistanceLoss"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"margin": _MARGIN},
    cost=_VECTORS,
)
def triplet_margin_with_distance(
    anchor: Float[Tensor, "n *d"],
    positive: Float[Tensor, "n *d"],
    negative: Float[Tensor, "n *d"],
    *,
    distance: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
) -> Float[Tensor, "n"]:
    r"""How much the negative lacks to a margin further away from the anchor than the positive, by any distance.

    .. math:: \ell = \max(0, D(a, b^+) - D(a, b^-) + \text{margin})

    The configuration of a criterion with its own distance holds the function: `perdita.build` takes it, JSON does not.

    Args:
        anchor: (n, *d) items a.
        positive: (n, *d) items that belong to the anchor.
        negative: (n, *d) items that do not.
        distance: function D of two tensors (n, *d) that gives (n,); Euclidean over an item unless given.
        margin: the lead that costs nothing.
        swap: whether the negative's distance is the smaller one of those to the anchor and to the positive.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin <= 0, shapes that differ.

    Example:
        >>> anchor, positive, negative = torch.tensor([[[0.0, 0.0]], [[3.0, 0.0]], [[1.0, 2.5]]])
        >>> def city(x, y):
        ...     return (x - y).abs().sum(1)
        >>> perdita.functional.triplet_margin_with_distance(anchor, positive, negative, distance=city).item()
        0.5

    Source:
        Equal to torch.nn.functional.triplet_margin_with_distance_loss, where distance is called distance_function.
    """
    return _triplet(distance or _euclidean, anchor, positive, negative, margin, swap)


def _euclidean(x: Float[Tensor, "n *d"], y: Float[Tensor, "n *d"]) -> Float[Tensor, "n"]:
    return F.pairwise_distance(x.unsqueeze(-1).flatten(1), y.unsqueeze(-1).flatten(1))


def _triplet(
    distance: Callable[[Tensor, Tensor], Tensor],
    anchor: Float[Tensor, "n *d"],
    positive: Float[Tensor, "n *d"],
    negative: Float[Tensor, "n *d"],
    margin: float,
    swap: bool,
) -> Float[Tensor, "n"]:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = torch.minimum(far, distance(positive, negative))
    return (margin + near - far).clamp_min(0.0)
