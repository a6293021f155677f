"""How two contenders are timed: turn by turn, after they were seen to agree, and told apart from noise."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_map

from perdita.compare.train.memory import peak_bytes

NOISY = 1.5  # median over minimum beyond which a timing says more about the machine than about the contender
SCALE = {"s": 1.0, "ms": 1e3, "µs": 1e6}
Contender = Callable[[], Any]


@dataclass(frozen=True)
class Measured:
    """What a row found, in the row's unit; the peaks are bytes of live tensors, None where they have no meaning."""

    ours: float
    theirs: float
    peak_ours: int | None = None
    peak_theirs: int | None = None
    noisy: bool = False


def agree(ours: Any, theirs: Any, **tolerances: float) -> None:
    """Raise AssertionError where two results (tensors, or trees of them) differ."""
    torch.testing.assert_close(tree_map(_plain, ours), tree_map(_plain, theirs), **tolerances)


def _plain(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, torch.Tensor) else leaf


def value_and_gradient(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """A scalar function's value, and its gradient to the first input."""
    first = inputs[0].detach().clone().requires_grad_()
    value = function(first, *inputs[1:])
    return value.detach(), torch.autograd.grad(value, first)[0]


def race(
    ours: Contender,
    *theirs: Contender,
    unit: str,
    repeats: int = 15,
    warmups: int = 3,
    loops: int = 1,
    tries: int = 3,
) -> Measured:
    """Median wall time of each, interleaved; measured anew, up to ``tries`` times, while it is noisy.

    Args:
        ours, theirs: what is timed; the caller has seen to it that they agree. Of several the fastest counts.
        unit: s, ms or µs.
        repeats: timings of each, at least 8.
        warmups: untimed calls before.
        loops: calls in one timing, for what is shorter than the clock is sharp.
        tries: how often to measure at most.
    """
    if repeats < 8:
        raise ValueError(f"a median of {repeats} timings says little; repeats must be at least 8")
    for _ in range(warmups):
        for contender in (ours, *theirs):
            contender()
    for _ in range(tries):
        first, *others = interleave((ours, *theirs), repeats, loops)
        second = min(others, key=statistics.median)
        noisy = max(spread(first), spread(second)) > NOISY
        if not noisy:
            break
    scale = SCALE[unit] / loops
    return Measured(statistics.median(first) * scale, statistics.median(second) * scale, noisy=noisy)


def interleave(contenders: Sequence[Contender], repeats: int, loops: int) -> list[list[float]]:
    """Seconds of ``loops`` calls of each, A B A B …"""
    seconds: list[list[float]] = [[] for _ in contenders]
    for _ in range(repeats):
        for contender, its in zip(contenders, seconds, strict=True):
            start = time.perf_counter()
            for _ in range(loops):
                contender()
            its.append(time.perf_counter() - start)
    return seconds


def spread(seconds: list[float]) -> float:
    return statistics.median(seconds) / min(seconds)


def peaks(ours: Contender, theirs: Contender) -> dict[str, int]:
    """Peak bytes of the tensors that each makes."""
    return {"peak_ours": peak_bytes(ours), "peak_theirs": peak_bytes(theirs)}
