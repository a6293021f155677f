"""Micro-batches and ranks with unequal numbers of items give the gradient of the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn

import perdita
from perdita.training.accumulation import shared_normalizer
from tests.ranks import start


def batch() -> tuple[nn.Linear, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Linear(5, 4).double()
    features, target = torch.randn(12, 5).double(), torch.randint(0, 4, (12,))
    target[[1, 2, 3, 10]] = -100  # three of the first six items, one of the last six
    return model, features, target


def whole_gradient() -> torch.Tensor:
    model, features, target = batch()
    perdita.functional.cross_entropy(model(features), target).backward()
    return model.weight.grad


def test_accumulation_equals_the_whole_batch() -> None:
    model, features, target = batch()
    normalizer = shared_normalizer(target.split(4), ignore_index=-100)
    assert normalizer.item() == 8
    criterion = perdita.CrossEntropy()
    for x, y in zip(features.split(4), target.split(4), strict=True):
        criterion(model(x), y, normalizer=normalizer).backward()
    torch.testing.assert_close(model.weight.grad, whole_gradient())


def test_the_mean_of_means_is_another_gradient() -> None:
    model, features, target = batch()
    for x, y in zip(features.split(4), target.split(4), strict=True):
        (perdita.functional.cross_entropy(model(x), y) / 3).backward()
    assert not torch.allclose(model.weight.grad, whole_gradient())


def test_weights_and_masks_count() -> None:
    model, features, target = batch()
    weight, mask = torch.rand(12).double(), torch.rand(12) > 0.3
    options = {"ignore_index": -100}
    normalizer = shared_normalizer(target.split(5), weights=weight.split(5), masks=mask.split(5), **options)
    whole = perdita.functional.focal(model(features), target, weight=weight, mask=mask, **options)
    parts = [
        perdita.functional.focal(model(x), y, weight=w, mask=m, normalizer=normalizer, **options)
        for x, y, w, m in zip(features.split(5), target.split(5), weight.split(5), mask.split(5), strict=True)
    ]
    torch.testing.assert_close(sum(parts), whole, rtol=1e-6, atol=1e-7)  # the normalizer is counted in float32


def rank_gradient(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    model, features, target = batch()
    replica = nn.parallel.DistributedDataParallel(model)
    mine = slice(6 * rank, 6 * rank + 6)
    normalizer = shared_normalizer([target[mine]], ignore_index=-100)
    perdita.functional.cross_entropy(replica(features[mine]), target[mine], normalizer=normalizer).backward()
    del replica  # before its group: else it may wait for ever for a thread that waits for it
    torch.save(model.weight.grad, f"{folder}/gradient{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_ranks_equal_one_process(tmp_path: Path) -> None:
    start(rank_gradient, str(tmp_path))
    for rank in range(2):
        torch.testing.assert_close(torch.load(tmp_path / f"gradient{rank}.pt"), whole_gradient())


def test_bad_input() -> None:
    with pytest.raises(perdita.InputError, match="targets"):
        shared_normalizer([])
    with pytest.raises(perdita.InputError, match="masks"):
        shared_normalizer([torch.zeros(3)], masks=[])
