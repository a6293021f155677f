"""A block of logits: the memory it lies in, the matrix products that fill and use it, its softmax.

All is laid out for how a processor reaches memory: large pages, rows that lie apart, weights that stay in a cache.

Linux hands memory out as it is first written, page by page. 64 MiB in pages of 4 KiB are 16,384 interruptions, which
may take longer than the softmax that is written there; of pages of 2 MiB there are 32.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from perdita.core.numerics import HALF

if TYPE_CHECKING:
    from jaxtyping import Float

PAGE = 2**21  # bytes of a large page, on x86-64 and on arm64 with pages of 4 KiB
LINE = 64  # bytes that a cache takes at once
PERIOD = 4096  # bytes after which they come to the same place of the first cache
CACHED_WEIGHTS = 2**17  # numbers of a weight that a thread multiplies with before it goes on to the next
FEWEST_CLASSES = 256  # that a thread takes at once, however wide the weight
CLASSES_AT_ONCE = 4096  # of a product in half precision before it is added in float32


def in_large_pages(fresh: Tensor) -> Tensor:
    """The tensor itself; Linux was asked for large pages where its memory, which nobody wrote to yet, has whole ones.

    A hint, which changes no value and may be refused. On other systems, on accelerators and for tensors that are none
    in memory (fake ones, subclasses) nothing happens.
    """
    if type(fresh) is not Tensor or not fresh.is_cpu or fresh.nbytes < PAGE or (advise := _advise()) is None:
        return fresh
    start = -(-fresh.data_ptr() // PAGE) * PAGE
    length = (fresh.data_ptr() + fresh.nbytes - start) // PAGE * PAGE
    if length > 0:
        advise(start, length, mmap.MADV_HUGEPAGE)
    return fresh


@functools.cache
def _advise() -> Callable[[int, int, int], int] | None:
    """The C library's madvise, where it takes this advice."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    advise = getattr(ctypes.CDLL(None), "madvise", None)
    if advise is not None:
        advise.argtypes, advise.restype = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int), ctypes.c_int
    return advise


def block_buffer(like: Tensor, rows: int, classes: int) -> Float[Tensor, "rows classes"]:
    """Room for a block of logits, of the dtype and device of ``like``.

    On a CPU long rows lie apart by an odd number of cache lines. Where it is a power of two, as for 16,384 classes,
    the same columns of all rows come to one place of a cache, and a matrix product over rows waits for it.
    """
    width = classes
    if like.is_cpu and like.dtype not in HALF and classes * like.element_size() >= PERIOD:
        each = LINE // like.element_size()
        width = (-(-classes // each) | 1) * each
    return in_large_pages(like.new_empty(rows, width))[:, :classes]


def softmax_of_rows(logits: Float[Tensor, "n v"], *, in_place: bool) -> Float[Tensor, "n v"]:
    """Softmax along the rows of a `block_buffer`, in one call: what lies between them takes part, as -inf."""
    if logits.is_contiguous():
        return torch.softmax(logits, 1, out=logits if in_place else None)
    rows, classes = logits.shape
    whole = logits.as_strided((rows, logits.stride(0)), (logits.stride(0), 1))
    whole[:, classes:] = -torch.inf
    return torch.softmax(whole, 1, out=whole if in_place else None)[:, :classes]


def linear(hidden: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    """Logits of a head's tensors; they are the logits themselves where they come alone."""
    return hidden if weight is None else F.linear(hidden, weight, bias)


def linear_into(
    out: Float[Tensor, "n v"], hidden: Float[Tensor, "n d"], weight: Float[Tensor, "v d"], bias: Tensor | None = None
) -> Float[Tensor, "n v"]:
    """`linear`, written into ``out``: on a CPU as many classes at a time as its caches hold the weights of.

    A product of few rows with all of a large weight takes a fifth to a half longer, as it reads the weight twice.
    """
    classes = weight.shape[0]
    step = classes
    if out.is_cpu and out.dtype not in HALF:
        step = torch.get_num_threads() * max(CACHED_WEIGHTS // max(weight.shape[1], 1), FEWEST_CLASSES)
    for start in range(0, classes, max(step, 1)):
        own = slice(start, start + step)
        if bias is None:
            torch.mm(hidden, weight[own].T, out=out[:, own])
        else:
            torch.addmm(bias[own], hidden, weight[own].T, out=out[:, own])
    return out


def times(
    slope: Float[Tensor, "n v"], weight: Float[Tensor, "v d"], out: Float[Tensor, "n d"] | None = None
) -> Float[Tensor, "n d"]:
    """slope @ weight: each thread sums over its own part of the classes, and threads wait for each other once."""
    parts, (classes, features) = torch.get_num_threads(), weight.shape
    if not slope.is_cpu or slope.dtype in HALF or parts == 1 or classes % parts or classes < 4 * parts * features:
        return torch.mm(slope, weight, out=out)
    own = slope.unflatten(1, (parts, -1)).transpose(0, 1)  # (parts, n, v / parts)
    return torch.sum(torch.bmm(own, weight.unflatten(0, (parts, -1))), 0, out=out)


def add_product(total: Float[Tensor, "v d"], slope: Float[Tensor, "n v"], hidden: Float[Tensor, "n d"]) -> None:
    """total += slope.T @ hidden, in place, in the dtype of total.

    A sum of mixed dtypes is slow in PyTorch, so products in half precision are widened first, a part at a time.
    """
    if total.dtype == slope.dtype:
        total.addmm_(slope.T, hidden)
        return
    for start in range(0, total.shape[0], CLASSES_AT_ONCE):
        stop = start + CLASSES_AT_ONCE
        total[start:stop].add_((slope[:, start:stop].T @ hidden).to(total.dtype))
