"""Clusters against labels: scikit-learn's own measure on the same clusters, and what it must be by definition."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

from perdita import InputError
from perdita.judge.clusters import normalized_mutual_information


def drawn(rows=60, classes=4, seed=0, spread=0.4):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(rows) % classes
    return torch.nn.functional.one_hot(label, 6) + spread * torch.randn(rows, 6, generator=generator), label


def test_equals_scikit_learn_on_the_unit_sphere():
    embedding, label = drawn()
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    clusters = KMeans(4, n_init=10, random_state=0).fit_predict(unit.numpy())
    expected = normalized_mutual_info_score(label.numpy(), clusters)
    found = normalized_mutual_information(embedding, label)
    assert found.item() == pytest.approx(expected)
    lengths = torch.linspace(0.1, 9.0, len(label)).unsqueeze(1)
    assert normalized_mutual_information(lengths * embedding, label).item() == pytest.approx(expected)


def test_ends_of_the_scale():
    embedding, label = drawn(spread=0.0)
    assert normalized_mutual_information(embedding, label) == 1
    assert normalized_mutual_information(embedding, label, clusters=2) < 1
    noise = torch.randn(400, 3, generator=torch.Generator().manual_seed(0))
    assert normalized_mutual_information(noise, torch.arange(400) % 4) < 0.05


def test_equal_points_and_numbers_that_are_none():
    assert np.isfinite(normalized_mutual_information(torch.ones(6, 2), torch.arange(6) % 3).item())
    assert normalized_mutual_information(torch.full((4, 2), torch.inf), torch.arange(4) % 2).isnan()


@pytest.mark.parametrize(
    ("embedding", "label", "options", "message"),
    [
        (torch.ones(3), torch.zeros(3).long(), {}, "must be \\(n, d\\)"),
        (torch.ones(3, 2), torch.zeros(2).long(), {}, "must be \\(n, d\\)"),
        (torch.ones(0, 2), torch.zeros(0).long(), {}, "must be \\(n, d\\)"),
        (torch.ones(3, 2), torch.zeros(3).long(), {"clusters": 4}, "clusters must be from 1"),
    ],
)
def test_bad_input(embedding, label, options, message):
    with pytest.raises(InputError, match=message):
        normalized_mutual_information(embedding, label, **options)
