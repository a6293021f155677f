"""Pairs held to margins: thresholds, a learnt boundary, soft maxima on either side, a circle between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from perdita.core import Choice, Cost, Criterion, Range, Traits, loss
from perdita.core.apply import may_look
from perdita.core.errors import InputError
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp, masked_mean, masked_sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

OVER = Choice(("pairs", "triplets"))


@pair_loss(
    aliases=("contrastive_loss", "ContrastiveLoss"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={
        "positive_threshold": Range(search=(0.5, 1.0)),
        "negative_threshold": Range(search=(-0.2, 0.8)),
        "power": Range(1, search=(1.0, 2.0)),
    },
)
def contrastive(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    positive_threshold: float = 1.0,
    negative_threshold: float = 0.5,
    power: float = 1.0,
) -> Float[Tensor, "b"]:
    r"""How far positives lie below one threshold and negatives above another, the mean of each kind.

    .. math:: \ell = \frac{1}{|P|} \sum_{p \in P} \max(0, t_P - s_p)^q
        + \frac{1}{|N|} \sum_{n \in N} \max(0, s_n - t_N)^q

    With similarity="euclidean", positive_threshold=0, negative_threshold=-m and power=2 it is that of Hadsell et al.
    with margin m. An empty kind adds 0.

    Args:
        positive_threshold: t_P, as a similarity: a distance with a minus sign.
        negative_threshold: t_N, likewise.
        power: q.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a power below 1, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.contrastive(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.36500...

    Source:
        Hadsell, Chopra, LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006, equation 4.
    """
    pull = (positive_threshold - similarity).clamp_min(0.0)
    push = (similarity - negative_threshold).clamp_min(0.0)
    if power != 1.0:
        pull, push = pull.pow(power), push.pow(power)
    return masked_mean(pull, positive) + masked_mean(push, negative)


@pair_loss(
    similarity="normalized_euclidean",
    aliases=("margin_loss", "MarginLoss"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"margin": Range(0, search=(0.05, 0.5)), "boundary": Range(search=(0.5, 1.5)), "over": OVER},
)
def boundary_margin(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.2,
    boundary: float = 1.2,
    over: str = "pairs",
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    r"""How far a pair's distance is on the wrong side of a boundary, or within a margin of it.

    With the distance D = -s, the boundary b and t = 1 for positives, -1 for negatives:

    .. math:: \ell = \sum_j \max(0, \text{margin} + t_j (D_j - b))

    The count of an anchor is the number of its pairs above 0. Over "triplets" a pair counts as often as the anchor has
    triplets with it. The paper draws the negatives: ``select=partial(distance_weighted, dimension=…)`` of
    `perdita.losses.embedding.selection`.

    Args:
        margin: half the width of the gap around the boundary.
        boundary: b, a distance; `LearnedBoundaryMargin` learns one for each class.
        over: "pairs", or "triplets".

    Returns:
        (n,) non-negative values, one for each anchor: sums over its pairs.

    Raises:
        InputError: a negative margin, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.boundary_margin(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.70943...

    Source:
        Wu, Manmatha, Smola, Krähenbühl, "Sampling Matters in Deep Embedding Learning", ICCV 2017, arXiv 1706.07567,
        section 3.3.
    """
    boundary = boundary.unsqueeze(1) if isinstance(boundary, torch.Tensor) and boundary.ndim else boundary
    side = positive.to(similarity.dtype) - negative.to(similarity.dtype)  # 0 where there is no pair
    value = (margin - side * (similarity + boundary)).clamp_min(0.0) * side.square()
    if over == "triplets":
        near, far = positive.to(value.dtype), negative.to(value.dtype)
        times = near * far.sum(1, keepdim=True) + far * near.sum(1, keepdim=True)
        return masked_sum(value * times, value > 0), masked_sum(times, value > 0)
    return value.sum(1), (value > 0).sum(1).to(value.dtype)


@loss(
    task="embedding",
    rowwise=False,
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"classes": Range(1, integer=True), "margin": Range(0), "boundary": Range()},
    cost=Cost(time="n n d", memory="n n"),
)
class LearnedBoundaryMargin(Criterion):
    r"""The boundary margin with a boundary for each class as parameters.

    The values of `boundary_margin`, where the boundary of an anchor is b_0 + b_y, b_y being learnt for its class y.

    Args:
        embedding: (n, d) the anchors, each compared with all others.
        label: (n,) classes y of the items, from 0 to classes - 1.
        classes: how many there are.
        margin: half the width of the gap around the boundary.
        boundary: b_0; every b_y is 0 at the start.
        similarity: as for `boundary_margin`.
        select: as for `boundary_margin`.

    Returns:
        (n,) non-negative values, one for each anchor: sums over its pairs.

    Raises:
        InputError: a negative margin, labels outside 0..classes-1, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.LearnedBoundaryMargin(classes=2)(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.70943...

    Source:
        Wu, Manmatha, Smola, Krähenbühl, "Sampling Matters in Deep Embedding Learning", ICCV 2017, arXiv 1706.07567.
    """

    pairs = boundary_margin.pairs

    def __init__(
        self,
        *,
        classes: int,
        margin: float = 0.2,
        boundary: float = 1.2,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
        select: str | Callable[..., Any] | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.margin, self.boundary, self.similarity, self.select = margin, boundary, similarity, select
        self.offset = nn.Parameter(torch.zeros(classes))

    def pair_options(self, label: Int[Tensor, "n"]) -> dict[str, Any]:
        """The options of `boundary_margin` for anchors of these classes."""
        classes = len(self.offset)
        if may_look({"label": label}) and label.numel() and (largest := int(label.max())) >= classes:
            raise InputError(f"label must hold class indices from 0 to {classes - 1}, but holds {largest}")
        offset = self.offset.gather(0, label.long())
        shared = {"margin": self.margin, "similarity": self.similarity, "select": self.select}
        return {"boundary": self.boundary + offset, **shared}

    def per_example(
        self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], *, mask: Bool[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n"]:
        """One value for each anchor."""
        return self.pairs.on_labels(embedding, label, mask=mask, **self.pair_options(label))


@pair_loss(
    similarity="normalized_euclidean",
    aliases=("generalized_lifted_structure", "GeneralizedLiftedStructureLoss"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={"margin": Range(search=(0.2, 2.0))},
)
def lifted_structure(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 1.0,
) -> Float[Tensor, "b"]:
    r"""Soft maximum of an anchor's distances to positives, and of how much negatives lack to a margin, above 0.

    With the distance D = -s:

    .. math:: \ell = \max\Bigl(0, \log \sum_{p \in P} e^{D_p} + \log \sum_{n \in N} e^{\text{margin} - D_n}\Bigr)

    An anchor without a positive or without a negative has the value 0, and it counts in the mean.

    Args:
        margin: the distance from which negatives hardly count.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.lifted_structure(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.49384...

    Source:
        Hermans, Beyer, Leibe, "In Defense of the Triplet Loss for Person Re-Identification", 2017, arXiv 1703.07737,
        equation 9: the form with each anchor's own positives of Oh Song et al., "Deep Metric Learning via Lifted
        Structured Feature Embedding", CVPR 2016, arXiv 1511.06452.
    """
    far = masked_logsumexp(-similarity, positive) + masked_logsumexp(margin + similarity, negative)
    return torch.where(positive.any(1) & negative.any(1), far, 0.0).clamp_min(0.0)


@pair_loss(
    aliases=("circle_loss", "CircleLoss"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"margin": Range(search=(0.1, 0.5)), "scale": Range(0, open="low", search=(16.0, 256.0), log=True)},
    limits={
        "gradcheck": "the weights of the pairs are constants to the gradient, as in the paper",
        "gradgradcheck": "the weights of the pairs are constants to the gradient, as in the paper",
    },
)
def circle(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    margin: float = 0.25,
    scale: float = 256.0,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Soft maximum over pairs of a positive and a negative, each weighted by how far it is from its optimum.

    .. math:: \ell = \log \Bigl(1 + \sum_{n \in N} e^{\gamma a_n (s_n - m)}
        \sum_{p \in P} e^{-\gamma a_p (s_p - 1 + m)}\Bigr), \quad a_n = [s_n + m]_+, \quad a_p = [1 + m - s_p]_+

    No gradient flows through the weights a. An anchor without a positive or without a negative has the value 0 and is
    not counted in the mean.

    Args:
        margin: m, the relaxation; 0.25 for faces and 0.4 for retrieval in the paper.
        scale: gamma; 256 for faces and 80 for retrieval in the paper.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a scale <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.circle(embedding, torch.tensor([0, 0, 1, 1]), scale=1.0).item()
        1.35276...

    Source:
        Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR 2020, arXiv 2002.10857,
        equations 6 to 8.
    """
    pull = (1 + margin - similarity.detach()).clamp_min(0.0) * (1 - margin - similarity)
    push = (similarity.detach() + margin).clamp_min(0.0) * (similarity - margin)
    total = masked_logsumexp(scale * push, negative) + masked_logsumexp(scale * pull, positive)
    both = positive.any(1) & negative.any(1)
    total = torch.where(both, total, 0.0)
    return torch.where(both, torch.logaddexp(total, torch.zeros_like(total)), 0.0), both
