"""Bins of targets, and a loss of two heads."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.losses.regression.with_classification import bin_targets, clip_labels, equal_width_edges, equalized_edges


def test_bins_hold_their_lower_end_and_the_last_its_upper_end_too():
    edges = equal_width_edges(torch.tensor([0.0, 4.0]), 4)
    assert edges.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    found = bin_targets(torch.tensor([-9.0, 0.0, 0.99, 1.0, 3.0, 4.0, 9.0]), edges)
    assert found.tolist() == [0, 0, 0, 1, 3, 3, 3]


def test_equalized_bins_merge_the_rare():
    target = torch.cat([torch.zeros(96), torch.tensor([1.0, 2.0, 3.0, 4.0])])
    assert equalized_edges(target, 4).tolist() == [0.0, 4.0]  # 96 of 100 are in the first bin: all end in class 3
    even = torch.arange(100.0)
    assert len(equalized_edges(even, 5)) == 6
    skewed = torch.linspace(0, 1, 1001) ** 4
    counts = torch.bincount(bin_targets(skewed, equalized_edges(skewed, 8)))
    assert counts.max() < torch.bincount(bin_targets(skewed, equal_width_edges(skewed, 8))).max() + 1


def test_clipping_leaves_frequent_labels_out():
    labels = torch.tensor([0] * 4000 + [1] * 400 + [3] * 200)
    clipped = clip_labels(labels, 4, generator=torch.Generator().manual_seed(0))
    kept = torch.bincount(clipped[clipped >= 0], minlength=4)
    assert kept[3] == 200
    assert kept[2] == 0
    assert (kept[:2] - 200).abs().max() < 50
    assert (clipped[clipped >= 0] == labels[clipped >= 0]).all()


def test_without_labels_the_regression_remains():
    prediction, target = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 2.0])
    logits = torch.zeros(2, 3, requires_grad=True)
    value = P.regression_with_classification(prediction, target, logits, torch.tensor([-1, -1]))
    assert value.item() == 50
    value.backward()
    assert (logits.grad == 0).all()


def test_bad_labels_and_edges_are_refused():
    heads = (torch.zeros(2), torch.zeros(2), torch.zeros(2, 3))
    with pytest.raises(InputError, match="labels"):
        P.regression_with_classification(*heads, torch.tensor([0, 3]))
    with pytest.raises(InputError, match="labels"):
        P.regression_with_classification(*heads, torch.tensor([0, -2]))
    with pytest.raises(InputError, match="target"):
        equal_width_edges(torch.zeros(0), 3)
