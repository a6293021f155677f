"""A teacher on a disk: read as it was written, a batch at a time, and learnt from without logits of its size."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

import perdita
from perdita.compare.train.memory import peak_bytes
from perdita.core import InputError
from perdita.losses.distillation.sparse_teacher import keep_top_k
from perdita.training.distillation.stored_teacher import StoredTeacher, write_teacher

RESTS = ("bucket", "uniform", "renormalize", "drop")


def logits(rows: int, classes: int) -> torch.Tensor:
    return 2 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(0))


def test_rows_come_back_as_they_were_kept(tmp_path) -> None:
    given = logits(10, 7)
    teacher = write_teacher(tmp_path / "new" / "teacher", given.split(4), rows=10, k=3, temperature=2.0)
    again = StoredTeacher(tmp_path / "new" / "teacher", classes=7)
    assert (len(again), again.k, again.classes, again.temperature) == (10, 3, 7, 2.0)
    indices, log_probs = keep_top_k(given, 3, temperature=2.0)
    for rows in (torch.tensor([7, 2, 2]), [0, 9], slice(3, 6), np.array([1])):
        for found in (teacher[rows], again[rows]):
            assert torch.equal(found[0], indices[rows])
            torch.testing.assert_close(found[1], log_probs[rows].half().float(), rtol=0, atol=0)
    assert again[[]][0].shape == (0, 3)


@pytest.mark.parametrize("rest", RESTS)
def test_from_the_disk_through_a_fused_layer_it_is_the_dense_form(rest: str, tmp_path) -> None:
    rows, width, classes, k = 24, 6, 90, 5
    teacher = write_teacher(tmp_path, [logits(rows, classes)], rows=rows, k=k, temperature=2.0)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(rows, width, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(classes, width, generator=generator, dtype=torch.float64, requires_grad=True)
    indices, log_probs = teacher[torch.arange(rows)]
    kept = log_probs.double()
    options = {"rest": rest, "temperature": teacher.temperature}
    fused = perdita.fused_linear(
        "sparse_distillation", hidden, weight, indices, teacher_log_probs=kept, block_rows=7, **options
    )
    p = kept.log_softmax(1).exp() if rest == "renormalize" else kept.exp()
    log_q = torch.log_softmax(hidden @ weight.T / 2.0, 1)  # written out with a dense teacher
    dense_p = torch.zeros(rows, classes, dtype=torch.float64).scatter(1, indices.long(), p)
    outside = torch.ones(rows, classes, dtype=torch.bool).scatter(1, indices.long(), False)
    value = (torch.special.xlogy(dense_p, dense_p) - dense_p * log_q).sum(1)
    left = 1 - p.sum(1)
    if rest == "bucket":
        value = value + left * (left / (log_q.exp() * outside).sum(1)).log()
    elif rest == "uniform":
        share = (left / (classes - k)).unsqueeze(1)
        value = value + (outside * share * (share.log() - log_q)).sum(1)
    dense = 4.0 * value.mean()
    torch.testing.assert_close(fused, dense, rtol=1e-10, atol=1e-12)
    found, expected = (torch.autograd.grad(total, (hidden, weight)) for total in (fused, dense))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


def test_a_batch_is_read_alone(tmp_path) -> None:
    rows, k = 40_000, 32
    teacher = write_teacher(tmp_path, (torch.zeros(4000, 40) for _ in range(10)), rows=rows, k=k)
    assert (tmp_path / "indices.npy").stat().st_size > 4 * rows * k
    tracemalloc.start()
    try:
        teacher[torch.arange(5, rows, rows // 16)]
        assert tracemalloc.get_traced_memory()[1] < 100_000  # of 7.7 MB on the disk
    finally:
        tracemalloc.stop()


def test_more_rows_cost_their_own_size_and_nothing_of_the_vocabularys(tmp_path) -> None:
    width, classes, k = 8, 20_000, 4
    teacher = write_teacher(tmp_path, [logits(8, classes)] * 32, rows=256, k=k)
    weight = torch.randn(classes, width, requires_grad=True)

    def peak(rows: int) -> int:
        hidden = torch.randn(rows, width, requires_grad=True)
        indices, log_probs = teacher[slice(0, rows)]

        def step() -> tuple[torch.Tensor, ...]:
            loss = perdita.fused_linear(
                "sparse_distillation", hidden, weight, indices, teacher_log_probs=log_probs, block_rows=16
            )
            return torch.autograd.grad(loss, (hidden, weight))

        return peak_bytes(step)

    assert peak(256) - peak(64) < 192 * 8 * (width + 4 * k)  # 192 rows of logits alone are 15 MB


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: StoredTeacher(folder), "holds no teacher"),
        (lambda folder: write_teacher(folder, [logits(3, 5)], rows=4, k=2), "4 rows in all, but there are 3"),
        (lambda folder: write_teacher(folder, [logits(5, 5)], rows=4, k=2), "4 rows in all, but there are at least 5"),
        (lambda folder: write_teacher(folder, [logits(2, 5), logits(2, 6)], rows=4, k=2), "the 5 classes .* not 6"),
        (lambda folder: write_teacher(folder, [logits(4, 5)], rows=4, k=6), "from 1 to c = 5, not 6"),
        (lambda folder: write_teacher(folder, [logits(4, 5)], rows=4, k=0), "at least 1, not 4 and 0"),
        (lambda folder: write_teacher(folder, [logits(4, 5)], rows=4, k=2, temperature=0.0), "temperature must be"),
        (
            lambda folder: StoredTeacher(write_teacher(folder, [logits(4, 5)], rows=4, k=2) and folder, classes=8),
            "the teacher has 5 classes, but the student has 8",
        ),
        (lambda folder: write_teacher(folder, [logits(4, 5)], rows=4, k=2)[[4]], "numbers from 0 to 3"),
        (lambda folder: write_teacher(folder, [logits(4, 5)], rows=4, k=2)[[-1]], "numbers from 0 to 3"),
    ],
)
def test_what_is_wrong_is_said(make, message, tmp_path) -> None:
    with pytest.raises(InputError, match=message):
        make(tmp_path)


def test_a_teacher_that_was_not_finished_is_none(tmp_path) -> None:
    write_teacher(tmp_path, [logits(4, 5)], rows=4, k=2)
    with pytest.raises(InputError, match="4 rows in all"):
        write_teacher(tmp_path, [logits(3, 5)], rows=4, k=2)
    with pytest.raises(InputError, match="holds no teacher"):
        StoredTeacher(tmp_path)
