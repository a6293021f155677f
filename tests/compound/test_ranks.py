"""Two data-parallel processes and one: the same parts, the same learned weights, the same model."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.compound.ranks import OPTIONS, train, train_rank
from tests.ranks import start


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    start(train_rank, str(folder))
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("method", list(OPTIONS))
def test_two_processes_agree_with_one(both: list[dict[str, Any]], method: str) -> None:
    alone = train(method)
    for found in both:
        torch.testing.assert_close(found[method]["records"], alone["records"], rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(found[method]["state"], alone["state"], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("method", list(OPTIONS))
def test_the_weights_do_move(method: str) -> None:
    weights = [record["weights"]["kind"].item() for record in train(method)["records"]]
    assert len(set(weights)) > 1
