"""Which items are closest: exactly, block by block, or by an index of FAISS where there are too many for that.

Similarities are larger for closer items. Among equally close items the earlier one comes first, but for FAISS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core import InputError
from perdita.core.errors import MissingExtraError, nearest
from perdita.core.numerics import normalize, widen

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    Compare = Callable[[Tensor, Tensor], Tensor]

PLACES = 1 << 24  # similarities held at once


def cosine(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    """The cosine of every x and every y; 0 where one of them is the zero vector."""
    return normalize(x) @ normalize(y).T


def negative_distance(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    """The Euclidean distance of every x to every y, with a minus sign: larger for closer ones."""
    return -torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


SIMILARITIES: dict[str, Compare] = {"cosine": cosine, "dot": lambda x, y: x @ y.T, "euclidean": negative_distance}


def nearest_neighbors(
    embedding: Float[Tensor, "n d"],
    k: int,
    *,
    reference: Float[Tensor, "m d"] | None = None,
    similarity: str | Compare = "cosine",
    index: str | None = None,
) -> Int[Tensor, "n k"]:
    """The places of the k closest items, closest first; without references, of the others of the same set.

    Args:
        embedding: (n, d) the queries.
        k: how many; at most as many as can be found.
        reference: (m, d) what is searched; the other queries unless given.
        similarity: "cosine", "dot", "euclidean", or, without an index, a function of (b, d) and (m, d) that gives
            (b, m), larger for closer ones.
        index: None searches exactly, in blocks of `PLACES` similarities; a description as `faiss.index_factory` takes
            it, such as "HNSW32" or "IVF256,Flat", searches with FAISS, which may miss some.

    Returns:
        (n, k) places; -1 where an index found fewer.

    Raises:
        InputError: k out of range, shapes that do not fit, an unknown similarity, an index that FAISS does not know.
        MissingExtraError: an index without FAISS.

    Example:
        >>> nearest_neighbors(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.9]]), 1).flatten().tolist()
        [1, 0, 3, 2]
    """
    itself = reference is None
    searched = embedding if reference is None else reference
    if embedding.ndim != 2 or searched.ndim != 2 or searched.shape[1] != embedding.shape[1]:
        raise InputError(
            f"embedding and reference must be (n, d) and (m, d), not {tuple(embedding.shape)} and "
            f"{tuple(searched.shape)}"
        )
    if not 1 <= k <= len(searched) - itself:
        raise InputError(f"k must be from 1 to {len(searched) - itself}, the items to be found, not {k}")
    if index is not None:
        return _indexed(embedding, searched, k, itself, similarity, index)
    return torch.cat([
        scores.argsort(dim=1, descending=True, stable=True)[:, :k]
        for _, scores in blocks(embedding, searched, itself, similarity)
    ])  # fmt: skip


def blocks(
    embedding: Float[Tensor, "n d"], searched: Float[Tensor, "m d"], itself: bool, similarity: str | Compare
) -> Iterator[tuple[slice, Float[Tensor, "b m"]]]:
    """Queries and their similarities to all that is searched, block by block; -inf for an item and itself."""
    compare, step = _resolve(similarity), max(1, PLACES // max(1, len(searched)))
    for start in range(0, len(embedding), step):
        chosen = slice(start, start + step)
        scores = compare(widen(embedding[chosen]), widen(searched))
        if itself:
            at = torch.arange(start, start + len(scores), device=scores.device)
            scores = scores.scatter(1, at.unsqueeze(1), -torch.inf)
        yield chosen, scores


def _indexed(
    embedding: Tensor, searched: Tensor, k: int, itself: bool, similarity: str | Compare, index: str
) -> Int[Tensor, "n k"]:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("faiss-cpu", "search") from error
    if not isinstance(similarity, str):
        raise InputError(f"an index needs a similarity by name, one of {', '.join(SIMILARITIES)}")
    _resolve(similarity)
    given, held = (
        (normalize(widen(rows)) if similarity == "cosine" else widen(rows)).detach().cpu().float().contiguous().numpy()
        for rows in (embedding, searched)
    )
    metric = faiss.METRIC_L2 if similarity == "euclidean" else faiss.METRIC_INNER_PRODUCT
    try:
        made: Any = faiss.index_factory(held.shape[1], index, metric)
        if not made.is_trained:
            made.train(held)
    except RuntimeError as error:
        raise InputError(f"FAISS cannot make the index {index!r}: {str(error).splitlines()[-1]}") from error
    made.add(held)
    places = torch.from_numpy(made.search(given, k + itself)[1])
    if itself:  # the item comes last, and is cut off; where it was not found, the farthest is
        own = places == torch.arange(len(places)).unsqueeze(1)
        places = places.gather(1, own.int().argsort(dim=1, stable=True))[:, :k]
    return places.to(embedding.device)


def _resolve(similarity: str | Compare) -> Compare:
    if callable(similarity):
        return similarity
    if similarity not in SIMILARITIES:
        known = f"one of {', '.join(SIMILARITIES)} or a function"
        raise InputError(f"similarity must be {known}, not {similarity!r}{nearest(similarity, SIMILARITIES)}")
    return SIMILARITIES[similarity]
