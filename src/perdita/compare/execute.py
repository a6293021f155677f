"""Who runs the units: this process, or a pool of worker processes. Both give the same bits."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import get_all_start_methods, get_context, parent_process
from multiprocessing.connection import wait as wait_for_exit
from threading import Thread, active_count
from types import ModuleType
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Heard = Callable[[int], Any]  # told how much more is done, while units run

POLL = 0.2  # seconds between two looks at what the workers have done
WORTH_A_POOL = 40_000  # training steps of single models: below, starting processes costs more than it saves
LONG = 200  # epochs of a single loss: from here on, worker processes are likely to be wanted
PRELOADED = (  # what a worker needs: imported once, by the process that workers are forked from
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
    """Units spread over worker processes.

    They are forked from a server that has done nothing but imports, or, where the whole process is ours, from this one.
    """

    def __init__(self, workers: int, *, forked: bool = False) -> None:
        self.workers = workers
        self.forked = _start("fork", workers) if forked else None  # for the first run

    def __del__(self) -> None:
        if self.forked:  # nothing was run: Python may end the pool twice at its exit
            self.forked.pool.shutdown()

    def run(self, function: Callable[[T], R], inputs: Sequence[T], heard: Heard) -> Iterator[tuple[T, R]]:
        started, self.forked = self.forked or _start(_method(), min(self.workers, len(inputs))), None
        counter, told = started.counter, 0
        with started.pool as pool:
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


class _Started(NamedTuple):
    pool: ProcessPoolExecutor
    counter: Any  # how much the workers have done


def _start(method: str, workers: int) -> _Started:
    context = get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(PRELOADED))
    counter = context.Value("q", 0)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(counter,))
    if method == "fork":
        pool.submit(int)  # all workers start now, and wait
    return _Started(pool, counter)


def _method() -> str:
    """Forks of a server that only imports, where the system has it; else fresh interpreters."""
    return "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


def fork_early(epochs: int, workers: int) -> ProcessPool | None:
    """Workers of a process that is wholly ours, which has imported what they need and done nothing else.

    Where a process has a life of its own (threads, a GPU), forking it is not safe: there, `choose_executor` serves.

    Args:
        epochs: of a single loss, in the whole comparison; None is given where they are few, or where the system cannot.
        workers: 0 is one for each core.
    """
    wanted = workers or cores()
    lived = "polars" in sys.modules or active_count() > 1  # its threads would be missing in a fork
    if wanted == 1 or epochs < LONG or sys.platform != "linux" or lived:
        return None
    for module in PRELOADED:
        importlib.import_module(module)
    return ProcessPool(wanted, forked=True)


EarlyExecutor = Callable[[int, int], Executor | None]  # of (epochs of a loss, workers), asked before anything is read


def begin_early(executor: Executor | EarlyExecutor | None, epochs: int, workers: int) -> Executor | None:
    """The executor that is given, or that the given function makes; without one, workers are made ready.

    Raises:
        InputError: fewer than no workers.
    """
    if workers < 0:
        from perdita.core.errors import InputError

        raise InputError(f"workers must be an integer >= 0, not {workers!r}")
    found = executor(epochs, workers) if callable(executor) else executor
    if found is None:
        start_early(epochs, workers)
    return found


def start_early(epochs: int, workers: int) -> None:
    """Let the workers' imports begin now, beside whatever this process does until it has units for them.

    Nothing happens where the epochs of a single loss are few, so that workers are not likely to be wanted.
    """
    if workers != 1 and epochs >= LONG and _method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        get_context("forkserver").set_forkserver_preload(list(PRELOADED))
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


def _begin(counter: Any) -> None:
    """In a worker: progress goes into the counter that the parent reads, and no worker outlives its parent."""

    def add(amount: int) -> None:
        with counter.get_lock():
            counter.value += amount

    def watch() -> None:
        wait_for_exit([parent_process().sentinel])
        os._exit(1)

    _HEARD.set(add)
    Thread(target=watch, daemon=True).start()


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_executor(workers: int, units: int, steps: int) -> Executor:
    """The executor for so many units and steps; ``workers`` 0 is one for each core, where a pool is worth it."""
    wanted = workers or (cores() if steps >= WORTH_A_POOL else 1)
    return InProcess() if min(wanted, units) <= 1 else ProcessPool(wanted)
