"""Who computes a fused cross-entropy from end to end: our Triton kernels, or a package that is installed.

A table of implementations, each with what it cannot do. `auto` asks it on CUDA alone; elsewhere, and for what none of
them takes, the blocks of `blocked` run. None of the choices rests on a measurement by this project on a GPU.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core.errors import InputError
from perdita.core.numerics import HALF
from perdita.kernels.cross_entropy_blocks import CrossEntropyBlocks, log_odds
from perdita.kernels.inputs import Rows

if TYPE_CHECKING:
    from jaxtyping import Float

AMPERE = (8, 0)  # compute capability, the least that cut-cross-entropy is published for


@dataclass(frozen=True)
class Wish:
    """What is asked of a cross-entropy of a linear layer, beside its tensors."""

    written: CrossEntropyBlocks  # label smoothing, softcap, z-penalty
    with_lse: bool
    accumulate: torch.dtype | None
    by_blocks: Callable[[Rows], tuple[Tensor, Tensor]]  # values without penalty, log-sum-exps; differentiable twice


@dataclass(frozen=True)
class Whole:
    """An implementation from end to end."""

    refusal: Callable[[Rows, Wish], str | None]  # why it cannot; None where it can
    fits: Callable[[Rows, Wish], bool]  # whether "auto" takes it, where it can
    values: Callable[[Rows, Wish], tuple[Float[Tensor, "n"], Float[Tensor, "n"] | None]]  # and log-sum-exps


def whole(impl: str, rows: Rows, wish: Wish | None) -> Whole | None:
    """The implementation that is named or, for "auto", that fits; None leaves it to the blocks.

    Raises:
        InputError: the named one cannot do what is asked.
    """
    if impl in WHOLE:
        reason = "takes cross_entropy or a function of it, with class indices and nothing beside them, in eager mode"
        if wish is not None:
            reason = WHOLE[impl].refusal(rows, wish)
        if reason is not None:
            raise InputError(f'impl="{impl}" {reason}; impl="auto" or impl="blocked" does without it')
        return WHOLE[impl]
    if impl != "auto" or wish is None or not on_nvidia(rows):
        return None
    able = (item for item in WHOLE.values() if item.refusal(rows, wish) is None and item.fits(rows, wish))
    return next(able, None)


def by_triton(impl: str, rows: Rows) -> bool:
    """Whether the Triton kernels compute the tiles of a cross-entropy.

    Raises:
        InputError: they are named, and cannot.
    """
    reason = triton_refusal(rows) if impl == "triton" else None
    if reason is not None:
        raise InputError(f'impl="triton" {reason}; impl="auto" or impl="blocked" does without it')
    return impl == "triton" or (impl == "auto" and on_nvidia(rows) and triton_refusal(rows) is None)


def on_nvidia(rows: Rows) -> bool:
    """Whether everything is an ordinary tensor on a CUDA device."""
    plain = all(type(tensor) in (Tensor, nn.Parameter) and tensor.is_cuda for tensor in rows.tensors())
    return plain and torch.version.cuda is not None


def installed(package: str) -> bool:
    """Whether it could be imported, without doing so."""
    return importlib.util.find_spec(package) is not None


def interpreted() -> bool:
    """Whether Triton's interpreter runs kernels on the CPU (TRITON_INTERPRET=1 before the first import)."""
    import triton

    return bool(triton.knobs.runtime.interpret)


def triton_refusal(rows: Rows, wish: Wish | None = None) -> str | None:
    """Why the Triton kernels cannot: no package, no device, a dtype that they do not have."""
    (head,) = rows.heads.values()
    if not installed("triton"):
        return "needs the package triton (pip install triton)"
    if not head.hidden.is_cuda and not (head.hidden.is_cpu and interpreted()):
        return f"needs tensors on a CUDA device, and these are on {head.hidden.device}"
    if head.hidden.dtype not in (torch.float32, *HALF):
        return f"takes float32, bfloat16 and float16, not {head.hidden.dtype}"
    return None


def triton_values(rows: Rows, wish: Wish) -> tuple[Tensor, Tensor]:
    """Exact: without a filter, which `cut_cross_entropy` has."""
    from perdita.kernels.tiles.launch import Cut, values_and_lse

    ((name, head),), written = rows.heads.items(), wish.written

    def definition(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        own = head._replace(hidden=hidden, weight=weight, bias=bias)
        return wish.by_blocks(replace(rows, heads={name: own}, leading=(rows.count,), weight=None))

    cut = Cut(softcap=written.softcap, label_smoothing=written.label_smoothing)
    values, lse = values_and_lse(cut, *head[:3], rows.by_row["target"], rows.mask, definition)
    if written.of_target is not None:
        values = written.of_target(log_odds(values))
    return values + written.z_penalty * lse.square() if written.z_penalty else values, lse


def peer_refusal(rows: Rows, wish: Wish) -> str | None:
    """Why the package cut-cross-entropy cannot."""
    (head,), written = rows.heads.values(), wish.written
    if not installed("cut_cross_entropy"):
        return "needs the package cut-cross-entropy (pip install cut-cross-entropy)"
    if written.label_smoothing or written.z_penalty or wish.with_lse or head.bias is not None or written.of_target:
        return "has cross_entropy alone, without bias, label_smoothing, z_penalty and return_lse"
    if head.hidden.is_cuda and (torch.cuda.get_device_capability(head.hidden.device) < AMPERE):
        return "needs a GPU of compute capability 8.0 at least"
    if head.hidden.is_cuda and head.hidden.dtype not in HALF:
        return f"takes bfloat16 and float16 on a GPU, not {head.hidden.dtype}"
    return None


def peer_values(rows: Rows, wish: Wish) -> tuple[Tensor, None]:
    """Without its filter, so that gradients are exact; their sums are in the inputs' dtype."""
    from cut_cross_entropy import linear_cross_entropy

    (head,) = rows.heads.values()
    target = rows.by_row["target"].long()
    target = target if rows.mask is None else torch.where(rows.mask, target, -100)
    form = "cce" if head.hidden.is_cuda else "torch_compile"
    options = {"softcap": head.softcap, "reduction": "none", "filter_eps": None, "impl": form}
    return linear_cross_entropy(head.hidden, head.weight, target, **options).float(), None


WHOLE = {  # "auto" takes the first that can and fits
    # its kernels were tuned on GPUs by their authors (arXiv 2411.09009, table 1), and sum as narrowly as they are given
    "cut-cross-entropy": Whole(peer_refusal, lambda _, wish: wish.accumulate is None, peer_values),
    "triton": Whole(triton_refusal, lambda *_: True, triton_values),
}
