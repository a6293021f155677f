"""A teacher's most probable classes on a disk: written once, read a batch at a time.

A folder holds ``indices.npy`` (rows, k) int32, ``log_probs.npy`` (rows, k) float16, and ``teacher.json`` with what a
student must agree on. The arrays are mapped into memory, so a batch costs what it holds, however long the files are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from perdita.core.errors import InputError
from perdita.losses.distillation.sparse_teacher import keep_top_k

if TYPE_CHECKING:
    from jaxtyping import Float, Int

ARRAYS = {"indices": np.int32, "log_probs": np.float16}


def write_teacher(
    folder: str | Path, logits: Iterable[Float[Tensor, "b c"]], *, rows: int, k: int, temperature: float = 1.0
) -> StoredTeacher:
    """Keep the k most probable classes of every row, with their log-probabilities: 6 k bytes a row.

    Args:
        folder: made where it is not there; an earlier teacher in it is written over.
        logits: of the teacher, batch by batch, in the order of the rows; each is gone before the next one comes.
        rows: of all batches together.
        k: classes to keep.
        temperature: the one at which the student will learn, as in `keep_top_k`.

    Returns:
        The teacher, ready to be read.

    Raises:
        InputError: more or fewer rows than were announced, batches with different numbers of classes, what
            `keep_top_k` refuses.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / "teacher.json").unlink(missing_ok=True)  # it comes last: without it nothing here is a teacher
    shape = (rows, k)
    if rows < 1 or k < 1:
        raise InputError(f"rows and k must be at least 1, not {rows} and {k}")
    indices, log_probs = (
        np.lib.format.open_memmap(path / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
        for name, dtype in ARRAYS.items()
    )
    done, classes = 0, 0
    for batch in logits:
        classes = classes or batch.shape[1]
        if batch.shape[1] != classes:
            raise InputError(f"logits must all have the {classes} classes of the first batch, not {batch.shape[1]}")
        if done + len(batch) > rows:
            raise InputError(f"logits must have {rows} rows in all, but there are at least {done + len(batch)}")
        chosen, values = keep_top_k(batch.detach(), k, temperature=temperature)
        indices[done : done + len(batch)] = chosen.cpu().numpy()
        log_probs[done : done + len(batch)] = values.float().cpu().numpy()
        done += len(batch)
    if done < rows:
        raise InputError(f"logits must have {rows} rows in all, but there are {done}")
    indices.flush()
    log_probs.flush()
    facts = {"rows": rows, "k": k, "classes": classes, "temperature": temperature}
    (path / "teacher.json").write_text(json.dumps(facts))
    return StoredTeacher(path)


class StoredTeacher:
    """What `write_teacher` kept.

    ``teacher[rows]`` gives the (n, k) class indices and log-probabilities of some rows, for a student of any size, with
    neither (n, c) logits of the teacher nor, through `fused_linear`, of the student::

        indices, log_probs = teacher[rows]
        loss = perdita.fused_linear(
            "sparse_distillation", hidden, weight, indices, teacher_log_probs=log_probs, temperature=teacher.temperature
        )

    Args:
        folder: of the teacher.
        classes: the student's vocabulary, to see now that it is the teacher's.

    Raises:
        InputError: no teacher there, files that do not fit, another vocabulary.
    """

    def __init__(self, folder: str | Path, *, classes: int | None = None) -> None:
        path = Path(folder)
        if not (path / "teacher.json").exists():
            raise InputError(f"{path} holds no teacher: there is no teacher.json, which is written last")
        facts = json.loads((path / "teacher.json").read_text())
        self.rows, self.k, self.classes = int(facts["rows"]), int(facts["k"]), int(facts["classes"])
        self.temperature = float(facts["temperature"])
        if classes is not None and classes != self.classes:
            raise InputError(f"the teacher has {self.classes} classes, but the student has {classes}")
        self.arrays = [np.load(path / f"{name}.npy", mmap_mode="r") for name in ARRAYS]
        for name, array in zip(ARRAYS, self.arrays, strict=True):
            if array.shape != (self.rows, self.k):
                raise InputError(f"{path / name}.npy must be ({self.rows}, {self.k}), not {array.shape}")

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: Tensor | Sequence[int] | slice) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
        """Class indices as int32 and log-probabilities as float32 of these rows, read from the disk.

        Raises `InputError` for a row that is not there.
        """
        if isinstance(rows, slice):
            return self._tensors(rows)
        wanted = np.asarray(rows.cpu() if isinstance(rows, Tensor) else rows, dtype=np.int64)
        if wanted.ndim != 1 or (wanted.size and (wanted.min() < 0 or wanted.max() >= self.rows)):
            raise InputError(f"rows must be a list of numbers from 0 to {self.rows - 1}")
        return self._tensors(wanted)

    def _tensors(self, rows: slice | np.ndarray) -> tuple[Tensor, Tensor]:
        indices, log_probs = (np.array(array[rows]) for array in self.arrays)  # copies of these rows alone
        return torch.from_numpy(indices), torch.from_numpy(log_probs).float()
