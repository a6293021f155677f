"""Memory for logits and their gradients, laid out for how a processor reaches it: large pages, rows that lie apart.

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
from torch import Tensor

from perdita.core.numerics import HALF

if TYPE_CHECKING:
    from jaxtyping import Float

PAGE = 2**21  # bytes of a large page, on x86-64 and on arm64 with pages of 4 KiB
LINE = 64  # bytes that a cache takes at once
PERIOD = 4096  # bytes after which they come to the same place of the first cache


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
