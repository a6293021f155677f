"""Whether a training step's micro-batches and ranks give the gradient of the whole batch."""

from __future__ import annotations

import copy
import datetime
import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.errors import InputError
from perdita.testing.registry import ConformanceError, tolerance

Step = Callable[[nn.Module, Sequence[Any]], object]
CHECK = "step_accumulates"


def assert_step_accumulates(
    step: Step, model: nn.Module, batch: Any, *, sizes: Sequence[int] | None = None, ranks: int = 1
) -> None:
    """Raise unless micro-batches, and ranks, leave the gradient that one step on the whole batch leaves.

    The step is run on a copy of the model with the whole batch alone, then on another with the batch cut into
    micro-batches of unequal sizes; with ranks, also in as many processes under ``DistributedDataParallel``, each of
    which has its share of the micro-batches. Bring a batch whose parts differ in what counts: in ignored labels, say.

    Args:
        step: of (model, micro_batches): the forward and backward passes of your trainer before its optimiser's step.
            With ranks it must be a function of a module, for processes import it.
        model: in float64 where it can be, without dropout; it stays unchanged.
        batch: a tensor, or a tuple or mapping of tensors whose first dimension counts items.
        sizes: of the micro-batches, as many for each rank; None makes three of unequal sizes, or two for each rank.
        ranks: processes on this machine, with the gloo backend.

    Raises:
        ConformanceError: the first parameter whose gradient differs, and by what factor.
        InputError: sizes that do not add up to the batch or go up in ranks, or what no process can get.

    Example:
        >>> model = torch.nn.Linear(3, 2).double()
        >>> def step(model, micro_batches):
        ...     for features, target in micro_batches:
        ...         (torch.nn.functional.cross_entropy(model(features), target) / len(micro_batches)).backward()
        >>> batch = torch.randn(6, 3).double(), torch.tensor([0, 1, 0, 1, 1, 0])
        >>> assert_step_accumulates(step, model, batch, sizes=[3, 3])
        >>> assert_step_accumulates(step, model, batch, sizes=[2, 4])
        Traceback (most recent call last):
        ...
        perdita.testing.registry.ConformanceError: step_accumulates: the gradient of weight ...
    """
    length = len(next(iter(_tensors(batch).values())))
    cuts = _unequal(length, 3 if ranks == 1 else 2 * ranks) if sizes is None else list(sizes)
    if sum(cuts) != length or min(cuts) < 1:
        raise InputError(f"sizes must be positive and add up to the {length} items of the batch, not {cuts}")
    if len(cuts) % ranks:
        raise InputError(f"{ranks} ranks need as many micro-batches each, not {len(cuts)} in all")
    parts = [_rows(batch, end - size, end) for size, end in zip(cuts, _running(cuts), strict=True)]
    whole = _gradients(step, copy.deepcopy(model), [batch])
    _expect_equal(_gradients(step, copy.deepcopy(model), parts), whole, f"of {len(parts)} micro-batches", len(parts))
    if ranks > 1:
        _expect_equal(_ranked(step, model, parts, ranks), whole, f"of {ranks} ranks", ranks)


def _tensors(batch: Any) -> dict[Any, Tensor]:
    named = batch if isinstance(batch, Mapping) else dict(enumerate((batch,) if isinstance(batch, Tensor) else batch))
    if not named or not all(isinstance(value, Tensor) and value.ndim for value in named.values()):
        raise InputError("batch must be a tensor, or a tuple or mapping of tensors whose first dimension counts items")
    return dict(named)


def _rows(batch: Any, start: int, end: int) -> Any:
    cut = {name: tensor[start:end] for name, tensor in _tensors(batch).items()}
    return cut if isinstance(batch, Mapping) else cut[0] if isinstance(batch, Tensor) else tuple(cut.values())


def _unequal(length: int, count: int) -> list[int]:
    """Sizes that grow evenly and add up to a length."""
    cuts = [max(1, length * (index + 1) * 2 // (count * (count + 1))) for index in range(count - 1)]
    return [*cuts, length - sum(cuts)]


def _running(sizes: Sequence[int]) -> list[int]:
    return [sum(sizes[: index + 1]) for index in range(len(sizes))]


def _gradients(step: Step, model: nn.Module, micro_batches: Sequence[Any]) -> dict[str, Tensor]:
    model.zero_grad()
    step(model, micro_batches)
    return {
        name.removeprefix("module."): torch.zeros_like(own) if own.grad is None else own.grad.clone()
        for name, own in model.named_parameters()
        if own.requires_grad
    }


def _ranked(step: Step, model: nn.Module, parts: Sequence[Any], ranks: int) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        given = (step, copy.deepcopy(model), parts, ranks, folder)
        try:
            pickle.dumps(given)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(f"with ranks, step and model must be what a process can import: {error}") from error
        method = "forkserver" if "forkserver" in torch.multiprocessing.get_all_start_methods() else "spawn"
        torch.multiprocessing.start_processes(_rank, given, nprocs=ranks, start_method=method)
        found: dict[str, Tensor] = torch.load(Path(folder) / "gradients.pt")
    return found


def _rank(rank: int, step: Step, model: nn.Module, parts: Sequence[Any], ranks: int, folder: str) -> None:
    torch.set_num_threads(1)
    store = f"file://{Path(folder) / 'store'}"
    torch.distributed.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=ranks, timeout=datetime.timedelta(seconds=60)
    )
    try:
        own = parts[rank * len(parts) // ranks : (rank + 1) * len(parts) // ranks]
        # no name holds the wrapper: one that outlives its group may wait for ever for a thread that waits for it
        found = _gradients(step, nn.parallel.DistributedDataParallel(model), own)
        if rank == 0:
            torch.save(found, Path(folder) / "gradients.pt")
    finally:
        torch.distributed.destroy_process_group()


def _expect_equal(found: dict[str, Tensor], whole: dict[str, Tensor], what: str, count: int) -> None:
    for name, expected in whole.items():
        scale = expected.abs().amax().clamp(min=1e-30)
        gap = (found[name] - expected).abs().amax()
        if gap <= 10 * tolerance(expected.dtype) * scale:
            continue
        ratio = float((found[name] * expected).sum() / expected.square().sum().clamp(min=1e-30))
        off = float((found[name] - ratio * expected).abs().amax() / scale)
        if off <= 10 * tolerance(expected.dtype) and abs(ratio - count) < 1e-3:
            why = f"{count} times that of the whole batch: divide by their number, or let them share a normalizer"
        elif off <= 10 * tolerance(expected.dtype):
            why = f"{ratio:.4g} times that of the whole batch: let them share a normalizer, multiplied by the ranks"
        else:
            why = (
                f"another than that of the whole batch (about {ratio:.2g} times it, off by {float(gap / scale):.2g} of "
                "its largest): divide each part's sum by the count of all parts, as perdita's normalizer= does"
            )
        raise ConformanceError(CHECK, f"the gradient of {name} {what} is {why}")
