"""Who runs the units: this process, or a pool of worker processes. Both give the same bits."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import get_all_start_methods, get_context
from types import ModuleType
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Heard = Callable[[int], Any]  # told how much more is done, while units run

POLL = 0.2  # seconds between two looks at what the workers have done
WORTH_A_POOL = 40_000  # training steps of single models: below, starting processes costs more than it saves
LONG = 200  # epochs of a single loss: from here on, worker processes are likely to be wanted
PRELOADED = (  # what a worker needs: imported once, by the server that workers are forked from
    "perdita.compare.unit",
    "sklearn.datasets",
    "sklearn.pipeline",
)
_HEARD: ContextVar[Heard | None] = ContextVar("perdita_progress", default=None)


class Executor(Protocol):
    """Runs a pure, picklable function on many inputs."""

    def run(self, function: Callable[[T], R], inputs: Sequence[T], heard: Heard) -> Iterator[tuple[T, R]]:
        """Each input with its result, in the order in which they finish."""


def report_progress(amount: int) -> None:
    """Say, from within a unit, that so much more of it is done."""
    heard = _HEARD.get()
    if heard is not None:
        heard(amount)


class InProcess:
    """One unit after another, here."""

    def run(self, function: Callable[[T], R], inputs: Sequence[T], heard: Heard) -> Iterator[tuple[T, R]]:
        for item in inputs:
            token = _HEARD.set(heard)
            try:
                result = function(item)
            finally:
                _HEARD.reset(token)
            yield item, result


class ProcessPool:
    """Units spread over worker processes, forked from a server that has done nothing but imports."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.context = _processes()

    def run(self, function: Callable[[T], R], inputs: Sequence[T], heard: Heard) -> Iterator[tuple[T, R]]:
        counter, told = self.context.Value("q", 0), 0
        workers = min(self.workers, len(inputs))
        with ProcessPoolExecutor(workers, self.context, initializer=_listen, initargs=(counter,)) as pool:
            with _without_main():  # submitting starts the workers
                futures = {pool.submit(function, item): item for item in inputs}
            try:
                while futures:
                    finished, _ = wait(futures, timeout=POLL, return_when=FIRST_COMPLETED)
                    done = counter.value
                    if done > told:
                        heard(done - told)
                        told = done
                    for future in finished:
                        yield futures.pop(future), future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _processes() -> Any:
    """The start method: forks of a server that only imports, where the system has it; else fresh interpreters."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def start_early(epochs: int, workers: int) -> None:
    """Let the workers' imports begin now, beside whatever this process does until it has units for them.

    Nothing happens where the epochs of a single loss are few, so that workers are not likely to be wanted. This module
    needs no PyTorch: the command line calls this before it loads it.
    """
    if workers != 1 and epochs >= LONG and _processes().get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        with _without_main():
            ensure_running()


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes started in here do not run the caller's script again, as they would to find what it defines.

    Units are plain data, so that nobody has to write ``if __name__ == "__main__":`` around a comparison.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _listen(counter: Any) -> None:
    """In a worker: progress goes into the counter that the parent reads."""

    def add(amount: int) -> None:
        with counter.get_lock():
            counter.value += amount

    _HEARD.set(add)


def executor(workers: int, units: int, steps: int) -> Executor:
    """The executor for so many units and steps; ``workers`` 0 is one for each core, where a pool is worth it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = workers or (cores if steps >= WORTH_A_POOL else 1)
    return InProcess() if min(wanted, units) <= 1 else ProcessPool(wanted)
