"""What the contract costs around a loss that PyTorch has too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from benchmarks.race import Measured, agree, peaks, race, value_and_gradient
from benchmarks.registry import row

Loss = Callable[[Tensor, Tensor], Tensor]
KERNEL = re.compile(r"^(?:cpp|triton)_\w+ = |extern_kernels\.\w+\(|torch\.ops\.\w+\.\w+\.\w+\(", flags=re.MULTILINE)


def batch(rows: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(rows, classes, generator=generator), torch.randint(classes, (rows,), generator=generator)


@row("contract-overhead", peer="F.cross_entropy", shape="(64, 10), forward", unit="µs", target="ours - theirs <= 15")
def contract_overhead() -> Measured:
    logits, target = batch(64, 10)
    ours, theirs = perdita.functional.cross_entropy, F.cross_entropy
    agree(value_and_gradient(ours, logits, target), value_and_gradient(theirs, logits, target))
    first, second = (lambda: ours(logits, target)), (lambda: theirs(logits, target))
    return replace(race(first, second, unit="µs", repeats=201, loops=200), **peaks(first, second))


@row(
    "compile-kernels",
    peer="F.cross_entropy under inductor",
    shape="(64, 10), forward and backward",
    unit="kernels",
    target="ours - theirs <= 0",
)
def compile_kernels() -> Measured:
    """The kernels in the code that inductor generates, and its calls of other libraries."""
    logits, target = batch(64, 10)
    ours, first = kernels(perdita.functional.cross_entropy, logits, target)
    theirs, second = kernels(F.cross_entropy, logits, target)
    agree(first, second)
    return Measured(ours, theirs)


def kernels(loss: Loss, logits: Tensor, target: Tensor) -> tuple[int, tuple[Tensor, ...]]:
    """How many kernels the compiled loss has, and its value and gradient."""
    from torch._inductor.utils import fresh_cache, run_and_get_code

    torch.compiler.reset()
    with fresh_cache():
        compiled = torch.compile(loss, fullgraph=True)
        found, sources = run_and_get_code(value_and_gradient, compiled, logits, target)
    count = sum(len(KERNEL.findall(source)) for source in sources)
    if count == 0:
        raise RuntimeError("no kernel in the code that inductor generated: the count sees nothing")
    return count, found
