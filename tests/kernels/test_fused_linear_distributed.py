"""A fused output layer in data-parallel, sharded and vocabulary-parallel training equals one process."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.kernels import fused_ranks
from tests.kernels.fused_ranks import LOSSES, WAYS, whole
from tests.ranks import start


@pytest.fixture(scope="module", params=[2, 4], ids="{} ranks".format)
def ranks(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[Any, Any]]:
    world, folder = request.param, tmp_path_factory.mktemp("ranks")
    start(fused_ranks.work, world, str(folder), world=world)
    return [torch.load(folder / f"{rank}.pt") for rank in range(world)]


def check(found: list[list[Tensor]], expected: list[Tensor], **tolerances: float) -> None:
    """The ranks' values average to the whole's; every rank holds the whole's gradients."""
    torch.testing.assert_close(sum(own[0] for own in found) / len(found), expected[0], **tolerances)
    for own in found:
        torch.testing.assert_close(own[1:], expected[1:], **tolerances)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_whole_is_that_of_all_logits(loss: str) -> None:
    torch.testing.assert_close(whole(loss), whole(loss, naive=True))


@pytest.mark.parametrize("along", [0, 1], ids=["sequences", "places"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("way", WAYS)
def test_data_parallel(ranks: list[dict[Any, Any]], way: str, loss: str, along: int) -> None:
    check([found[way, loss, along] for found in ranks], whole(loss, naive=True))


@pytest.mark.parametrize("way", ["ddp", "fsdp"])
def test_data_parallel_under_autocast(ranks: list[dict[Any, Any]], way: str) -> None:
    """As near to float64 as one process with all logits under autocast is."""
    exact = whole("cross_entropy", naive=True)
    naive = whole("cross_entropy", naive=True, autocast=True)
    for own in (found["autocast", way] for found in ranks):
        for part, other, right in zip(own[1:], naive[1:], exact[1:], strict=True):
            assert part.dtype is torch.float32
            error, allowed = ((slope.double() - right).norm() / right.norm() for slope in (part, other))
            assert error <= max(2 * allowed, torch.finfo(torch.bfloat16).eps)


def test_rows_and_classes_on_a_mesh(ranks: list[dict[Any, Any]]) -> None:
    """The mesh is (rows, ranks / rows): classes alone, both, rows alone."""
    expected = without_smoothing()
    for rows in {1, 2, len(ranks)}:
        check([found["mesh", rows] for found in ranks], expected)


def test_places_and_classes_over_the_same_ranks(ranks: list[dict[Any, Any]]) -> None:
    model, (x, target) = fused_ranks.Model("cross_entropy").double(), fused_ranks.batch()
    hidden = torch.tanh(model.trunk(x)).detach().requires_grad_()
    value = F.cross_entropy(F.linear(hidden, model.head.weight, model.head.bias).movedim(-1, 1), target)
    expected = torch.autograd.grad(value, [hidden, model.head.weight, model.head.bias])
    for found in ranks:
        torch.testing.assert_close(found["sequence"][0], value)
    for place, (whole_slope, along) in enumerate(zip(expected, (1, 0, 0), strict=True), 1):
        torch.testing.assert_close(torch.cat([found["sequence"][place] for found in ranks], along), whole_slope)


def without_smoothing() -> list[Tensor]:
    """One process with all logits, without label smoothing: what vocabulary-parallel losses compute."""
    model, (x, target) = fused_ranks.Model("cross_entropy").double(), fused_ranks.batch()
    logits = F.linear(torch.tanh(model.trunk(x)), model.head.weight, model.head.bias)
    value = F.cross_entropy(logits.movedim(-1, 1), target)
    return [value.detach(), *torch.autograd.grad(value, list(model.parameters()))]


def test_a_sharded_weight_outside_of_its_module_is_refused(ranks: list[dict[Any, Any]]) -> None:
    for found in ranks:
        assert "weight is a DTensor" in found["said"]["sharded"]
        assert "full_tensor()" in found["said"]["sharded"]
