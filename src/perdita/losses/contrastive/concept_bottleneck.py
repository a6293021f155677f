"""Objectives of a concept bottleneck: a batch of items scored against a list of concepts, (n, c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative, normalize, pick
from perdita.core.reduction import align

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(0.1, 10.0), log=True)
SOURCE_COST = Cost(passes=6)


def both_ways(
    concepts: Float[Tensor, "n c"],
    batch_noise: Float[Tensor, "n c"] | None,
    concept_noise: Float[Tensor, "n c"] | None,
    temperature: float,
    mask: Bool[Tensor, "n"] | None,
) -> Float[Tensor, "n c"]:
    """Mean of the log-softmax over the batch's items and of that over the concepts; a masked item is in neither."""
    least = most_negative(concepts.dtype)
    over_batch = (concepts if batch_noise is None else concepts + batch_noise) / temperature
    over_batch = over_batch.clamp_min(least)  # a column of nothing but -inf would be a softmax of NaN
    over_concepts = (concepts if concept_noise is None else concepts + concept_noise) / temperature
    if mask is not None:
        kept = mask.unsqueeze(1)
        over_batch, over_concepts = torch.where(kept, over_batch, least), torch.where(kept, over_concepts, 0.0)
    return 0.5 * (over_batch.log_softmax(0) + over_concepts.log_softmax(1))


@loss(
    task="contrastive",
    paper="sparse-cbm",
    aliases=("gumbel_concept_contrastive",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"temperature": TEMPERATURE},
    cost=SOURCE_COST,
    rowwise=False,
)
def concept_contrastive(
    concepts: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    temperature: float = 1.0,
    batch_noise: Float[Tensor, "n c"] | None = None,
    concept_noise: Float[Tensor, "n c"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Each item against all concepts, and its concept against all items: cross-entropy both ways.

    With the concept y of item i, noise g and g' (0 unless given) and T = temperature:

    .. math:: \ell_i = -\tfrac12 \log \frac{e^{(z_{iy} + g_{iy}) / T}}{\sum_b e^{(z_{by} + g_{by}) / T}}
        - \tfrac12 \log \frac{e^{(z_{iy} + g'_{iy}) / T}}{\sum_k e^{(z_{ik} + g'_{ik}) / T}}

    With `gumbel_noise` drawn anew for both sums it is the objective of a sparse bottleneck. The paper pairs the k-th
    item of a batch with the k-th concept of the list, whatever they are; `diagonal_pairs` gives those targets.

    Args:
        concepts: (n, c) scores z of items and concepts; a concept that is missing has -inf in all of its column.
        target: (n,) the concept y that each item is paired with.
        temperature: T > 0.
        batch_noise: (n, c) g of the sum over the items, or None.
        concept_noise: (n, c) g' of the sum over the concepts, or None.
        mask: (n,); items where it is False are in no sum. (An item of weight 0 still is in those of the others.)

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a concept outside 0..c-1, a temperature that is not positive.

    Example:
        >>> concepts = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
        >>> perdita.functional.concept_contrastive(concepts, torch.tensor([0, 1])).item()
        0.12692...

    Source:
        Semenov, Ivanov, Beznosikov, Gasnikov, "Sparse Concept Bottleneck Models: Gumbel Tricks in Contrastive
        Learning", 2024, arXiv 2404.03323; from a transcription of its equations, for the paper's text was not read. The
        released code applies the Gumbel noise in another loss than the paper's, `concept_spread`.
    """
    if mask is not None:
        concepts = torch.where(mask.unsqueeze(1), concepts, 0.0)
    return -pick(both_ways(concepts, batch_noise, concept_noise, temperature, mask), target)


@loss(
    task="contrastive",
    paper="sparse-cbm",
    aliases=("gumbel_concept_spread",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"temperature": TEMPERATURE},
    cost=SOURCE_COST,
    rowwise=False,
)
def concept_spread(
    concepts: Float[Tensor, "n c"],
    *,
    temperature: float = 1.0,
    batch_noise: Float[Tensor, "n c"] | None = None,
    concept_noise: Float[Tensor, "n c"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""The surprise of all pairs of an item and a concept: least where every score is the same.

    .. math:: \ell_i = -\frac{1}{2c} \sum_k \Big( \log \frac{e^{(z_{ik} + g_{ik}) / T}}{\sum_b e^{(z_{bk} + g_{bk}) /
        T}} + \log \frac{e^{(z_{ik} + g'_{ik}) / T}}{\sum_j e^{(z_{ij} + g'_{ij}) / T}} \Big)

    It rewards no pair: without noise its minimum, (log n + log c) / 2, is the uniform matrix, so it makes concepts
    denser, not sparser.

    Args:
        concepts: (n, c) scores z of items and concepts.
        temperature: T > 0.
        batch_noise: (n, c) g of the sum over the items, or None; `gumbel_noise` in the released code.
        concept_noise: (n, c) g' of the sum over the concepts, or None; another draw.
        mask: (n,); items where it is False are in no sum.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a temperature that is not positive.

    Example:
        >>> perdita.functional.concept_spread(torch.zeros(2, 2)).item()
        0.69314...

    Source:
        The released code of Semenov, Ivanov, Beznosikov, Gasnikov, 2024, arXiv 2404.03323, which there stands for the
        paper's Gumbel objective, `concept_contrastive` with noise. It takes the logarithm of a softmax; this does not.
    """
    if mask is not None:
        concepts = torch.where(mask.unsqueeze(1), concepts, 0.0)
    values = -both_ways(concepts, batch_noise, concept_noise, temperature, mask).mean(1)
    return values if mask is None else torch.where(mask, values, 0.0)


@loss(
    task="contrastive",
    paper="sparse-cbm",
    traits=Traits(bounded=True, nonnegative=False),
    cost=SOURCE_COST,
)
def concept_similarity(
    concepts: Float[Tensor, "n c"],
    backbone: Float[Tensor, "n c"],
    *,
    cubed: bool = False,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Minus the mean cosine, over the concepts, of what two models make of a batch.

    With each column centred over the batch (and then cubed, entry by entry):

    .. math:: \ell = -\frac1c \sum_k \cos(z_{\cdot k} - \bar z_k, v_{\cdot k} - \bar v_k)

    Args:
        concepts: (n, c) scores z of the bottleneck.
        backbone: (n, c) scores v of the model below it.
        cubed: cube the centred entries, so that large ones decide.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One value, in [-1, 1]; a column without any variation adds 0.

    Raises:
        InputError: shapes that differ.

    Example:
        >>> scores = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
        >>> perdita.functional.concept_similarity(scores, 2 * scores).item()
        -1.0...

    Source:
        Semenov, Ivanov, Beznosikov, Gasnikov, 2024, arXiv 2404.03323, from the released code, whose function forgets
        after its first call whether to cube.
    """
    share = torch.ones_like(concepts[:, 0])
    if weight is not None:
        share = share * align(weight, share.shape, "weight").to(share.dtype)
    if mask is not None:
        share = torch.where(mask, share, 0.0)
        concepts, backbone = (torch.where(mask.unsqueeze(1), scores, 0.0) for scores in (concepts, backbone))
    total = share.sum()
    share = (share / torch.where(total == 0, 1.0, total)).unsqueeze(1)
    root = torch.where(share == 0, 0.0, torch.where(share == 0, 1.0, share).sqrt())
    columns = []
    for scores in (concepts, backbone):
        centred = scores - (share * scores).sum(0)
        columns.append(normalize(root * (centred**3 if cubed else centred), dim=0))
    return -(columns[0] * columns[1]).sum(0).mean()
