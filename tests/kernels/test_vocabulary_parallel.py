"""Classes, and rows too, spread over real processes: value and gradients of one process that has them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh

import perdita
from perdita.core.errors import InputError
from perdita.kernels import (
    cut_cross_entropy,
    fused_linear,
    vocabulary_parallel_cross_entropy,
    vocabulary_parallel_linear,
)
from perdita.training.accumulation import shared_normalizer
from tests.ranks import start

FEATURES = 5
CLASSES = {2: (6, 4), 4: (3, 4, 1, 2)}  # of each rank
ROWS = {2: (8, 5), 4: (4, 1, 5, 3)}
CASES: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "normalizer": {"normalizer": 7.0},
    "penalty": {"z_penalty": 0.1, "softcap": 3.0},
    "weights": {"example_weight": True, "mask": True},
    "all left out": {"mask": False},
}


def whole(seed: int = 3) -> dict[str, Tensor]:
    """Everything, the same in every process."""
    generator = torch.Generator().manual_seed(seed)
    n, v = 13, 10
    shapes = {"hidden": (n, FEATURES), "weight": (v, FEATURES), "bias": (v,), "items": (n,)}
    drawn = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    target = torch.randint(v, (n,), generator=generator)
    target[[2, 9]] = -100
    return {**drawn, "items": drawn["items"].abs(), "target": target, "mask": torch.arange(n) % 5 != 1}


def given(case: str, batch: dict[str, Tensor]) -> dict[str, Any]:
    options = dict(CASES[case])
    if "example_weight" in options:
        options["example_weight"] = batch["items"]
    if "mask" in options:
        options["mask"] = batch["mask"] if options["mask"] else torch.zeros_like(batch["mask"])
    return options


def slopes(value: Tensor, lse: Tensor, first: int, leaves: list[Tensor]) -> list[Tensor]:
    """Value, log-sum-exps and the gradients of both, rows weighted by their number among all rows."""

    def weighted(part: Tensor) -> Tensor:
        return (part * torch.arange(first + 1, first + 1 + part.numel()).view(part.shape)).sum() if part.ndim else part

    total = weighted(value) + 0.1 * weighted(lse)
    return [value.detach(), lse.detach(), *torch.autograd.grad(total, leaves)]


def leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_()


def capped(logits: Tensor, softcap: float | None) -> Tensor:
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def work(rank: int, world: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=world)
    mesh = init_device_mesh("cpu", (world,), mesh_dim_names=("tensor",))["tensor"]
    batch, found = whole(), {}
    own = {name: batch[name].split(CLASSES[world])[rank] for name in ("weight", "bias")}
    rows = {name: tensor.split(ROWS[world])[rank] for name, tensor in batch.items() if name not in own}
    start = sum(ROWS[world][:rank])
    tiles = {"block_rows": 4, "block_classes": 2, "return_lse": True}
    for case in CASES:
        for name, data, first, spread in (("linear", batch, 0, False), ("rows", rows, start, True)):
            leaves = [leaf(data["hidden"]), leaf(own["weight"]), leaf(own["bias"])]
            options = {**given(case, data), **tiles, "rows_sharded": spread, "group": mesh}
            pair = vocabulary_parallel_linear(*leaves[:2], data["target"], bias=leaves[2], **options)
            found[name, case] = slopes(*pair, first, leaves)
        options = given(case, batch)
        options = {("weight" if name == "example_weight" else name): part for name, part in options.items()}
        logits = leaf(F.linear(batch["hidden"], own["weight"], own["bias"]))
        bounded = capped(logits, options.pop("softcap", None))
        pair = vocabulary_parallel_cross_entropy(
            bounded, batch["target"], group=dist.group.WORLD, return_lse=True, **options
        )
        found["logits", case] = slopes(*pair, 0, [logits])
    # rows alone are spread: every rank has all classes, and sums come by the shared normalizer
    leaves = [leaf(rows["hidden"]), leaf(batch["weight"])]
    normalizer = shared_normalizer([rows["target"]], ignore_index=-100)
    value = fused_linear("cross_entropy", *leaves, rows["target"], normalizer=normalizer)
    found["data"] = [value.detach(), *torch.autograd.grad(value, leaves)]
    found["errors"] = errors(own, batch)
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def errors(own: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, str]:
    """What a call says that cannot be, the same on all ranks."""
    hidden, group = leaf(batch["hidden"]), dist.group.WORLD

    def second() -> None:
        value = vocabulary_parallel_linear(hidden, own["weight"], batch["target"], group=group)
        torch.autograd.grad(value, hidden, create_graph=True)

    def transformed() -> None:
        torch.func.grad(lambda x: vocabulary_parallel_linear(x, own["weight"], batch["target"], group=group))(hidden)

    calls = {
        "label": lambda: vocabulary_parallel_linear(hidden, own["weight"], batch["target"] + 9, group=group),
        "group": lambda: vocabulary_parallel_linear(hidden, own["weight"], batch["target"], group="world"),
        "no class": lambda: vocabulary_parallel_linear(hidden, own["weight"][:0], batch["target"], group=group),
        "rows": lambda: vocabulary_parallel_linear(
            hidden, own["weight"], batch["target"][:3], group=group, rows_sharded=True
        ),
        "second": second,
        "transform": transformed,
    }
    said = {}
    for name, call in calls.items():
        try:
            call()
        except InputError as error:
            said[name] = str(error)
    return said


@pytest.fixture(scope="module", params=[2, 4], ids="{} ranks".format)
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    world, folder = request.param, tmp_path_factory.mktemp("ranks")
    start(work, world, str(folder), world=world)
    return [torch.load(folder / f"{rank}.pt") for rank in range(world)]


def alone(case: str) -> tuple[list[Tensor], list[Tensor]]:
    """One process: value, log-sum-exps and gradients of hidden, weight and bias; the same of the logits."""
    batch = whole()
    options = given(case, batch)
    leaves = [leaf(batch[name]) for name in ("hidden", "weight", "bias")]
    logits = leaf(F.linear(*leaves).detach())
    softcap = options.pop("softcap", None)
    found = []
    for scores, own in ((F.linear(*leaves), leaves), (logits, [logits])):
        bounded = capped(scores, softcap)
        kept = (batch["target"] != -100) & options.get("mask", torch.tensor(True))
        lse = torch.where(kept, bounded.logsumexp(1), 0.0)
        values = F.cross_entropy(bounded, batch["target"], reduction="none")
        values = torch.where(kept, values + options.get("z_penalty", 0.0) * lse.square(), 0.0)
        items = torch.where(kept, options.get("example_weight", torch.ones_like(values)), 0.0)
        total = (values * items).sum()
        reduced = {"none": values, "sum": total}.get(
            options.get("reduction", ""), total / options.get("normalizer", items.sum().clamp(min=1e-9))
        )
        found.append(slopes(reduced, lse, 0, own))
    return found[0], found[1]


@pytest.mark.parametrize("case", CASES)
def test_classes_over_ranks(ranks: list[dict[Any, Any]], case: str) -> None:
    (value, lse, *expected), of_logits = alone(case)
    for found in ranks:
        torch.testing.assert_close(found["linear", case][:3], [value, lse, expected[0]])
        torch.testing.assert_close(found["logits", case][:2], of_logits[:2])
    for place in (1, 2):  # weight and bias
        parts = torch.cat([found["linear", case][2 + place] for found in ranks])
        torch.testing.assert_close(parts, expected[place])
    torch.testing.assert_close(torch.cat([found["logits", case][2] for found in ranks], 1), of_logits[2])


@pytest.mark.parametrize("case", CASES)
def test_classes_and_rows_over_ranks(ranks: list[dict[Any, Any]], case: str) -> None:
    value, lse, *expected = alone(case)[0]
    found = [rank["rows", case] for rank in ranks]
    if case == "none":
        torch.testing.assert_close(torch.cat([part[0] for part in found]), value)
    else:
        for part in found:
            torch.testing.assert_close(part[0], value)
    torch.testing.assert_close(torch.cat([part[1] for part in found]), lse)
    for place in range(3):
        torch.testing.assert_close(torch.cat([part[2 + place] for part in found]), expected[place])


def test_rows_over_ranks(ranks: list[dict[Any, Any]]) -> None:
    batch, world = whole(), len(ranks)
    leaves = [leaf(batch["hidden"]), leaf(batch["weight"])]
    value = perdita.functional.cross_entropy(F.linear(*leaves), batch["target"])
    by_hidden, by_weight = torch.autograd.grad(value, leaves)
    found = [rank["data"] for rank in ranks]
    torch.testing.assert_close(sum(part[0] for part in found) / world, value)
    torch.testing.assert_close(torch.cat([part[1] for part in found]) / world, by_hidden)
    torch.testing.assert_close(sum(part[2] for part in found) / world, by_weight)


def test_what_cannot_be_is_said(ranks: list[dict[Any, Any]]) -> None:
    for rank in ranks:
        said = rank["errors"]
        assert "class indices from 0 to 9" in said["label"]
        assert "a process group or a DeviceMesh of one dimension" in said["group"]
        assert "every rank must hold a class" in said["no class"]
        assert "target must have hidden's leading shape (13,), not (3,)" in said["rows"]
        assert "differentiable once" in said["second"]
        assert "under no torch.func transform" in said["transform"]


def test_tiles_know_nothing_of_targets_elsewhere() -> None:
    """One rank alone is `cut_cross_entropy`."""
    batch = whole()
    leaves = [leaf(batch["hidden"]), leaf(batch["weight"])]
    expected = F.cross_entropy(F.linear(*leaves), batch["target"])
    found = cut_cross_entropy(*leaves, batch["target"], block_rows=4, block_classes=3)
    torch.testing.assert_close(torch.autograd.grad(found, leaves), torch.autograd.grad(expected, leaves))
