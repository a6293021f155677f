"""Pair losses that also compare each anchor with mixtures of what belongs to it and what does not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, component, loss
from perdita.core.numerics import normalize, safe_norm
from perdita.losses.embedding.multi_similarity import multi_similarity
from perdita.losses.embedding.rows import log1p_sum_exp
from perdita.losses.embedding.similarity import SIMILARITIES

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Num
    from torch import Tensor

PAIRINGS = Choice(("positive", "anchor"))
SHARE = Range(0, 1, search=(0.1, 0.9))
MIX_WEIGHT = Range(0, search=(0.1, 1.0))
COST = Cost(time="n n d", memory="n n")


@component("metrix")
def mixed_cosines(
    embedding: Float[Tensor, "n d"],
    positive: Bool[Tensor, "n n"],
    negative: Bool[Tensor, "n n"],
    *,
    share: float,
    pairing: str = "positive",
) -> tuple[Float[Tensor, "n n"], Int[Tensor, "n n"]]:
    r"""The cosine of anchor a and the mixture of it or its first positive, x_f, with its negative j, and how often.

    .. math:: \cos(x_a, \; \lambda x_f + (1 - \lambda) x_j)

    With pairing="positive" a mixture counts as often as the anchor has positives, with "anchor" it counts once for
    anchors without a positive and never for others. All of it comes from the inner products: no mixture is made.
    """
    rows = torch.arange(len(embedding), device=embedding.device)
    if pairing == "positive":
        first = torch.where(positive, rows, len(embedding) - 1).amin(1)
        copies = positive.sum(1, keepdim=True) * negative
    else:
        first = rows
        copies = (~positive.any(1, keepdim=True) & negative).long()
    inner = embedding @ embedding.T
    square, of_first = inner.diagonal(), inner.gather(1, first.unsqueeze(1))  # (n,), (n, 1)
    toward = share * of_first + (1 - share) * inner
    mixture = (
        share**2 * square.gather(0, first).unsqueeze(1)
        + (1 - share) ** 2 * square
        + 2 * share * (1 - share) * inner.index_select(0, first)
    )
    zero = mixture <= 0
    length = torch.where(zero, 1.0, torch.where(zero, 1.0, mixture).sqrt())
    own = safe_norm(embedding)
    return toward / (length * torch.where(own == 0, 1.0, own).unsqueeze(1)), copies


def pair_masks(
    label: Int[Tensor, "n"], mask: Bool[Tensor, "n"] | None
) -> tuple[Bool[Tensor, "n n"], Bool[Tensor, "n n"]]:
    """Which items belong to an anchor, itself left out, and which do not."""
    same = label.unsqueeze(1) == label
    there = torch.ones_like(same) if mask is None else mask.unsqueeze(1) & mask
    return same & there & ~torch.eye(len(label), dtype=torch.bool, device=label.device), ~same & there


def mean_above_zero(values: Float[Tensor, "n m"], copies: Num[Tensor, "n m"]) -> Float[Tensor, ""]:
    """The mean over the values above 0, each as often as it counts; 0 where there are none."""
    count = torch.where(values > 0, copies.to(values.dtype), 0.0)
    total = count.sum()
    return (values * copies.to(values.dtype)).sum() / torch.where(total == 0, 1.0, total)


@loss(
    task="embedding",
    paper="metrix",
    rowwise=False,
    aliases=("metrix", "Metrix"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"share": SHARE, "pairing": PAIRINGS, "mix_weight": MIX_WEIGHT, "margin": Range(0, search=(0.2, 1.0))},
    cost=COST,
)
def mixed_contrastive(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    share: float = 0.5,
    pairing: str = "positive",
    mix_weight: float = 0.4,
    margin: float = 0.5,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Contrastive loss, plus that of mixtures which belong to an anchor by their share of what belongs to it.

    With D the distance of embeddings scaled to length 1, and M the mixtures v = share x_1 + (1 - share) x_2 of an
    anchor a, x_2 a negative of it, x_1 its first positive in the batch or, for anchors without one, the anchor itself:

    .. math:: \ell = \overline{D(a, p)} + \overline{[m - D(a, n)]_+} + w \Bigl(
        \overline{\lambda D(a, v)} + \overline{(1 - \lambda) [m - D(a, v)]_+} \Bigr)

    A bar is the mean over the terms above 0. A step draws share and pairing anew:
    `perdita.training.embeddings.metric_mixup`, which also mixes inputs and features, and for any pair loss.

    Args:
        embedding: (n, d) embeddings of any length; they are mixed as they are, and scaled afterwards.
        label: (n,) items of one label belong together.
        share: lambda in [0, 1], of what belongs to the anchor.
        pairing: "positive" mixes the first positive with each negative, as often as the anchor has positives; "anchor"
            mixes anchors without a positive with each negative.
        mix_weight: w; 0.4 in the paper.
        margin: m, the distance from which a negative costs nothing.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: a share outside [0, 1], an unknown pairing, a negative weight or margin.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.mixed_contrastive(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.02438...

    Source:
        Venkataramanan, Psomas, Kijak, Amsaleg, Karantzalos, Avrithis, "It Takes Two to Tango: Mixup for Deep Metric
        Learning", ICLR 2022, arXiv 2106.04990, as in the authors' code (embeddings). There the positive is the anchor's
        first one for each of its positives, and the weight is 0.3 for mixtures of anchors.
    """
    if len(label) == 0:
        return 0.0 * embedding.sum()
    if mask is not None:
        embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
    positive, negative = pair_masks(label, mask)
    apart = -SIMILARITIES["normalized_euclidean"](embedding, embedding)
    clean = mean_above_zero(apart, positive) + mean_above_zero((margin - apart).clamp_min(0.0), negative)
    cosine, copies = mixed_cosines(embedding, positive, negative, share=share, pairing=pairing)
    square = 2 - 2 * cosine
    apart_at_all = ~(square <= 8 * torch.finfo(square.dtype).eps)  # below is rounding; there the gradient is 0
    mixed = torch.where(apart_at_all, torch.where(apart_at_all, square, 1.0).sqrt(), 0.0)
    pull, push = share * mixed, (1 - share) * (margin - mixed).clamp_min(0.0)
    return clean + mix_weight * (mean_above_zero(pull, copies) + mean_above_zero(push, copies))


@loss(
    task="embedding",
    paper="metrix",
    rowwise=False,
    aliases=("metrix_multi_similarity",),
    traits=Traits(convex=False, nonnegative=True),
    ranges={
        "share": SHARE,
        "pairing": PAIRINGS,
        "mix_weight": MIX_WEIGHT,
        "alpha": Range(0, open="low", search=(0.5, 20.0), log=True),
        "beta": Range(0, open="low", search=(5.0, 100.0), log=True),
        "base": Range(search=(0.0, 1.0)),
    },
    cost=COST,
)
def mixed_multi_similarity(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    share: float = 0.5,
    pairing: str = "positive",
    mix_weight: float = 0.4,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Multi-similarity loss, plus that of mixtures which belong to an anchor by their share of what belongs to it.

    With s the cosines of the anchor and its mixtures, as in `mixed_contrastive`, and lambda the share:

    .. math:: \ell = \ell_\text{MS} + w \Bigl( \frac1\alpha \log \bigl(1 + \sum_v \lambda e^{-\alpha (s_v - b)}\bigr)
        + \frac1\beta \log \bigl(1 + \sum_v (1 - \lambda) e^{\beta (s_v - b)}\bigr) \Bigr)

    Args:
        embedding: (n, d) embeddings of any length; they are mixed as they are, and scaled afterwards.
        label: (n,) items of one label belong together.
        share: lambda in [0, 1], of what belongs to the anchor.
        pairing: as in `mixed_contrastive`.
        mix_weight: w.
        alpha: sharpness over the positives, and over the mixtures as positives.
        beta: sharpness over the negatives, and over the mixtures as negatives.
        base: b, the similarity around which pairs begin to count.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a share outside [0, 1], an unknown pairing, alpha, beta <= 0, a negative weight.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.mixed_multi_similarity(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.73037...

    Source:
        Venkataramanan et al., ICLR 2022, arXiv 2106.04990, the unified form with the functions of multi-similarity
        (written from memory of the paper: the authors' code at hand has the contrastive loss alone). No mining.
    """
    if len(label) == 0:
        return 0.0 * embedding.sum(1)
    if mask is not None:
        embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
    positive, negative = pair_masks(label, mask)
    sharpness = {"alpha": alpha, "beta": beta, "base": base}
    unit = normalize(embedding)
    clean = multi_similarity.pairs.rows(unit @ unit.T, positive, negative, mining=False, **sharpness)
    cosine, copies = mixed_cosines(embedding, positive, negative, share=share, pairing=pairing)
    there, often = copies > 0, copies.clamp(min=1).to(cosine.dtype).log()
    least = torch.finfo(cosine.dtype).tiny
    pull = log1p_sum_exp(often + math.log(max(share, least)) - alpha * (cosine - base), there) / alpha
    push = log1p_sum_exp(often + math.log(max(1 - share, least)) + beta * (cosine - base), there) / beta
    return clean + mix_weight * (pull + push)
