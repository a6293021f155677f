"""Cross-entropy whose classes, and whose rows too, are spread over the ranks of a process group.

Every rank holds some of the classes. What the ranks tell each other is a few numbers for each row: the log-sum-exp over
their own classes and the target's logit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor

from perdita.core.apply import is_plain
from perdita.core.errors import InputError
from perdita.core.reduction import align, check_reduction
from perdita.kernels.gather import gather_rows, sizes_over
from perdita.kernels.inputs import MASK, prepare
from perdita.kernels.row_loss import Head, row_loss
from perdita.kernels.tiled_cross_entropy import checked_size
from perdita.kernels.tiles.host import Tiles
from perdita.kernels.vocabulary_shards import LinearShard, LogitShard, Same, Take

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch.distributed.device_mesh import DeviceMesh

    Group = dist.ProcessGroup | DeviceMesh


def vocabulary_parallel_cross_entropy(
    logits: Float[Tensor, "*n v"],
    target: Int[Tensor, "*n"],
    *,
    group: Group,
    weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
    z_penalty: float = 0.0,
    return_lse: bool = False,
) -> Any:
    r"""Cross-entropy of logits of which every rank holds some classes, and their exact gradient.

    .. math:: \ell = \log \sum_r e^{L_r} - z_y + \text{z\_penalty} \Big(\log \sum_r e^{L_r}\Big)^2,
        \qquad L_r = \log \sum_{k \text{ on rank } r} e^{z_k}

    Every rank calls it with the same rows and targets, gets the same value, and differentiates that value: the gradient
    of its own logits comes without further communication, in one buffer of their size.

    Args:
        logits: (*n, v_r) scores of this rank's classes. Classes are numbered through the ranks in their order; the
            ranks may hold different numbers of them.
        target: (*n,) class indices among all classes, the same on every rank.
        group: process group over which the classes are spread, or a `DeviceMesh` of one dimension.
        weight, mask, ignore_index, reduction, normalizer: as in every loss, the same on every rank.
        z_penalty: of the squared log-sum-exp.
        return_lse: also give the log-sum-exp of each row, differentiable, 0 where a row is left out.

    Returns:
        The reduced loss, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: labels outside of all classes, shapes that do not fit, compiled code or a `torch.func` transform; a
            second derivative.

    Example:
        >>> perdita.kernels.vocabulary_parallel_cross_entropy(own_logits, target, group=mesh)  # doctest: +SKIP

    Source:
        Shoeybi et al., "Megatron-LM", arXiv 1909.08053, section 3.
    """
    ranks = _process_group(group)

    def shard(head: Head, target: Tensor) -> Any:
        return LogitShard.apply(ranks, head.hidden, target)

    options = (weight, mask, ignore_index, reduction, normalizer, z_penalty, return_lse)
    return _on_ranks(Head(logits, None), target, ranks, shard, *options)


def vocabulary_parallel_linear(
    hidden: Float[Tensor, "*n d"],
    weight: Float[Tensor, "v d"],
    target: Int[Tensor, "*n"],
    *,
    group: Group,
    bias: Float[Tensor, "v"] | None = None,
    softcap: float | None = None,
    rows_sharded: bool = False,
    example_weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
    z_penalty: float = 0.0,
    return_lse: bool = False,
    block_rows: int = 512,
    block_classes: int = 4096,
) -> Any:
    r"""Cross-entropy of a linear layer whose rows of weight are spread over the ranks, tile by tile.

    The value is that of `vocabulary_parallel_cross_entropy`; no rank holds more than a tile of logits in either pass.
    The gradients of weight and bias are those of this rank's rows; that of hidden is summed over the ranks.

    Args:
        hidden: (*n, d) inputs of the output layer; the same on every rank, or with ``rows_sharded`` this rank's own.
        weight: (v_r, d) this rank's rows of the layer's weight; classes are numbered through the ranks in their order.
        target: (*n,) class indices among all classes, for hidden's rows.
        group: process group over which the classes are spread, or a `DeviceMesh` of one dimension.
        bias: (v_r,) of this rank's classes.
        softcap: bound of the logits, by a scaled tanh.
        rows_sharded: every rank has rows of its own too (a part of the sequence or batch; their numbers may differ).
            They are gathered, and the gradient of hidden goes back to the rank that it belongs to.
        example_weight, mask, ignore_index: as in `fused_linear`, for hidden's rows.
        reduction: over the rows of all ranks; "none" gives the values of hidden's rows.
        normalizer: replaces the denominator of the mean, the same on every rank.
        z_penalty: of the squared log-sum-exp.
        return_lse: also give the log-sum-exp of each of hidden's rows, differentiable, 0 where a row is left out.
        block_rows, block_classes: size of a tile.

    Returns:
        The reduced loss, the same on every rank, or (*n,) values; with return_lse the pair of it and the log-sum-exps.

    Raises:
        InputError: labels outside of all classes, shapes that do not fit, compiled code or a `torch.func` transform; a
            second derivative.

    Example:
        >>> perdita.kernels.vocabulary_parallel_linear(hidden, own_rows, target, group=mesh)  # doctest: +SKIP

    Source:
        Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", ICLR 2025, arXiv 2411.09009; rows that
        are spread too: Korthikanti et al., "Reducing Activation Recomputation", MLSys 2023, arXiv 2205.05198.
    """
    ranks, leading, own = _process_group(group), hidden.shape[:-1], None
    rows, columns = checked_size("block_rows", block_rows), checked_size("block_classes", block_classes)
    tiles = Tiles(rows=rows, classes=columns, softcap=softcap)

    def shard(head: Head, target: Tensor) -> Any:
        return LinearShard.apply(ranks, tiles, *head[:3], target)

    if rows_sharded:
        if target.shape != leading:
            raise InputError(f"target must have hidden's leading shape {tuple(leading)}, not {tuple(target.shape)}")
        if example_weight is not None:
            items = _flat("weight", example_weight, leading).unsqueeze(1).to(hidden.dtype)
            example_weight = gather_rows(items, None, None, ranks)[1].squeeze(1)
        mask = None if mask is None else _flat("mask", mask, leading)
        flat = hidden.reshape(-1, hidden.shape[-1])
        start, hidden, target, mask = gather_rows(flat, target.reshape(-1), mask, ranks)  # type: ignore[assignment]
        own = _Own(ranks, start, leading)
    else:
        hidden = Same.apply(hidden, ranks)
    options = (example_weight, mask, ignore_index, reduction, normalizer, z_penalty, return_lse)
    return _on_ranks(Head(hidden, weight, bias, softcap), target, ranks, shard, *options, own=own)


def _on_ranks(
    head: Head,
    target: Tensor,
    ranks: dist.ProcessGroup,
    shard: Callable[[Head, Tensor], Any],
    weight: Tensor | None,
    mask: Tensor | None,
    ignore_index: int | None,
    reduction: str,
    normalizer: float | Tensor | None,
    z_penalty: float,
    return_lse: bool,
    own: _Own | None = None,
) -> Any:
    """Check, evaluate, reduce; ``own`` takes this rank's rows out of all, where rows are spread as well."""
    check_reduction(reduction, normalizer)
    sizes = sizes_over(head.classes, head.hidden.device, ranks)
    if min(sizes) < 1:
        raise InputError(f"every rank must hold a class at least; they hold {sizes}")
    first = sum(sizes[: dist.get_rank(ranks)])
    rows = prepare(
        row_loss("cross_entropy", {})[0], head, {"target": target},
        shift=0, weight=weight, mask=mask, ignore_index=ignore_index, classes=sum(sizes),
    )  # fmt: skip
    kept, index = rows.kept()
    if MASK in kept.by_row:
        kept = rows.filled()
    with torch.autocast(head.hidden.device.type, enabled=False):
        found = shard(kept.heads["logits"], kept.by_row["target"].long() - first)
        values, lse = (rows.spread(index, part) for part in found)
        if z_penalty:
            values = values + z_penalty * lse.square()
        value, lse = rows.reduced(values, None, reduction, normalizer), rows.unreduced(lse)
    if own is not None:
        value, lse = own(value) if reduction == "none" else value, own(lse)
    return (value, lse) if return_lse else value


@dataclass(frozen=True)
class _Own:
    """Takes this rank's rows out of those of all ranks."""

    ranks: dist.ProcessGroup
    start: int
    leading: tuple[int, ...]

    def __call__(self, every: Float[Tensor, "m"]) -> Float[Tensor, "*n"]:
        taken: Tensor = Take.apply(every, self.ranks, self.start, math.prod(self.leading))
        return taken.reshape(self.leading)


def _flat(name: str, tensor: Tensor, leading: tuple[int, ...]) -> Tensor:
    return align(tensor, leading, name).expand(leading).reshape(-1)


def _process_group(group: Any) -> dist.ProcessGroup:
    if not is_plain():
        raise InputError("vocabulary-parallel losses run in eager mode, under no torch.func transform")
    if isinstance(group, dist.ProcessGroup):
        return group
    if hasattr(group, "get_group") and group.ndim == 1:
        return group.get_group()  # type: ignore[no-any-return]
    raise InputError(f"group must be a process group or a DeviceMesh of one dimension, not {group!r}")
