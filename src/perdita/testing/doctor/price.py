"""What a loss costs beside cross-entropy: time of a step, and memory kept from forward to backward."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from perdita.testing.subject import Subject, kept_bytes

REPEATS = 9  # the least counts
ROWS, ROWS_OF_SETS, CLASSES, FEW = 1024, 128, 256, 5


@dataclass(frozen=True)
class Price:
    """Figures of one forward and backward pass in float32 on the CPU, and the same of cross-entropy.

    Args:
        rows, numbers: of the prediction; cross-entropy gets logits with as many of both.
        seconds, kept_bytes: of the loss; memory is what autograd keeps for the backward pass beside the inputs.
        peer_seconds, peer_kept_bytes: of torch.nn.functional.cross_entropy.
        growth: the power of the number of rows with which the memory grows; None where none is kept.
    """

    rows: int
    numbers: int
    seconds: float
    kept_bytes: int
    peer_seconds: float
    peer_kept_bytes: int
    growth: float | None


def price(subject: Subject) -> Price:
    """Measure a loss on a batch of a usual size: 1024 rows of 256 classes, fewer rows for a loss over sets."""
    n = ROWS if subject.card.rowwise else ROWS_OF_SETS
    large = replace(subject, n=n, classes=CLASSES if subject.sizes_itself else None)
    step, inputs = _step(large)
    half, halves = _step(replace(large, n=n // 2))
    first = inputs[0]
    logits = torch.randn(n, max(first.numel() // n, 2), generator=torch.Generator().manual_seed(0))
    target = torch.arange(n) % logits.shape[1]

    def peer() -> None:
        leaf = logits.clone().requires_grad_()
        torch.autograd.grad(F.cross_entropy(leaf, target), leaf)

    own, other = seconds(step, peer)
    kept, fewer = kept_bytes(step, inputs), kept_bytes(half, halves)
    return Price(
        rows=n,
        numbers=first.numel(),
        seconds=own,
        kept_bytes=kept,
        peer_seconds=other,
        peer_kept_bytes=kept_bytes(peer, [logits, target]),
        growth=round(math.log2(kept / fewer), 2) if kept and fewer else None,
    )


def _step(subject: Subject) -> tuple[Callable[[], object], list[Tensor]]:
    few = subject.sample(0, n=FEW, dtype=torch.float32)  # rows again and again: their labels are sure to be valid
    inputs = subject.take(few, torch.arange(subject.n) % FEW)
    return lambda: subject.gradients(inputs), list(inputs.tensors.values())


def seconds(*steps: Callable[[], object]) -> list[float]:
    """The least time of a call of each: they take turns, so that what else the machine does slows all of them."""
    least = [math.inf] * len(steps)
    for turn in range(1 + REPEATS):
        for place, step in enumerate(steps):
            start = time.perf_counter()
            step()
            if turn:  # the first is to warm up
                least[place] = min(least[place], time.perf_counter() - start)
    return least
