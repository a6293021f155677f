"""Who runs the units: this process, or a pool of worker processes. Both give the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Executor(Protocol):
    """Runs a pure, picklable function on many inputs."""

    def run(self, function: Callable[[T], R], inputs: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Each input with its result, in the order in which they finish."""


class InProcess:
    """One unit after another, here."""

    def run(self, function: Callable[[T], R], inputs: Sequence[T]) -> Iterator[tuple[T, R]]:
        for item in inputs:
            yield item, function(item)


class ProcessPool:
    """Units spread over worker processes, each a fresh interpreter."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def run(self, function: Callable[[T], R], inputs: Sequence[T]) -> Iterator[tuple[T, R]]:
        from concurrent.futures import ProcessPoolExecutor, as_completed
        from multiprocessing import get_context

        with ProcessPoolExecutor(min(self.workers, len(inputs)), mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(function, item): item for item in inputs}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def executor(workers: int, units: int) -> Executor:
    """The executor for so many units: ``workers`` 0 means one for each core, and one worker or unit needs no pool."""
    wanted = (
        workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or os.cpu_count() or 1
    )
    return InProcess() if min(wanted, units) <= 1 else ProcessPool(wanted)
