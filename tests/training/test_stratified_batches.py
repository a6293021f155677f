"""Batches of one item per stratum."""

from __future__ import annotations

import itertools

import pytest
import torch

from perdita import InputError
from perdita.training.stratified_batches import StratifiedBatchSampler, strata

TARGET = torch.randn(103, generator=torch.Generator().manual_seed(0))


def test_strata_are_neighbours_in_order():
    groups = strata(TARGET, 10)
    assert sorted(torch.cat(groups).tolist()) == list(range(103))
    assert [len(group) for group in groups] == [11, 11, 11, *[10] * 7]
    for low, high in itertools.pairwise(groups):
        assert TARGET[low].max() <= TARGET[high].min()


def test_every_batch_has_one_item_of_each_stratum_even_after_many_epochs():
    sampler = StratifiedBatchSampler(TARGET, 10, generator=torch.Generator().manual_seed(1))
    home = {index: stratum for stratum, group in enumerate(strata(TARGET, 10)) for index in group.tolist()}
    assert len(sampler) == 10
    for _ in range(200):
        batches = list(sampler)
        assert len(batches) == 10
        for batch in batches:
            assert [home[index] for index in batch] == list(range(10))
        drawn = [index for batch in batches for index in batch]
        assert len(set(drawn)) == 100  # without replacement


def test_batches_differ_between_epochs_and_repeat_with_the_seed():
    first, again = (StratifiedBatchSampler(TARGET, 10, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    one = list(first)
    assert one == list(again)
    assert one != list(first)


def test_it_feeds_a_data_loader():
    data = torch.utils.data.TensorDataset(TARGET)
    loader = torch.utils.data.DataLoader(data, batch_sampler=StratifiedBatchSampler(TARGET, 20))
    assert [len(batch) for (batch,) in loader] == [20] * 5


@pytest.mark.parametrize("size", [0, 104])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(InputError, match="batch_size"):
        StratifiedBatchSampler(TARGET, size)
