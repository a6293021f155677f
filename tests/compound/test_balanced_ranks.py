"""Two data-parallel processes and one: the same balanced gradients and the same two momenta."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.compound.balanced_ranks import WAYS, train, train_rank
from tests.ranks import start


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[Tensor]]]:
    folder = tmp_path_factory.mktemp("ranks")
    start(train_rank, str(folder))
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("way", WAYS)
def test_two_processes_agree_with_one(both: list[dict[str, list[Tensor]]], way: str) -> None:
    alone = train(way)
    for found in both:
        torch.testing.assert_close(found[way], alone, rtol=1e-6, atol=1e-8)
