"""The measures: zero at full collapse, the same in batches, against the pseudoinverse, and at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from perdita.core import InputError
from perdita.theory.collapse_geometry import deep_linear_geometry
from perdita.theory.neural_collapse import NeuralCollapse, shape_distance


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def taken(features, target, classes):
    collapse = NeuralCollapse(classes)
    collapse.update(features, target)
    return collapse


def basis(width, classes):
    return torch.linalg.qr(normal(width, width))[0][:classes]  # (k, d), orthonormal rows


def collapsed(means, counts):
    target = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    return means[target], target


@pytest.mark.parametrize("geometry", ["etf", "orthogonal"])
def test_a_collapsed_classifier_measures_zero(geometry):
    rows = basis(6, 4)
    if geometry == "etf":
        rows = rows - rows.mean(0)
    features, target = collapsed(3 * rows + (1.0 if geometry == "etf" else 0.0), [5, 5, 5, 5])
    found = taken(features, target, 4).compute(0.2 * rows, geometry=geometry)
    assert list(found) == ["nc1", "nc2_weight", "nc2_features", "nc3", "self_duality"]
    assert max(found.values()) < 1e-7  # the norm of a difference of equal matrices


def test_the_exact_geometry_measures_zero_where_no_other_does():
    counts = [16, 8, 4]
    exact = deep_linear_geometry(counts, depth=3, weight_decay=1e-3, feature_decay=5e-4)
    means = exact.feature_gram.diagonal().sqrt().unsqueeze(1) * basis(5, 3)
    features, target = collapsed(means, counts)
    collapse, weight = taken(features, target, 3), exact.row_scale.unsqueeze(1) * means
    found = collapse.compute(weight, geometry="exact", exact=exact)
    assert max(found.values()) < 1e-7
    assert collapse.compute(weight, geometry="orthogonal")["nc2_weight"] > 0.05


def test_the_spread_is_the_trace_with_the_pseudoinverse():
    features, target = normal(50, 7) + 3, torch.arange(50) % 4
    found = taken(features, target, 4).compute(normal(4, 7, seed=1))["nc1"]
    x, y = features.numpy(), target.numpy()
    means = np.stack([x[y == k].mean(0) for k in range(4)])
    within = (x - means[y]).T @ (x - means[y]) / 50
    centred = means - x.mean(0)
    assert found == pytest.approx(np.trace(within @ np.linalg.pinv(centred.T @ centred / 4, rcond=1e-12)) / 4, rel=1e-9)


def test_batches_are_the_whole_however_far_the_features_lie():
    features, target, weight = normal(60, 5) + 1e6, torch.arange(60) % 3, normal(3, 5, seed=1)
    collapse = NeuralCollapse(3)
    for rows in torch.arange(60).split(7):
        collapse.update(features[rows], target[rows])
    whole = taken(features - 1e6, target, 3).compute(weight)
    assert collapse.compute(weight) == pytest.approx(whole, rel=1e-6)


def test_half_precision_features_are_summed_in_double():
    features, target, weight = normal(30, 4).half(), torch.arange(30) % 3, normal(3, 4, seed=1).half()
    found = taken(features, target, 3).compute(weight)
    assert found == taken(features.double(), target, 3).compute(weight.double())


def test_a_class_without_items_is_left_out():
    features, target, weight = normal(20, 6), torch.arange(20) % 3, normal(4, 6, seed=1)
    exact = deep_linear_geometry([4, 3, 2, 1], depth=1, weight_decay=1e-3, feature_decay=1e-3)
    found = taken(features, target, 4)
    assert found.compute(weight) == taken(features, target, 3).compute(weight[:3])
    own = found.compute(weight, geometry="exact", exact=exact)
    assert own["nc2_weight"] == shape_distance(weight[:3] @ weight[:3].T, exact.weight_gram[:3, :3]).item()


def test_without_different_means_the_spread_is_infinite_or_not_a_number():
    target = torch.tensor([0, 0, 1, 1])
    equal = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]).repeat(2, 1)
    assert taken(equal, target, 2).compute(torch.eye(2))["nc1"] == math.inf
    assert math.isnan(taken(torch.ones(4, 2), target, 2).compute(torch.eye(2))["nc1"])
    assert taken(equal, torch.zeros(4, dtype=torch.long), 1).compute(torch.ones(1, 2))["nc1"] == math.inf


def test_features_that_are_too_narrow_are_warned_of():
    collapse = taken(normal(20, 2), torch.arange(20) % 4, 4)
    with pytest.warns(UserWarning, match="width 2 cannot reach the etf geometry, which needs 3"):
        collapse.compute(normal(4, 2))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: NeuralCollapse(0), "classes"),
        (lambda: NeuralCollapse(2).compute(torch.eye(2)), "update"),
        (lambda: taken(normal(0, 2), torch.zeros(0, dtype=torch.long), 2).compute(torch.eye(2)), "update"),
        (lambda: taken(normal(2, 2), torch.tensor([0.0, 1.0]), 2), "integers"),
        (lambda: taken(normal(2, 2) / 0, torch.tensor([0, 1]), 2), "finite"),
        (lambda: taken(normal(2, 2), torch.tensor([0, 2]), 2), "target"),
        (lambda: taken(normal(2, 2), torch.tensor([0]), 2), "features"),
        (lambda: taken(normal(2, 2), torch.tensor([0, 1]), 2).update(normal(2, 3), torch.tensor([0, 1])), "width"),
        (lambda: taken(normal(2, 2), torch.tensor([0, 1]), 2).compute(torch.ones(2, 3)), "weight"),
        (lambda: taken(normal(2, 2), torch.tensor([0, 1]), 2).compute(torch.eye(2), geometry="frame"), "geometry"),
        (lambda: taken(normal(2, 2), torch.tensor([0, 1]), 2).compute(torch.eye(2), geometry="exact"), "exact"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(InputError, match=named):
        call()
