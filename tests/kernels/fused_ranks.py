"""What one process, and each of several ranks, compute with a fused output layer: value and gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard, distribute_tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

import perdita
from perdita.kernels import fused_linear, vocabulary_parallel_linear
from perdita.training.accumulation import shared_normalizer

SEQUENCES, LENGTH, INPUTS, FEATURES, CLASSES = 4, 8, 3, 6, 10
LOSSES = {"cross_entropy": perdita.CrossEntropy(ignore_index=-100, label_smoothing=0.1), "focal": perdita.Focal()}
WAYS = ("ddp", "ddp with checkpointing", "fsdp", "fsdp with checkpointing")


class Model(nn.Module):
    """A trunk and a fused output layer; the loss is part of the forward pass."""

    def __init__(self, loss: str, checkpointing: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Linear(INPUTS, FEATURES)
        self.head = Head(loss)
        self.checkpointing = checkpointing

    def forward(self, x: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
        """The loss of this rank's rows, over the normalizer of all."""
        hidden = torch.tanh(self.trunk(x))
        if self.checkpointing:
            return checkpoint(self.head, hidden, target, normalizer, use_reentrant=False)
        return self.head(hidden, target, normalizer)


class Head(nn.Linear):
    """An output layer that gives its loss in place of its logits."""

    def __init__(self, loss: str) -> None:
        super().__init__(FEATURES, CLASSES)
        self.loss = loss

    def forward(self, hidden: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
        """The fused loss."""
        options = {"bias": self.bias, "normalizer": normalizer, "block_rows": 3}
        return fused_linear(LOSSES[self.loss], hidden, self.weight, target, **options)


class Naive(Head):
    """The same with all logits in memory."""

    def forward(self, hidden: Tensor, target: Tensor, normalizer: Tensor) -> Tensor:
        """The loss's own module on the logits."""
        logits = F.linear(hidden, self.weight, self.bias)
        return LOSSES[self.loss](logits.movedim(-1, 1), target, normalizer=normalizer)


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Inputs (b, t, i) and targets (b, t), which are ignored unevenly, the same in every process."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(SEQUENCES, LENGTH, INPUTS, generator=generator, dtype=torch.float64)
    target = torch.randint(CLASSES, (SEQUENCES, LENGTH), generator=generator)
    target[0] = -100
    target[2, :3] = -100
    return x.to(dtype), target


def whole(loss: str, naive: bool = False, autocast: bool = False) -> list[Tensor]:
    """One process: the value and the gradients of all parameters."""
    dtype = torch.float32 if autocast else torch.float64
    model, (x, target) = Model(loss).to(dtype), batch(dtype)
    if naive:
        model.head.__class__ = Naive
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        value = model(x, target, (target != -100).sum())
    value.backward()
    return [value.detach(), *(parameter.grad for parameter in model.parameters())]


def sharded(way: str, loss: str, along: int, autocast: bool = False) -> list[Tensor]:
    """One rank: its share of the value, and the gradients after the ranks have averaged theirs.

    The batch is split along its sequences (0) or along the places of each (1).
    """
    rank, world = dist.get_rank(), dist.get_world_size()
    dtype = torch.float32 if autocast else torch.float64
    model = Model(loss, checkpointing="checkpointing" in way).to(dtype)
    if way.startswith("fsdp"):
        mesh = init_device_mesh("cpu", (world,))
        for part in (model.head, model):
            fully_shard(part, mesh=mesh)
        assert isinstance(model.head.weight, DTensor)
        assert model.head.weight.to_local().numel() < model.head.weight.numel()
        wrapped: nn.Module = model
    else:
        wrapped = DistributedDataParallel(model)
    x, target = (tensor.tensor_split(world, along)[rank].contiguous() for tensor in batch(dtype))
    normalizer = shared_normalizer([target], ignore_index=-100)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        value = wrapped(x, target, normalizer)
    value.backward()
    slopes = [parameter.grad for parameter in model.parameters()]
    return [value.detach(), *(slope.full_tensor() if isinstance(slope, DTensor) else slope for slope in slopes)]


def spread_both_ways(rows: int) -> list[Tensor]:
    """Rows over one dimension of a mesh, classes over the other; the head's weight is a sharded DTensor."""
    columns = dist.get_world_size() // rows
    mesh = init_device_mesh("cpu", (rows, columns), mesh_dim_names=("data", "tensor"))
    data, tensor = mesh["data"], mesh["tensor"]
    model, (x, target) = Model("cross_entropy").double(), batch()
    x, target = (part.tensor_split(rows)[data.get_local_rank()] for part in (x, target))
    weight, bias = (distribute_tensor(part.detach(), tensor, [Shard(0)]) for part in model.head.parameters())
    own = [part.to_local().clone().requires_grad_() for part in (weight, bias)]
    normalizer = shared_normalizer([target], ignore_index=-100, group=data.get_group())
    hidden = torch.tanh(model.trunk(x))
    value = vocabulary_parallel_linear(
        hidden, own[0], target, bias=own[1], group=tensor, normalizer=normalizer, block_rows=5, block_classes=2
    )
    value.backward()
    slopes = [model.trunk.weight.grad, model.trunk.bias.grad, *(part.grad for part in own)]
    for slope in [value.detach(), *slopes]:  # the ranks with the same classes average over their rows
        dist.all_reduce(slope, dist.ReduceOp.SUM, group=data.get_group())
        slope /= rows
    local = [DTensor.from_local(part, tensor, [Shard(0)], shape=like.shape, stride=like.stride())
             for part, like in zip(slopes[2:], (weight, bias), strict=True)]  # fmt: skip
    return [value.detach(), *slopes[:2], *(part.full_tensor() for part in local)]


def sequence_parts() -> list[Tensor]:
    """Places of each sequence and classes over the same ranks: values of one's own places, gradients of one's own."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    rank, world = dist.get_rank(), dist.get_world_size()
    model, (x, target) = Model("cross_entropy").double(), batch()
    x, target = (part.tensor_split(world, 1)[rank] for part in (x, target))
    own = [part.detach().tensor_split(world)[rank].clone().requires_grad_() for part in model.head.parameters()]
    hidden = torch.tanh(model.trunk(x)).detach().requires_grad_()
    value = vocabulary_parallel_linear(hidden, own[0], target, bias=own[1], group=mesh, rows_sharded=True)
    value.backward()
    return [value.detach(), hidden.grad, *(part.grad for part in own)]


def what_is_said() -> dict[str, str]:
    """The error where a sharded weight comes from outside of its module's forward pass."""
    model = Model("cross_entropy").double()
    fully_shard(model.head, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    x, target = batch()
    try:
        fused_linear("cross_entropy", torch.tanh(model.trunk(x)), model.head.weight, target)
    except perdita.InputError as error:
        return {"sharded": str(error)}
    return {}


def work(rank: int, world: int, folder: str) -> None:
    """Everything that the tests look at, as one of several ranks."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    try:
        found: dict[Any, Any] = {"said": what_is_said(), "sequence": sequence_parts()}
        jobs: dict[Any, Callable[[], list[Tensor]]] = {
            (way, loss, along): partial(sharded, way, loss, along)
            for way in WAYS for loss in LOSSES for along in (0, 1)
        }  # fmt: skip
        jobs |= {("autocast", way): partial(sharded, way, "cross_entropy", 0, autocast=True) for way in ("ddp", "fsdp")}
        jobs |= {("mesh", rows): partial(spread_both_ways, rows) for rows in {1, 2, world}}
        found |= {name: job() for name, job in jobs.items()}
        torch.save(found, Path(folder) / f"{rank}.pt")
    finally:
        dist.destroy_process_group()
