"""Large pages for large buffers: Linux hands memory out as it is first written, a page at a time, and each costs time.

64 MiB in pages of 4 KiB are 16,384 interruptions, which take longer than the softmax that is written there.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable

from torch import Tensor

PAGE = 2**21  # bytes of a large page, on x86-64 and on arm64 with pages of 4 KiB


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
