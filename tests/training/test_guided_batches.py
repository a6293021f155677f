"""Pseudo-labels, and batches that repeat them as little as can be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perdita import InputError
from perdita.training.guided_batches import (
    DenoisingAutoencoder,
    GuidedBatchSampler,
    fit_autoencoder,
    guided_order,
    image_autoencoder,
    latents,
    pseudo_labels,
    repeats,
)

EQUAL = torch.arange(6).repeat(5)[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
UNEQUAL = torch.tensor([7] * 10 + [3] * 4 + [5] * 2)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("labels", [EQUAL, UNEQUAL])
def test_the_order_is_by_rank_then_cluster_then_index(labels):
    seen: dict[int, int] = {}
    keys = []
    for index, label in enumerate(labels.tolist()):
        seen[label] = seen.get(label, 0) + 1
        keys.append((seen[label], label, index))
    assert guided_order(labels).tolist() == [index for _, _, index in sorted(keys)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_no_batch_repeats_a_cluster_of_equal_ones(shuffle):
    sampler = GuidedBatchSampler(EQUAL, 6, shuffle=shuffle, generator=seeded())
    for _ in range(20):
        batches = list(sampler)
        assert len(batches) == len(sampler) == 5
        assert sorted(index for batch in batches for index in batch) == list(range(30))
        assert all(repeats(EQUAL[batch]) == 0 for batch in batches)


def test_unequal_clusters_repeat_at_last_and_strict_leaves_those_batches_out():
    lenient = list(GuidedBatchSampler(UNEQUAL, 3, shuffle=False))
    assert [repeats(UNEQUAL[batch]) for batch in lenient] == [0, 0, 1, 2, 2]
    strict = GuidedBatchSampler(UNEQUAL, 3, strict=True, generator=seeded())
    for _ in range(5):
        batches = list(strict)
        assert len(batches) == len(strict) == 2
        assert all(repeats(UNEQUAL[batch]) == 0 for batch in batches)


def test_epochs_differ_when_shuffled_and_repeat_with_the_seed():
    one, two = (GuidedBatchSampler(EQUAL, 6, generator=seeded(3)) for _ in range(2))
    first = list(one)
    assert first == list(two)
    assert first != list(one)
    fixed = GuidedBatchSampler(EQUAL, 6, shuffle=False)
    assert list(fixed) == list(fixed)


def test_it_feeds_a_data_loader():
    data = torch.utils.data.TensorDataset(EQUAL)
    loader = torch.utils.data.DataLoader(data, batch_sampler=GuidedBatchSampler(EQUAL, 6))
    assert [sorted(batch.tolist()) for (batch,) in loader] == [list(range(6))] * 5


def test_an_autoencoder_learns_stops_and_keeps_its_best():
    torch.manual_seed(0)
    x = torch.rand(200, 2, generator=seeded()) @ torch.rand(2, 12, generator=seeded(1)) / 2
    model = DenoisingAutoencoder(nn.Linear(12, 3), nn.Linear(3, 12))
    errors = fit_autoencoder(model, x, epochs=40, batch_size=60, learning_rate=0.04, generator=seeded())
    assert min(errors) < 0.2 * errors[0]
    assert len(errors) == 40 or min(errors[-2:]) > min(errors)
    held = torch.randperm(200, generator=seeded())[:20]
    assert not model.training
    assert (model(x[held]) - x[held]).square().mean().item() == pytest.approx(min(errors))


def test_training_stops_after_so_many_epochs_without_a_new_best():
    model = DenoisingAutoencoder(nn.Identity(), nn.Linear(2, 2), noise=0.0)
    errors = fit_autoencoder(model, torch.rand(40, 2), epochs=50, learning_rate=1e-12, patience=3, generator=seeded())
    still = fit_autoencoder(model, torch.rand(40, 2), epochs=50, learning_rate=100.0, patience=3, generator=seeded())
    assert len(errors) <= 50
    assert len(still) == still.index(min(still)) + 4 < 50


def test_images_become_latents_of_the_last_width_and_come_back_in_shape():
    torch.manual_seed(0)
    images = torch.rand(12, 3, 16, 16, generator=seeded())
    model = image_autoencoder(3, (4, 8, 16))
    errors = fit_autoencoder(model, images, epochs=2, held_out=0.25, generator=seeded())
    assert len(errors) == 2
    assert model(images).shape == images.shape
    assert latents(model, images, batch_size=5).shape == (12, 16)


def test_pseudo_labels_find_blobs_and_repeat_with_the_seed():
    centres = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    home = torch.arange(3).repeat(20)
    points = centres[home] + torch.randn(60, 2, generator=seeded())
    found = pseudo_labels(points, 3)
    assert all(len(found[home == blob].unique()) == 1 for blob in range(3))
    assert len(found.unique()) == 3
    assert torch.equal(found, pseudo_labels(points, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GuidedBatchSampler(EQUAL, 0), "batch_size"),
        (lambda: GuidedBatchSampler(EQUAL, 31), "batch_size"),
        (lambda: pseudo_labels(torch.rand(3, 2), 4), "clusters"),
        (lambda: fit_autoencoder(image_autoencoder(), torch.rand(3, 3, 8, 8)), "held_out"),
        (lambda: fit_autoencoder(image_autoencoder(), torch.rand(30, 3, 8, 8), patience=0), "patience"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
