"""Real processes for tests of distributed code, forked from one that has imported PyTorch: importing takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

import torch.multiprocessing

from perdita.compare.execute import PRELOADED

IMPORTED = [*PRELOADED, "perdita.kernels", "torch.distributed.fsdp", "torch.distributed.tensor"]


def import_early() -> None:
    """What processes are forked from, from now on, has imported what ranks need."""
    get_context("forkserver").set_forkserver_preload(IMPORTED)


def start(work: Callable[..., None], *arguments: Any, world: int = 2) -> None:
    """Run ``work(rank, *arguments)`` in ``world`` processes; an error in one of them is raised here."""
    import_early()
    torch.multiprocessing.start_processes(work, arguments, nprocs=world, start_method="forkserver")
