"""How well embeddings retrieve: every query searches for items of its own label, and is judged by what comes first.

Queries search the references, or, where none are given, all other queries. A query without any item of its label among
what it searches is left out of the mean; where none is left the result is NaN, and a NaN among the similarities makes
it NaN too. Among equally close items the earlier one comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core import InputError
from perdita.core.numerics import normalize, widen
from perdita.judge.neighbors import blocks, nearest_neighbors

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

    from perdita.judge.neighbors import Compare

    Value = Callable[[Tensor, Tensor], Tensor]


def recall_at_k(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    k: int = 1,
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    similarity: str | Compare = "cosine",
    index: str | None = None,
) -> Float[Tensor, ""]:
    """Share of the queries that have an item of their label among the k closest ones.

    Args:
        embedding: (n, d) the queries.
        label: (n,) their labels.
        k: how many are looked at.
        reference: (m, d) what is searched; the other queries unless given.
        reference_label: (m,) its labels.
        similarity: "cosine", "dot", "euclidean", or a function of (b, d) and (m, d) that gives (b, m), larger for
            closer ones.
        index: of FAISS, for sets too large to search exactly, as in `perdita.judge.neighbors.nearest_neighbors`; what
            it misses counts as not found.

    Raises:
        InputError: k below 1, shapes that do not fit, an unknown similarity.
        MissingExtraError: an index without FAISS.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.6, 0.4]])
        >>> recall_at_k(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.75
    """
    if index is None:
        return _mean(_any_right(k), embedding, label, reference, reference_label, similarity)
    theirs = label if reference_label is None else reference_label
    places = nearest_neighbors(embedding, k, reference=reference, similarity=similarity, index=index)
    right = ((theirs[places.clamp(min=0)] == label.unsqueeze(1)) & (places >= 0)).any(1)
    known, members = torch.unique(theirs, return_counts=True)
    at = torch.searchsorted(known, label).clamp(max=len(known) - 1)
    there = torch.where(known[at] == label, members[at], 0)  # items of a query's label, itself among them
    blemish = torch.where(embedding.isnan().any() | (reference is not None and reference.isnan().any()), torch.nan, 0.0)
    return right[there > (reference is None)].double().mean() + blemish


def r_precision(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    similarity: str | Compare = "cosine",
) -> Float[Tensor, ""]:
    """Mean share of a query's R closest items that have its label, R being how many have it in all.

    Arguments as for `recall_at_k`.
    """
    return _mean(_precision, embedding, label, reference, reference_label, similarity)


def map_at_r(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    similarity: str | Compare = "cosine",
) -> Float[Tensor, ""]:
    r"""Mean average precision at R: like R-precision, but a hit counts with the precision at its place.

    .. math:: \frac1R \sum_{i=1}^R [\text{item } i \text{ is a hit}] \cdot \text{precision at } i

    Arguments as for `recall_at_k`.

    Source:
        Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020, arXiv 2003.08505, section 3.2.
    """
    return _mean(_average, embedding, label, reference, reference_label, similarity)


def retrieval_scores(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    ks: Sequence[int] = (1,),
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    similarity: str | Compare = "cosine",
) -> dict[str, Float[Tensor, ""]]:
    """MAP@R, R-precision and Recall@k from one search, which is nearly all of the work.

    Args:
        ks: the k of each Recall@k; the other arguments as for `recall_at_k`.

    Returns:
        "map_at_r", "r_precision" and "recall_at_{k}", each as its own function gives it.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.6, 0.4]])
        >>> {name: score.item() for name, score in retrieval_scores(embedding, torch.tensor([0, 0, 1, 1])).items()}
        {'map_at_r': 0.75, 'r_precision': 0.75, 'recall_at_1': 0.75}
    """
    values = {"map_at_r": _average, "r_precision": _precision} | {f"recall_at_{k}": _any_right(k) for k in ks}
    found = _means(list(values.values()), embedding, label, reference, reference_label, similarity)
    return dict(zip(values, found, strict=True))


def knn_accuracy(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    k: int = 5,
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    similarity: str | Compare = "cosine",
) -> Float[Tensor, ""]:
    """Share of the queries whose label has the most votes among their k closest items, the smallest label if several.

    Arguments as for `recall_at_k`.
    """
    _check_k(k)
    classes = torch.unique(label if reference_label is None else reference_label)

    def elected(labels: Int[Tensor, "b m"], own: Int[Tensor, "b 1"]) -> Bool[Tensor, "b"]:
        votes = (labels[:, :k].unsqueeze(2) == classes).sum(1)  # (b, classes)
        return torch.eq(classes[votes.argmax(1)], own.squeeze(1))

    return _mean(elected, embedding, label, reference, reference_label, similarity)


def alignment(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], *, power: float = 2.0) -> Float[Tensor, ""]:
    r"""Mean distance, to a power, of the two views of each item on the unit sphere; 0 is best.

    Args:
        first, second: (n, d) views; their lengths play no part.
        power: of the distance.

    Source:
        Wang, Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
        Hypersphere", ICML 2020, arXiv 2005.10242, equation 3.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise InputError(f"first and second must both be (n, d), not {tuple(first.shape)} and {tuple(second.shape)}")
    apart: Tensor = torch.linalg.vector_norm(normalize(widen(first)) - normalize(widen(second)), dim=1)
    return apart.pow(power).mean()


def uniformity(embedding: Float[Tensor, "n d"], *, scale: float = 2.0) -> Float[Tensor, ""]:
    r"""Logarithm of the mean of e^{-t D^2} over all pairs on the unit sphere; 0 where all are one, lower is better.

    Args:
        embedding: (n, d) items; their lengths play no part.
        scale: t.

    Raises:
        InputError: fewer than two items.

    Source:
        Wang, Isola, ICML 2020, arXiv 2005.10242, equation 4 (over pairs of different items, as in section 4.1).
    """
    if embedding.ndim != 2 or len(embedding) < 2:
        raise InputError(f"embedding must be (n, d) with at least two items, not {tuple(embedding.shape)}")
    square = torch.nn.functional.pdist(normalize(widen(embedding))).square()
    return (-scale * square).logsumexp(0) - math.log(len(square))


def _mean(value: Value, *searched: Any) -> Float[Tensor, ""]:
    return _means([value], *searched)[0]


def _means(
    values: Sequence[Value],
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    reference: Float[Tensor, "m d"] | None,
    reference_label: Int[Tensor, "m"] | None,
    similarity: str | Compare,
) -> Float[Tensor, "v"]:
    """The mean of each ``value(labels (b, m) of what was found, closest first, own labels (b, 1))``, by chunks."""
    if (reference is None) != (reference_label is None):
        raise InputError("reference and reference_label belong together: one of them is missing")
    itself = reference is None
    searched = embedding if reference is None else reference
    theirs = label if reference_label is None else reference_label
    for name, rows, names in (("embedding", embedding, label), ("reference", searched, theirs)):
        if rows.ndim != 2 or names.shape != rows.shape[:1] or rows.shape[1] != embedding.shape[1]:
            raise InputError(
                f"{name} must be (n, d) with labels (n,), not {tuple(rows.shape)} and {tuple(names.shape)}"
            )
    total = torch.zeros(len(values), dtype=torch.float64, device=label.device)
    count = torch.zeros_like(label[:0].sum())
    for chosen, scores in blocks(embedding, searched, itself, similarity):
        broken = scores.isnan().any(1)
        order = scores.argsort(dim=1, descending=True, stable=True)
        labels, own = theirs[order[:, :-1] if itself else order], label[chosen].unsqueeze(1)
        counted = (labels == own).any(1)
        for index, value in enumerate(values):
            scored = torch.where(broken, torch.nan, value(labels, own).double())
            total[index] += torch.where(counted, scored, 0.0).sum()
        count = count + counted.sum()
    return total / count


def _any_right(k: int) -> Value:
    _check_k(k)
    return lambda labels, own: (labels[:, :k] == own).any(1)


def _precision(labels: Int[Tensor, "b m"], own: Int[Tensor, "b 1"]) -> Float[Tensor, "b"]:
    hits = labels == own
    return _within_r(hits, hits.double())


def _average(labels: Int[Tensor, "b m"], own: Int[Tensor, "b 1"]) -> Float[Tensor, "b"]:
    hits = labels == own
    return _within_r(hits, hits.double() * hits.cumsum(1) / _places(hits))


def _within_r(hits: Bool[Tensor, "b m"], values: Float[Tensor, "b m"]) -> Float[Tensor, "b"]:
    """The sum of the first R values over R, the number of hits; 0 where it is 0."""
    relevant = hits.sum(1, keepdim=True)
    return torch.where(_places(hits) <= relevant, values, 0.0).sum(1) / relevant.squeeze(1).clamp(min=1)


def _places(hits: Bool[Tensor, "b m"]) -> Int[Tensor, "m"]:
    return torch.arange(1, hits.shape[1] + 1, device=hits.device)


def _check_k(k: int) -> None:
    if k < 1:
        raise InputError(f"k must be at least 1, not {k}")
