"""Losses of a linear layer against their peers: time of value and gradients, and memory beyond the inputs."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

import perdita
from benchmarks.race import Measured, agree, race
from benchmarks.registry import row
from perdita.compare.train.memory import peak_bytes
from perdita.kernels import cross_entropy, fused_linear
from perdita.kernels.autograd import multiplies

MIB = 2**20
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
CHUNKS = (64, 128, 256)  # of torch's own chunked form, the fastest of which is raced


def layer(rows: int, features: int, classes: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, features, generator=generator).to(dtype)
    weight = (torch.randn(classes, features, generator=generator) / features**0.5).to(dtype)
    return hidden.requires_grad_(), weight.requires_grad_(), torch.randint(classes, (rows,), generator=generator)


def step(loss: Loss, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Value, and the gradients of hidden and weight."""
    value = loss(*inputs)
    return (value.detach(), *torch.autograd.grad(value, inputs[:2]))


def naive(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(hidden @ weight.T, target)


def fused(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return fused_linear("cross_entropy", hidden, weight, target)


def peak(loss: Loss, inputs: tuple[Tensor, Tensor, Tensor]) -> int:
    return peak_bytes(lambda: step(loss, inputs))


def against(
    ours: Loss, *theirs: Loss, inputs: tuple[Tensor, Tensor, Tensor], repeats: int = 8, **tolerances: float
) -> Measured:
    """All timed in turns, after they were seen to agree."""
    for other in theirs:
        agree(step(ours, inputs), step(other, inputs), **tolerances)
    first, *others = (functools.partial(step, loss, inputs) for loss in (ours, *theirs))
    return race(first, *others, unit="ms", repeats=repeats)


def logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(1024, 16384, generator=generator, requires_grad=True)
    return drawn, torch.randint(16384, (1024,), generator=generator)


def logit_step(loss: Callable[[Tensor, Tensor], Tensor], drawn: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    value = loss(drawn, target)
    return (value.detach(), *torch.autograd.grad(value, drawn))


def against_logits(theirs: Callable[[Tensor, Tensor], Tensor]) -> Measured:
    drawn, target = logits()
    first = functools.partial(logit_step, cross_entropy, drawn, target)
    second = functools.partial(logit_step, theirs, drawn, target)
    agree(first(), second())
    return replace(race(first, second, unit="ms", repeats=8), peak_ours=peak_bytes(first))


LOGITS = "(1024, 16384) float32, value and gradient"


@row("fused-linear-logits-eager", peer="F.cross_entropy", shape=LOGITS, unit="ms", target="ours / theirs <= 0.45")
def logits_eager() -> Measured:
    return against_logits(F.cross_entropy)


@row(
    "fused-linear-logits-inductor",
    peer="F.cross_entropy under inductor",
    shape=LOGITS,
    unit="ms",
    target="ours / theirs <= 1.0",
)
def logits_inductor() -> Measured:
    return against_logits(torch.compile(F.cross_entropy))


@row("fused-linear-logits-memory", peer="F.cross_entropy", shape=LOGITS, unit="MiB", target="ours <= 65")
def logits_memory() -> Measured:
    peaks = [peak_bytes(lambda loss=loss: logit_step(loss, *logits())) for loss in (cross_entropy, F.cross_entropy)]
    drawn = 64 * MIB  # the logits themselves are made within
    return Measured(*((found - drawn) / MIB for found in peaks))


SMALL = "(512, 128, 16384) float32, value and both gradients"


@row(
    "fused-linear-small-cce",
    peer="cut-cross-entropy torch_compile",
    shape=SMALL,
    unit="ms",
    target="ours / theirs <= 1.0",
)
def small_cce() -> Measured:
    from cut_cross_entropy import linear_cross_entropy

    return against(fused, lambda *own: linear_cross_entropy(*own, impl="torch_compile"), inputs=layer(512, 128, 16384))


@row(
    "fused-linear-small-torch",
    peer="F.linear_cross_entropy at its best chunk",
    shape=SMALL,
    unit="ms",
    target="ours / theirs <= 1.0",
)
def small_torch() -> Measured:
    theirs = [functools.partial(chunked, size) for size in CHUNKS]
    return against(fused, *theirs, inputs=layer(512, 128, 16384), repeats=24)


@row(
    "fused-linear-small-torch-room",
    peer="F.linear_cross_entropy at its best chunk",
    shape=f"{SMALL}, with 16 MiB for a block, as the peer's chunk of 256 has",
    unit="ms",
    target="ours / theirs <= 1.0",
)
def small_torch_with_room() -> Measured:
    theirs = [functools.partial(chunked, size) for size in CHUNKS]
    ours = functools.partial(fused_linear, "cross_entropy", memory=17 * MIB)  # rows lie a little apart
    return against(ours, *theirs, inputs=layer(512, 128, 16384), repeats=24)


def chunked(size: int, hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=size)
    return F.linear_cross_entropy(hidden, weight, target, options=options)


@row("fused-linear-small-memory", peer="the logits at once", shape=SMALL, unit="MiB", target="ours <= 16")
def small_memory() -> Measured:
    inputs = layer(512, 128, 16384)
    return Measured(peak(fused, inputs) / MIB, peak(naive, inputs) / MIB)


PENALTY = 1e-4
WEIGHTED = "(1024, 256, 16384) float32, weights, z-loss, log-sum-exp out"


def weights(target: Tensor) -> Tensor:
    return torch.linspace(0.5, 1.5, len(target))


def weighted_naive(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    scores = hidden @ weight.T
    lse, items = scores.logsumexp(1), weights(target)
    values = F.cross_entropy(scores, target, reduction="none") + PENALTY * lse.square()
    return (values * items).sum() / items.sum()


def weighted_fused(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    options = {"example_weight": weights(target), "z_penalty": PENALTY, "return_lse": True}
    return fused_linear("cross_entropy", hidden, weight, target, **options)[0]


@row("fused-linear-weighted", peer="the logits at once", shape=WEIGHTED, unit="ms", target="ours / theirs <= 0.9")
def weighted() -> Measured:
    return against(weighted_fused, weighted_naive, inputs=layer(1024, 256, 16384))


@row(
    "fused-linear-weighted-memory",
    peer="the logits at once",
    shape=WEIGHTED,
    unit="MiB",
    target="ours / theirs <= 0.25",
)
def weighted_memory() -> Measured:
    inputs = layer(1024, 256, 16384)
    return Measured(peak(weighted_fused, inputs) / MIB, peak(weighted_naive, inputs) / MIB)


@row(
    "fused-linear-products",
    peer="its three matrix products alone",
    shape="(2048, 512, 32000) float32",
    unit="ms",
    target="ours / theirs <= 1.15",
)
def products() -> Measured:
    inputs = layer(2048, 512, 32000)
    agree(step(fused, inputs), step(naive, inputs))
    hidden, weight = (tensor.detach() for tensor in inputs[:2])
    scores, by_hidden, by_weight = hidden @ weight.T, torch.empty_like(hidden), torch.empty_like(weight)

    def alone() -> None:
        torch.mm(hidden, weight.T, out=scores)
        torch.mm(scores, weight, out=by_hidden)
        torch.mm(scores.T, hidden, out=by_weight)

    return race(lambda: step(fused, inputs), alone, unit="ms", repeats=8, warmups=1)


@row(
    "fused-linear-large-memory",
    peer="the logits alone, by their size",
    shape="(8192, 512, 128256) float32, value and both gradients",
    unit="MiB",
    target="ours <= 1024",
)
def large_memory() -> Measured:
    return Measured(peak(fused, layer(8192, 512, 128256)) / MIB, 8192 * 128256 * 4 / MIB)


@row(
    "fused-linear-bf16",
    peer="the logits at once, in bfloat16",
    shape="(2048, 512, 32000) bfloat16",
    unit="ms",
    target="ours / theirs <= 0.6",
)
def bf16() -> Measured:
    """Raced after the gradients were seen to be no further from float64 than the peer's, within a tenth.

    A processor that multiplies no bfloat16 takes minutes for one step of the peer; one step of each is timed there.
    """
    inputs = layer(2048, 512, 32000, torch.bfloat16)
    wide = (*(tensor.detach().double().requires_grad_() for tensor in inputs[:2]), inputs[2])
    exact = step(naive, wide)[1:]

    def distances(gradients: tuple[Tensor, ...]) -> list[float]:
        pairs = zip(gradients, exact, strict=True)
        return [float((part.double() - right).norm() / right.norm()) for part, right in pairs]

    start = time.perf_counter()
    first = step(fused, inputs)[1:]
    middle = time.perf_counter()
    second = step(naive, inputs)[1:]
    end = time.perf_counter()
    ours, theirs = distances(first), distances(second)
    if any(own > 1.1 * other for own, other in zip(ours, theirs, strict=True)):
        raise AssertionError(f"gradients are further from float64 than the peer's: {ours} against {theirs}")
    if not multiplies(torch.bfloat16):
        return Measured((middle - start) * 1e3, (end - middle) * 1e3)
    del wide, exact
    return race(lambda: step(fused, inputs), lambda: step(naive, inputs), unit="ms", repeats=8, warmups=1)


def register_other(name: str) -> None:
    """One row for another loss, against the fused cross-entropy at equal shapes."""

    @row(
        f"fused-linear-any-{name.replace('_', '-')}",
        peer="fused cross-entropy",
        shape="(1024, 256, 16384) float32, value and both gradients",
        unit="ms",
        target="ours / theirs <= 1.25",
    )
    def other() -> Measured:
        inputs = layer(1024, 256, 16384)
        function = getattr(perdita.functional, name)

        def ours(*own: Tensor) -> Tensor:
            return fused_linear(name, *own)

        agree(step(ours, inputs), step(lambda h, w, y: function(h @ w.T, y), inputs), rtol=1e-4, atol=1e-6)
        return race(lambda: step(ours, inputs), lambda: step(fused, inputs), unit="ms", repeats=8)


for loss_name in ("focal", "generalized_cross_entropy", "poly_cross_entropy", "squentropy", "brier"):
    register_other(loss_name)
