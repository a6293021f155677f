"""How much memory an operation takes at its peak, counted from the tensors themselves: the same number every time."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Meter(TorchDispatchMode):
    """Adds up the storages that operations create while they are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self.seen: set[int] = set()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: what is counted is never compiled, and torch would load its compiler to say so."""
        return False

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for given in tree_leaves((args, kwargs or {})):
            if isinstance(given, torch.Tensor):
                self.seen.add(given.untyped_storage()._cdata)  # an input, or a tensor from before: not ours to count
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen:
            return
        self.seen.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.live -= size
        self.seen.discard(key)


def peak_bytes(operation: Callable[[], Any]) -> int:
    """Bytes of the tensors that ``operation`` creates, at the moment when most of them are alive."""
    with _Meter() as meter:
        result = operation()
    del result
    return meter.peak
