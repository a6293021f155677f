"""Pair losses on large batches: similarities block by block, exact gradients, O(block · m) memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from perdita.core.criterion import Criterion
from perdita.core.errors import InputError
from perdita.core.numerics import widen
from perdita.core.reduction import align, check_reduction
from perdita.core.signature import REQUIRED, Field, parse_shapes
from perdita.kernels.gather import gather_rows, rank_of, sum_over
from perdita.kernels.pair_blocks import Each, Rows, Sweep, Total

if TYPE_CHECKING:
    import torch.distributed as dist
    from jaxtyping import Bool, Float, Int

NUMBERS = 1 << 19  # similarities in a block: 2 MiB in float32, about ten of which are alive at once
FEWEST = 128  # anchors in a block, so that its matrix products stay worth their name
FIELDS = tuple(
    Field(name, parse_shapes(shape), optional=optional)
    for name, shape, optional in (
        ("embedding", 'Float[Tensor, "n d"]', False),
        ("label", 'Int[Tensor, "n"]', True),
        ("reference", 'Float[Tensor, "m d"]', True),
        ("reference_label", 'Int[Tensor, "m"]', True),
        ("pair_mask", 'Bool[Tensor, "n m"]', True),
    )
)


def blockwise_pairs(
    loss: Any,
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"] | None = None,
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    pair_mask: Bool[Tensor, "n m"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
    weight: Float[Tensor, "n"] | None = None,
    block: int | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
    group: dist.ProcessGroup | None = None,
    average_gradients: bool = True,
    **options: Any,
) -> Tensor:
    r"""Any pair loss with its exact gradient, without the matrix of similarities.

    Equal to ``loss(embedding, label, reference=…, …)`` in value and gradient, and for a loss of two views to
    ``loss(embedding, reference, …)``, in which case ``reference`` holds the second view, followed by further negatives.
    The work is O(n m d), the memory O(block · m + (n + m) d).

    Args:
        loss: a pair loss: its function (``perdita.functional.sup_con``), or its criterion, whose hyper-parameters are
            taken and whose parameters get their gradients.
        embedding: (n, d) anchors.
        label: (n,) integers; a loss of two views may do without.
        reference: (m, d) items to compare the anchors with, instead of each other.
        reference_label: (m,) their labels.
        pair_mask: boolean (n, m); False leaves a pair out. Not with a group.
        mask: boolean (n,); False leaves an item out.
        weight: (n,) weights of the anchors; no gradient flows to it.
        block: anchors at a time; by the memory unless given.
        reduction, normalizer: as everywhere.
        group: process group over which the anchors are spread: every rank holds its own (n_r, d), all are compared
            with all ranks' items, and every rank gets the value of the whole (with "none" the values of its own).
            ``torch.distributed.group.WORLD`` for all ranks.
        average_gradients: with a group, whether gradients are averaged over the ranks afterwards, as DDP and FSDP do;
            then each is multiplied by their number, so that the average is the gradient of the whole. False gives each
            rank the gradient of the whole with respect to its own items.
        options: hyper-parameters of the loss. A tensor among them gets its gradient; one of shape () is shared by all
            anchors, one of shape (n, …) belongs to them.

    Returns:
        The reduced loss, or (n,) values. A second derivative is exact too, but takes the memory of the whole matrix.

    Raises:
        InputError: no pair loss, shapes that do not fit, an unknown reduction or hyper-parameter.
    """
    check_reduction(reduction, normalizer)
    pairs, given = resolve_pairs(loss, (embedding, label, reference, reference_label, pair_mask), options)
    if weight is not None:
        align(weight, embedding.shape[:1], "weight")
        if weight.requires_grad:
            raise InputError("weight gets no gradient here; detach it, or call the loss itself")
    if block is not None and block < 1:
        raise InputError(f"block must be at least 1, not {block}")
    if group is not None and pair_mask is not None:
        raise InputError("pair_mask cannot be used with a group: no rank knows the others' items")
    symmetric, embedding = given.pop("symmetric", False), widen(embedding)
    if mask is not None:
        mask = align(mask, embedding.shape[:1], "mask")
        embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
    anchors = pairs.prepare(embedding, given)
    if reference is None:
        columns, their_label, their_mask, itself = anchors, label, mask, True
    else:
        reference = widen(reference)
        their_mask, itself = None, pairs.views
        if pairs.views and mask is not None:
            their_mask = torch.cat([mask, mask.new_ones(len(reference) - len(mask))])
            reference = torch.where(their_mask.unsqueeze(1), reference, 0.0)
        columns, their_label = pairs.prepare(reference, given), reference_label
        if pairs.views and label is not None and reference_label is None:
            their_label = torch.cat([label, label.new_full((len(reference) - len(label),), -1)])
    others = columns[: len(anchors)]
    tensors = {name: value for name, value in given.items() if isinstance(value, Tensor)}
    static = {name: value for name, value in given.items() if name not in tensors}
    first = 0
    if group is not None:
        first, columns, their_label, their_mask = gather_rows(columns, their_label, their_mask, group)

    def swept(anchors: Tensor, columns: Tensor, first: int, rows: Rows) -> tuple[Tensor, Tensor]:
        size = block or max(FEWEST, NUMBERS // max(len(columns), 1))
        sweep = Sweep(pairs, static, tuple(tensors), size, first, itself)
        run = Each if reduction == "none" else Total
        inputs = _apart((anchors, columns, *rows, *tensors.values()))
        return run.apply(sweep, *inputs)[:2]  # type: ignore[no-untyped-call]

    total, count = swept(anchors, columns, first, (weight, label, their_label, mask, their_mask, pair_mask))
    if symmetric:
        back, back_label, back_mask = anchors, label, mask
        if group is not None:
            first, back, back_label, back_mask = gather_rows(anchors, label, mask, group)
        again, counted = swept(others, back, first, (weight, label, back_label, mask, back_mask, None))
        total, count = (total + again) / 2, (count + counted) / 2
    return _reduced(total, count, reduction, normalizer, group, average_gradients)


def _apart(tensors: tuple[Tensor | None, ...]) -> list[Tensor | None]:
    """Views in place of repetitions: a compiled autograd function takes no tensor twice."""
    seen: list[Tensor] = []
    for tensor in tensors:
        if tensor is not None:
            seen.append(tensor.view_as(tensor) if any(tensor is one for one in seen) else tensor)
    rest = iter(seen)
    return [None if tensor is None else next(rest) for tensor in tensors]


def _reduced(
    total: Tensor,
    count: Tensor,
    reduction: str,
    normalizer: float | Tensor | None,
    group: dist.ProcessGroup | None,
    average_gradients: bool,
) -> Tensor:
    scale = rank_of(group)[1] if group is not None and average_gradients else 1
    if reduction in ("mean", "batchmean"):
        if normalizer is None:
            count = sum_over(count, group)
            normalizer = torch.where(count == 0, 1.0, count)
        total = total / normalizer
    if group is None:
        return total
    whole = total.detach() if reduction == "none" else sum_over(total.detach(), group)
    return whole + scale * (total - total.detach())


def resolve_pairs(loss: Any, tensors: tuple[Tensor | None, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The pair loss behind a function or a criterion, and its hyper-parameters, once its tensors (as `FIELDS`) fit."""
    card = getattr(loss, "card", None)
    pairs = getattr(loss, "pairs", None) or getattr(getattr(card, "per_example", None), "pairs", None)
    if pairs is None or card is None:
        raise InputError(f"loss must be a pair loss of the catalogue or made by pair_loss, not {loss!r}")
    sizes: dict[str, Any] = {}
    _, label, reference, reference_label, _ = tensors
    for item, tensor in zip(FIELDS, tensors, strict=True):
        if item.name == "pair_mask" and reference is None:
            sizes["m"] = sizes["n"]
        if tensor is not None or not item.optional:
            item.bind(tensor, sizes)  # type: ignore[arg-type]
    if pairs.views:
        if reference is None or len(reference) < sizes["n"]:
            raise InputError("reference must hold the second view of every anchor for a loss of two views")
    elif label is None:
        raise InputError("label is missing: this loss says by it which items belong together")
    elif (reference is None) != (reference_label is None):
        raise InputError("reference and reference_label belong together: one of them is missing")
    if hasattr(loss, "pair_options"):  # a criterion with parameters
        if options:
            raise InputError(f"{card.class_name} has its hyper-parameters already, but {', '.join(options)} came too")
        return pairs, loss.pair_options(label)
    held = loss._call_options() if isinstance(loss, Criterion) else {}
    defaults = {name: value for name, value in card.signature.defaults.items() if value is not REQUIRED}
    given = {**defaults, **held, **options}
    card.check_options({name: value for name, value in given.items() if not isinstance(value, Tensor)})
    return pairs, given
