"""The doctor of a training step: right steps pass, and each usual mistake is named with its factor."""

from __future__ import annotations

import doctest

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import perdita
from perdita.testing import ConformanceError, accumulation, assert_step_accumulates
from perdita.training.accumulation import shared_normalizer
from tests.ranks import import_early


def setting() -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(0)
    target = torch.randint(0, 4, (12,))
    target[[1, 2, 3, 10]] = -100
    return nn.Linear(5, 4).double(), (torch.randn(12, 5).double(), target)


def shared(model, micro_batches):
    normalizer = shared_normalizer([target for _, target in micro_batches], ignore_index=-100)
    for features, target in micro_batches:
        perdita.functional.cross_entropy(model(features), target, normalizer=normalizer).backward()


def mean_of_means(model, micro_batches):
    for features, target in micro_batches:
        (F.cross_entropy(model(features), target) / len(micro_batches)).backward()


def undivided(model, micro_batches):
    for features, target in micro_batches:
        F.cross_entropy(model(features), target).backward()


def own_count(model, micro_batches):
    """Right in one process; its ranks forget that the gradient is averaged over them."""
    count = sum((target != -100).sum() for _, target in micro_batches)
    for features, target in micro_batches:
        (F.cross_entropy(model(features), target, reduction="sum") / count).backward()


def test_a_shared_normalizer_accumulates():
    assert_step_accumulates(shared, *setting())
    assert_step_accumulates(own_count, *setting(), sizes=[5, 1, 6])


def test_a_mean_of_means_does_not():
    with pytest.raises(ConformanceError, match=r"gradient of weight of 3 micro-batches is another than .*normalizer="):
        assert_step_accumulates(mean_of_means, *setting())


def test_means_that_nobody_divides_are_named_by_their_number():
    model, (features, _) = setting()
    equal = features[:3].repeat(2, 1), torch.tensor([0, 1, 2] * 2)
    with pytest.raises(ConformanceError, match="2 times that of the whole batch: divide by their number"):
        assert_step_accumulates(undivided, model, equal, sizes=[3, 3])


def test_the_model_and_its_gradients_stay_as_they_were():
    model, batch = setting()
    before = model.weight.detach().clone()
    assert_step_accumulates(shared, model, batch)
    assert torch.equal(model.weight, before)
    assert model.weight.grad is None


def test_a_batch_may_be_a_mapping():
    def step(model, micro_batches):
        for one in micro_batches:
            perdita.functional.mse(model(one["x"]), one["y"], normalizer=6.0).backward()

    batch = {"x": torch.randn(6, 5).double(), "y": torch.randn(6, 1).double()}
    assert_step_accumulates(step, nn.Linear(5, 1).double(), batch)


def test_bad_input():
    model, batch = setting()
    with pytest.raises(perdita.InputError, match=r"add up to the 12 items of the batch, not \[5, 5\]"):
        assert_step_accumulates(shared, model, batch, sizes=[5, 5])
    with pytest.raises(perdita.InputError, match="2 ranks need as many micro-batches each, not 3 in all"):
        assert_step_accumulates(shared, model, batch, sizes=[4, 4, 4], ranks=2)
    with pytest.raises(perdita.InputError, match="what a process can import"):
        assert_step_accumulates(lambda *given: shared(*given), model, batch, ranks=2)
    with pytest.raises(perdita.InputError, match="batch must be"):
        assert_step_accumulates(shared, model, "batch")


@pytest.mark.slow
def test_two_ranks_share_their_normalizer():
    import_early()
    assert_step_accumulates(shared, *setting(), ranks=2)
    with pytest.raises(ConformanceError, match="of 2 ranks is another than that of the whole batch"):
        assert_step_accumulates(own_count, *setting(), sizes=[6, 6], ranks=2)


def test_the_example_runs():
    found = doctest.testmod(accumulation, extraglobs={"torch": torch}, optionflags=doctest.ELLIPSIS)
    assert (found.failed, found.attempted > 3) == (0, True)
