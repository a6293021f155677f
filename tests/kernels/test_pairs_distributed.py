"""Pairs over two processes: value and gradients of one process that has the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

import perdita
import perdita.functional as P
from perdita.kernels.pairs import blockwise_pairs
from tests.ranks import start

WORLD = 2
SHARES = {"even": (6, 6), "uneven": (9, 4)}
LABELLED: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "normalizer": {"normalizer": 5.0},
    "own gradients": {"average_gradients": False},
}


def whole(share: tuple[int, ...]) -> dict[str, Tensor]:
    """The union batch, the same in every process."""
    generator, n = torch.Generator().manual_seed(7), sum(share)
    views = torch.randn(3, n, 4, generator=generator, dtype=torch.float64)
    mask = torch.rand(n, generator=generator) > 0.2
    return {"x": views[0], "z": views[1], "further": views[2], "y": torch.randint(4, (n,), generator=generator),
            "mask": mask, "weight": torch.rand(n, generator=generator, dtype=torch.float64)}  # fmt: skip


def leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_()


def work(rank: int, store: str, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=WORLD)
    found: dict[Any, Any] = {}
    for name, share in SHARES.items():
        own = {key: tensor.split(share)[rank] for key, tensor in whole(share).items()}
        group = {"group": dist.group.WORLD, "block": 4}
        for case, how in LABELLED.items():
            x = leaf(own["x"])
            given = {"mask": own["mask"], "weight": own["weight"], **how, **group}
            value = blockwise_pairs(P.multi_similarity, x, own["y"], **given)
            found[name, case] = value.detach(), torch.autograd.grad(value.sum(), x)
        criterion = perdita.LearnedInfoNce().double()
        leaves = [leaf(own[key]) for key in ("x", "z", "further")]
        value = blockwise_pairs(criterion, leaves[0], reference=torch.cat(leaves[1:]), mask=own["mask"], **group)
        found[name, "views"] = value.detach(), torch.autograd.grad(value, [*leaves, criterion.log_scale])
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    start(work, str(folder / "store"), str(folder), world=WORLD)
    return [torch.load(folder / f"{rank}.pt") for rank in range(WORLD)]


@pytest.mark.parametrize("share", list(SHARES))
@pytest.mark.parametrize("case", list(LABELLED))
def test_ranks_equal_one_process(ranks: list[dict[Any, Any]], share: str, case: str) -> None:
    batch, how = whole(SHARES[share]), dict(LABELLED[case])
    averaged = how.pop("average_gradients", True)
    x = leaf(batch["x"])
    expected = P.multi_similarity(x, batch["y"], mask=batch["mask"], weight=batch["weight"], **how)
    (gradient,) = torch.autograd.grad(expected.sum(), x)
    values = [found[share, case][0] for found in ranks]
    if case == "none":
        torch.testing.assert_close(torch.cat(values), expected, rtol=1e-12, atol=1e-12)
    else:
        assert all(value.item() == pytest.approx(expected.item(), rel=1e-12) for value in values)
    parts = torch.cat([found[share, case][1][0] for found in ranks]) / (WORLD if averaged else 1)
    torch.testing.assert_close(parts, gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("share", list(SHARES))
def test_views_and_a_learnt_temperature(ranks: list[dict[Any, Any]], share: str) -> None:
    batch, criterion = whole(SHARES[share]), perdita.LearnedInfoNce().double()
    leaves = [leaf(batch[key]) for key in ("x", "z", "further")]
    # the further items of a rank stand behind its second view: the union has all views first
    expected = criterion(leaves[0], leaves[1], negative=leaves[2], mask=batch["mask"])
    gradients = torch.autograd.grad(expected, [*leaves, criterion.log_scale])
    assert ranks[0][share, "views"][0].item() == pytest.approx(expected.item(), rel=1e-12)
    for index in range(3):
        parts = torch.cat([found[share, "views"][1][index] for found in ranks]) / WORLD
        torch.testing.assert_close(parts, gradients[index], rtol=1e-11, atol=1e-12)
    average = sum(found[share, "views"][1][3] for found in ranks) / WORLD
    torch.testing.assert_close(average, gradients[3], rtol=1e-11, atol=1e-12)
