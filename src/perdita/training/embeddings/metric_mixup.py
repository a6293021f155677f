"""Mixup for metric learning: items mixed at any level, and any pair loss on the mixtures.

A step with inputs or feature maps mixed::

    share, pairing = draw_share(generator=generator), draw_pairing(generator)
    partners = draw_partners(label, pairing=pairing, generator=generator)
    embedding = head(features)
    mixed = head(mix_items(features, partners, share))
    extra = mixed_pair_loss(P.contrastive, embedding, label, mixed, partners, share)
    loss = P.contrastive(embedding, label) + 0.4 * extra

With proxies in the anchors' place the extra term is `mixed_proxy_loss`. Embeddings are mixed likewise (a pair loss
scales them afterwards); `perdita.functional.mixed_contrastive` does so with all pairs of positives and negatives at
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from perdita.core import InputError, component
from perdita.core.numerics import class_indicator
from perdita.losses.embedding.angular.margins import class_cosines
from perdita.losses.embedding.mixed_pairs import PAIRINGS, pair_masks
from perdita.losses.embedding.rows import log1p_sum_exp
from perdita.losses.embedding.similarity import resolve_similarity

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from perdita.losses.embedding.proxies import ProxyAnchor


class Partners(NamedTuple):
    """For each anchor, the place of what belongs to it and of what does not; not ``there`` where one is missing."""

    first: Int[Tensor, "n"]
    second: Int[Tensor, "n"]
    there: Bool[Tensor, "n"]


@component("metrix")
def draw_partners(
    label: Int[Tensor, "n"],
    *,
    pairing: str = "positive",
    embedding: Float[Tensor, "n d"] | None = None,
    hard_k: int | None = None,
    generator: torch.Generator | None = None,
) -> Partners:
    """A negative for each anchor and, to mix with it, a positive (pairing="positive") or the anchor itself ("anchor").

    Args:
        label: (n,) of the anchors.
        pairing: "positive" or "anchor".
        embedding: (n, d) the anchors, for ``hard_k``.
        hard_k: draw among the anchor's k negatives of the largest cosine alone; None for all negatives.
        generator: of the draws.

    Raises:
        InputError: an unknown pairing, a hard_k below 1 or without embeddings.
    """
    PAIRINGS.check("pairing", pairing)
    positive, negative = pair_masks(label, None)
    if hard_k is not None:
        if hard_k < 1 or embedding is None:
            raise InputError(f"hard_k must be at least 1, and embedding be given with it, not {hard_k} and {embedding}")
        cosine = resolve_similarity("cosine")(embedding.detach(), embedding.detach())
        rank = cosine.masked_fill(~negative, -torch.inf).argsort(dim=1, descending=True, stable=True).argsort(1)
        negative = negative & (rank < hard_k)

    def one_of(mask: Bool[Tensor, "n n"]) -> Int[Tensor, "n"]:
        return torch.rand(mask.shape, generator=generator).to(mask.device).masked_fill(~mask, -1.0).argmax(1)

    second, there = one_of(negative), negative.any(1)
    if pairing == "anchor":
        return Partners(torch.arange(len(label), device=label.device), second, there)
    return Partners(one_of(positive), second, there & positive.any(1))


@component("metrix")
def draw_share(concentration: float = 2.0, *, generator: torch.Generator | None = None) -> float:
    """A share from Beta(concentration, concentration); 2 in the paper, one for each step in the authors' code.

    Raises:
        InputError: a concentration that is not positive.
    """
    if not concentration > 0:
        raise InputError(f"concentration must be above 0, not {concentration!r}")
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):  # the distributions of torch take no generator
        torch.default_generator.manual_seed(seed)
        return torch.distributions.Beta(concentration, concentration).sample().item()


@component("metrix")
def draw_pairing(generator: torch.Generator | None = None) -> str:
    """One of the two pairings, each as likely."""
    return str(PAIRINGS.values[int(torch.randint(2, (), generator=generator))])


@component("metrix")
def mix_items(items: Float[Tensor, "n *f"], partners: Partners, share: float) -> Float[Tensor, "n *f"]:
    """The mixture of each anchor's partners, ``share`` of the first: of inputs, feature maps or embeddings."""
    return share * items.index_select(0, partners.first) + (1 - share) * items.index_select(0, partners.second)


@component("metrix")
def mixed_pair_loss(
    loss: Callable[..., Tensor],
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    mixed: Float[Tensor, "n d"],
    partners: Partners,
    share: float,
    *,
    similarity: Any = None,
    **options: Any,
) -> Float[Tensor, ""]:
    r"""Any pair loss of a batch in which each anchor also meets its mixture, which belongs to it by the share.

    With l^+ the loss where the mixture is one more positive of its anchor, l^- where it is one more negative:

    .. math:: \ell = \lambda \, \ell^+ + (1 - \lambda) \, \ell^-

    Where a loss is a sum over pairs this is the paper's mixed loss of one mixture; elsewhere the paper puts the share
    into each sum, which `perdita.functional.mixed_multi_similarity` does.

    Args:
        loss: a pair loss of labels, as `perdita.functional.contrastive` or `sup_con`.
        embedding: (n, d) the anchors.
        label: (n,) their labels.
        mixed: (n, d) embeddings of the anchors' mixtures.
        partners: of `draw_partners`.
        share: of the first partner.
        similarity: of the loss; its own default unless given.
        options: of the loss.

    Returns:
        The mean over the anchors that have a mixture and count in the loss.

    Raises:
        InputError: a loss that is no pair loss of labels.
    """
    pairs = getattr(loss, "pairs", None)
    if pairs is None or pairs.views:
        raise InputError("loss must be a pair loss of embeddings and labels, as perdita.functional.contrastive")
    compare = resolve_similarity(similarity or loss.card.signature.defaults["similarity"])  # type: ignore[attr-defined]
    scores = compare(embedding, torch.cat([embedding, mixed]))  # (n, 2n)
    positive, negative = pair_masks(label, None)
    own = torch.eye(len(label), dtype=torch.bool, device=label.device) & partners.there
    none = torch.zeros_like(own)
    near, counts = _values(pairs, scores, torch.cat([positive, own], 1), torch.cat([negative, none], 1), options)
    far, fewer = _values(pairs, scores, torch.cat([positive, none], 1), torch.cat([negative, own], 1), options)
    there = partners.there.to(scores.dtype)
    total, weight = ((there * (share * a + (1 - share) * b)).sum() for a, b in ((near, far), (counts, fewer)))
    return total / torch.where(weight == 0, 1.0, weight)


@component("metrix")
def mixed_proxy_loss(
    criterion: ProxyAnchor, label: Int[Tensor, "n"], mixed: Float[Tensor, "n d"], partners: Partners, share: float
) -> Float[Tensor, ""]:
    r"""Proxy anchor on mixtures: each belongs to the proxy of its first partner by the share, and to no other proxy.

    With c the cosine of a mixture v and the proxy, m and s of the criterion, the mean over the proxies with a mixture:

    .. math:: \ell = \overline{\log \Bigl(1 + \sum_v \lambda e^{-s (c_v - m)}\Bigr)
        + \log \Bigl(1 + \sum_v (1 - \lambda) e^{s (c_v + m)}\Bigr)}

    Args:
        criterion: whose class vectors are the proxies; its own value of the batch is to be added.
        label: (n,) of the batch.
        mixed: (n, d) embeddings of its mixtures.
        partners: of `draw_partners`.
        share: of the first partner.

    Source: Venkataramanan et al., ICLR 2022, arXiv 2106.04990, the unified form with the functions of proxy anchor
    (written from memory of the paper).
    """
    own_label = label.index_select(0, partners.first)
    cosine = class_cosines(mixed, own_label, criterion.class_vectors)
    own = (class_indicator(own_label, cosine) & partners.there.unsqueeze(1)).T  # (c, n)
    least = torch.finfo(cosine.dtype).tiny
    near = math.log(max(share, least)) - criterion.scale * (cosine.T - criterion.margin)
    far = math.log(max(1 - share, least)) + criterion.scale * (cosine.T + criterion.margin)
    return (log1p_sum_exp(near, own) + log1p_sum_exp(far, own)).sum() / own.any(1).sum().clamp(min=1)


def _values(
    pairs: Any, scores: Tensor, positive: Tensor, negative: Tensor, options: dict[str, Any]
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    values, counts = pairs.values(scores, positive, negative, **options)
    return values, torch.ones_like(values) if counts is None else counts.to(values.dtype)
