"""A teacher's most probable classes, read from a disk, and a student with a large vocabulary."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

import perdita
from benchmarks.race import Measured, agree, peaks, race
from benchmarks.registry import row
from perdita.training.distillation.stored_teacher import StoredTeacher, write_teacher

ROWS, BATCH, WIDTH, CLASSES, KEPT = 1024, 512, 64, 128_256, 32
SHAPE = f"({BATCH}, {WIDTH}, {CLASSES}) float32, top {KEPT} of a teacher of {ROWS} rows on a disk"
PEER = "the same loss on the logits of the whole batch"


def contenders(folder: str) -> tuple[Callable[[], tuple[Tensor, ...]], Callable[[], tuple[Tensor, ...]]]:
    """Reading a batch, value and both gradients: through the fused layer, and with all logits in memory."""
    generator = torch.Generator().manual_seed(0)
    logits = (torch.randn(128, CLASSES, generator=generator) for _ in range(ROWS // 128))
    write_teacher(folder, logits, rows=ROWS, k=KEPT)
    teacher = StoredTeacher(folder, classes=CLASSES)
    hidden = torch.randn(BATCH, WIDTH, generator=generator, requires_grad=True)
    weight = (torch.randn(CLASSES, WIDTH, generator=generator) / WIDTH**0.5).requires_grad_()
    rows = torch.randperm(ROWS, generator=generator)[:BATCH]

    def ours() -> tuple[Tensor, ...]:
        indices, log_probs = teacher[rows]
        value = perdita.fused_linear("sparse_distillation", hidden, weight, indices, teacher_log_probs=log_probs)
        return value.detach(), *torch.autograd.grad(value, (hidden, weight))

    def theirs() -> tuple[Tensor, ...]:
        value = perdita.functional.sparse_distillation(hidden @ weight.T, *teacher[rows])
        return value.detach(), *torch.autograd.grad(value, (hidden, weight))

    return ours, theirs


@row("sparse-teacher-memory", peer=PEER, shape=SHAPE, unit="MiB", target="ours / theirs <= 0.15")
def memory() -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = contenders(folder)
        agree(ours(), theirs())
        found = peaks(ours, theirs)
    return Measured(found["peak_ours"] / 2**20, found["peak_theirs"] / 2**20, **found)


@row("sparse-teacher-time", peer=PEER, shape=SHAPE, unit="ms", target="ours / theirs <= 1.0")
def time() -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = contenders(folder)
        agree(ours(), theirs())
        return replace(race(ours, theirs, unit="ms", repeats=8), **peaks(ours, theirs))
