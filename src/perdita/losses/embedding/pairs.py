"""The basis of every loss over pairs: rows of a similarity matrix, a mask of positives, a mask of negatives.

A pair loss is one function of a few rows: ``rows(similarity (b, m), positive (b, m), negative (b, m), *, …) -> (b,)``,
one value for each anchor, or (values, counts) where an anchor counts other than once. Larger similarities are closer;
places in neither mask are to be ignored. `pair_loss` makes a loss of the catalogue of it, and the engine of
``kernels/pairs.py`` runs the same function block by block.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core import loss
from perdita.core.card import Cost
from perdita.core.errors import InputError
from perdita.losses.embedding.selection import resolve_selection
from perdita.losses.embedding.similarity import resolve_similarity

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

Rows = Callable[..., "Tensor | tuple[Tensor, Tensor]"]


@dataclass(frozen=True)
class PairLoss:
    """A rows function, and how its similarity and masks come about.

    ``views``: the reference's item i belongs to anchor i and to no other; else items of one label belong together.
    """

    rows: Rows
    views: bool = False

    def prepare(self, embedding: Float[Tensor, "n d"], options: dict[str, Any]) -> Float[Tensor, "n e"]:
        """What the similarity makes of each embedding alone."""
        return resolve_similarity(options["similarity"]).prepare(embedding)

    def masks(
        self,
        label: Int[Tensor, "b"] | None,
        reference_label: Int[Tensor, "m"] | None,
        own: Bool[Tensor, "b m"],
        itself: bool,
    ) -> tuple[Bool[Tensor, "b m"], Bool[Tensor, "b m"]]:
        """Positives and negatives; ``own`` says where an anchor meets itself or its other view."""
        if self.views:
            if label is None or reference_label is None:
                return own, ~own
            return own, ~own & (label.unsqueeze(1) != reference_label)
        assert label is not None
        assert reference_label is not None
        same = label.unsqueeze(1) == reference_label
        return (same & ~own if itself else same), ~same

    def compare(
        self,
        anchors: Float[Tensor, "b e"],
        reference: Float[Tensor, "m e"],
        label: Int[Tensor, "b"] | None,
        reference_label: Int[Tensor, "m"] | None,
        allowed: tuple[Bool[Tensor, "b m"] | None, ...] = (),
        *,
        first: int = 0,
        itself: bool = True,
        similarity: Any,
        select: Any = None,
    ) -> tuple[Float[Tensor, "b m"], Bool[Tensor, "b m"], Bool[Tensor, "b m"]]:
        """Similarities, positives and negatives of a block of prepared anchors and all prepared references.

        Args:
            anchors, reference: as `prepare` gives them.
            label, reference_label: of both.
            allowed: masks, broadcast over (b, m), of the pairs that are there at all.
            first: the reference in whose place the first anchor stands, where it stands there.
            itself: whether the anchors are references themselves.
            similarity, select: of the loss.
        """
        places = partial(torch.arange, dtype=torch.int32, device=anchors.device)  # half the bytes to compare
        own = places(first, first + anchors.shape[0]).unsqueeze(1) == places(reference.shape[0])
        positive, negative = self.masks(label, reference_label, own, itself)
        for mask in allowed:
            if mask is not None:
                positive, negative = positive & mask, negative & mask
        scores = resolve_similarity(similarity).compare(anchors, reference)
        if select is not None:
            positive, negative = resolve_selection(select)(scores.detach(), positive, negative)
        return scores, positive, negative

    def values(
        self, scores: Float[Tensor, "b m"], positive: Bool[Tensor, "b m"], negative: Bool[Tensor, "b m"], **options: Any
    ) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"] | None]:
        """Values and counts of rows; None where every anchor counts once."""
        found = self.rows(scores, positive, negative, **options)
        return found if isinstance(found, tuple) else (found, None)

    def block(
        self,
        *given: Any,
        first: int = 0,
        itself: bool = True,
        similarity: Any,
        select: Any = None,
        **options: Any,
    ) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"] | None]:
        """Values and counts of a block; arguments as for `compare`, then the options of the rows."""
        compared = self.compare(*given, first=first, itself=itself, similarity=similarity, select=select)
        return self.values(*compared, **options)

    def on_labels(
        self,
        embedding: Float[Tensor, "n d"],
        label: Int[Tensor, "n"],
        *,
        reference: Float[Tensor, "m d"] | None = None,
        reference_label: Int[Tensor, "m"] | None = None,
        pair_mask: Bool[Tensor, "n m"] | None = None,
        mask: Bool[Tensor, "n"] | None = None,
        **options: Any,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The loss of a batch against itself, or against references of its own labels."""
        if (reference is None) != (reference_label is None):
            raise InputError("reference and reference_label belong together: one of them is missing")
        itself = reference is None
        if itself and pair_mask is not None and pair_mask.shape[1] != len(label):
            raise InputError(f"pair_mask must have shape (n, n) without a reference, not {tuple(pair_mask.shape)}")
        if mask is not None:
            embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
        anchors = self.prepare(embedding, options)
        if itself:
            columns, reference_label = anchors, label
        else:
            columns = self.prepare(reference, options)
        if columns.shape[0] == 0:
            return 0.0 * embedding.sum(1)
        allowed = (pair_mask, *_kept(mask, mask if itself else None))
        return _plain(self.block(anchors, columns, label, reference_label, allowed, itself=itself, **options))

    def on_views(
        self,
        first: Float[Tensor, "n d"],
        second: Float[Tensor, "n d"],
        *,
        negative: Float[Tensor, "m d"] | None = None,
        label: Int[Tensor, "n"] | None = None,
        mask: Bool[Tensor, "n"] | None = None,
        symmetric: bool = False,
        **options: Any,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The loss of n pairs, against each other and against further negatives."""
        if len(first) == 0:
            return 0.0 * (first.sum(1) + second.sum(1))
        if mask is not None:
            first, second = (torch.where(mask.unsqueeze(1), view, 0.0) for view in (first, second))
        anchors, others = (self.prepare(view, options) for view in (first, second))
        columns, kept, theirs = others, mask, label
        if negative is not None:
            extra = len(negative)
            columns = torch.cat([others, self.prepare(negative, options)])
            kept = None if mask is None else torch.cat([mask, mask.new_ones(extra)])
            theirs = None if label is None else torch.cat([label, label.new_full((extra,), -1)])
        found = self.block(anchors, columns, label, theirs, _kept(mask, kept), **options)
        if symmetric:
            back = self.block(others, anchors, label, label, _kept(mask, mask), **options)
            found = tuple(None if a is None else (0.5 * a + 0.5 * b) for a, b in zip(found, back, strict=True))
        return _plain(found)


def _kept(rows: Tensor | None, columns: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    return None if rows is None else rows.unsqueeze(1), None if columns is None else columns.unsqueeze(0)


def _plain(found: tuple[Tensor, Tensor | None]) -> Tensor | tuple[Tensor, Tensor]:
    return found[0] if found[1] is None else found  # type: ignore[return-value]


SHARED = """\
    similarity: "cosine", "dot", "euclidean", "squared_euclidean", "signal_to_noise", the last three after
        "normalized_" too, or a function of (b, d) and (m, d) that gives (b, m), larger for closer ones.
    select: which pairs count: None for all, a name ("hard", "semi_hard", "easy_positive", "multi_similarity"), or a
        function of (similarity, positive, negative) that gives both masks anew: those of
        `perdita.losses.embedding.selection` and `perdita.losses.embedding.mining`, or one's own.
"""
ON_LABELS = """\
    embedding: (n, d) the anchors, each compared with all others.
    label: (n,) items of one label belong together; any integers >= 0.
    reference: (m, d) items to compare the anchors with, instead of each other (a memory bank, a second view).
    reference_label: (m,) their labels.
    pair_mask: boolean (n, m), or (n, n) without a reference; False leaves a pair out.
"""
ON_VIEWS = """\
    first: (n, d) the anchors.
    second: (n, d) their counterparts: item i belongs to anchor i.
    negative: (m, d) further items that belong to no anchor.
    label: (n,) items of one label are no negatives of each other.
    symmetric: whether the value is the mean of both directions, first to second and second to first.
"""


def pair_loss(*, similarity: str = "cosine", views: bool = False, **card: Any) -> Callable[[Rows], Any]:
    """Make a loss of the catalogue of a rows function. Its docstring describes its own hyper-parameters alone.

    Args:
        similarity: the default.
        views: False for losses of (embedding, label), True for losses of two views (first, second).
        card: as `perdita.loss` takes it; the task is "embedding" unless given.

    Returns:
        The public function; its attribute ``pairs`` is the `PairLoss` that the blockwise engine runs.
    """

    def register(rows: Rows) -> Any:
        pairs = PairLoss(rows, views)
        form = pairs.on_views if views else pairs.on_labels
        own = [p for p in inspect.signature(rows).parameters.values() if p.kind is p.KEYWORD_ONLY]
        common = [p for p in inspect.signature(form).parameters.values() if p.kind is not p.VAR_KEYWORD]
        shared = {
            "similarity": (similarity, "str | Callable[[Tensor, Tensor], Tensor]"),
            "select": (None, "str | Callable[..., Any] | None"),
        }
        extra = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (default, annotation) in shared.items()
        ]
        names = [p.name for p in common if p.kind is p.POSITIONAL_OR_KEYWORD]
        defaults = {"similarity": similarity}

        def per_example(*tensors: Tensor, **named: Any) -> Any:
            return form(**dict(zip(names, tensors, strict=False)), **{**defaults, **named})

        per_example.__name__ = per_example.__qualname__ = rows.__name__
        per_example.__module__ = rows.__module__
        per_example.__doc__ = _describe(inspect.cleandoc(rows.__doc__ or ""), ON_VIEWS if views else ON_LABELS)
        per_example.__signature__ = inspect.Signature([*common, *own, *extra])  # type: ignore[attr-defined]
        per_example.__annotations__ = {"return": 'Float[Tensor, "n"]'}
        per_example.pairs = pairs  # type: ignore[attr-defined]
        given = {"task": "embedding", "rowwise": False, "cost": Cost(time="n n d", memory="n n"), **card}
        public = loss(**given)(per_example)
        public.pairs = pairs
        return public

    return register


def _describe(doc: str, tensors: str) -> str:
    """Put the shared arguments into a docstring: the tensors before its own, the similarity and selection after."""
    before, returns, after = doc.partition("\nReturns:")
    head, _, own = before.partition("\nArgs:\n")
    lines = "\n".join(line for line in own.rstrip().splitlines() if line.strip())
    return f"{head.rstrip()}\n\nArgs:\n{tensors}{lines}{chr(10) if lines else ''}{SHARED}{returns}{after}"
