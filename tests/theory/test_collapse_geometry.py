"""The closed forms against descent from random starts, and against each other."""

from __future__ import annotations

import math

import pytest
import torch

from perdita.core import InputError
from perdita.theory.collapse_geometry import cross_entropy_margin, deep_linear_geometry

COUNTS = [12, 6, 3]


def objective(layers, features, counts, decays, feature_decay, bias=None):
    """The loss, W and the class means."""
    target = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    weight = layers[0]
    for layer in layers[1:]:
        weight = layer @ weight
    outputs = weight @ features if bias is None else weight @ features + bias
    one_hot = torch.nn.functional.one_hot(target, len(counts)).double().T
    loss = (outputs - one_hot).square().sum() / (2 * sum(counts)) + feature_decay / 2 * features.square().sum()
    loss = loss + sum(decay / 2 * layer.square().sum() for decay, layer in zip(decays, layers, strict=True))
    means = features @ one_hot.T / torch.tensor(counts, dtype=torch.float64)
    return loss, weight, means


def descend(counts, decays, feature_decay, *, width=5, bias=False, start=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return (start * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()

    layers = [normal(width, width) for _ in decays[:-1]] + [normal(len(counts), width)]
    features = normal(width, sum(counts))
    free = torch.zeros(len(counts), 1, dtype=torch.float64, requires_grad=True) if bias else None
    variables = [*layers, features] + ([free] if bias else [])
    optimizer = torch.optim.LBFGS(
        variables, max_iter=2000, history_size=20, tolerance_grad=1e-10, tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        loss = objective(layers, features, counts, decays, feature_decay, free)[0]
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return (*objective(layers, features, counts, decays, feature_decay, free), layers)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("decays", [[0.01], [0.01] * 3, [0.004, 0.01, 0.02]])
def test_descent_ends_there(decays):
    geometry = deep_linear_geometry(COUNTS, depth=len(decays), weight_decay=decays, feature_decay=0.005)
    loss, weight, means, layers = descend(COUNTS, decays, 0.005)
    assert geometry.alive.all()
    assert loss.item() == pytest.approx(geometry.optimum, rel=1e-7)
    close(weight @ weight.T, geometry.weight_gram)
    close(means.T @ means, geometry.feature_gram)
    close(weight @ means, geometry.logits)
    close(weight, geometry.row_scale.unsqueeze(1) * means.T)
    for layer, values in zip(layers, geometry.singular_values, strict=True):
        close(torch.linalg.svdvals(layer)[:3], values.sort(descending=True).values)


def test_descent_with_a_bias_ends_at_a_simplex():
    geometry = deep_linear_geometry([5] * 4, depth=2, weight_decay=0.01, feature_decay=0.005, bias=True)
    loss, weight, means, _ = descend([5] * 4, [0.01] * 2, 0.005, bias=True)
    assert loss.item() == pytest.approx(geometry.optimum, rel=1e-7)
    close(weight @ weight.T, geometry.weight_gram)
    close(means.T @ means, geometry.feature_gram)
    close(weight @ means, geometry.logits)
    with pytest.raises(InputError, match="class_counts"):
        deep_linear_geometry(COUNTS, depth=2, weight_decay=0.01, feature_decay=0.005, bias=True)


def test_small_classes_vanish():
    """One layer: alive above N^2 a h items."""
    decay = math.sqrt(4.5) / 21
    geometry = deep_linear_geometry(COUNTS, depth=1, weight_decay=decay, feature_decay=decay)
    assert geometry.alive.tolist() == [True, True, False]
    loss, weight, means, _ = descend(COUNTS, [decay], decay)
    assert loss.item() == pytest.approx(geometry.optimum, rel=1e-7)
    close(weight @ weight.T, geometry.weight_gram)
    close(means.T @ means, geometry.feature_gram)


@pytest.mark.parametrize("depth", [2, 3, 6])
def test_beyond_the_threshold_zero_is_better(depth):
    """The root still exists just past the threshold, but it costs more than nothing at all."""

    def class_cost(x, ratio):
        return 1 / (x**depth + 1) + ratio * x

    threshold = (depth - 1) ** ((depth - 1) / depth) / depth
    grid = torch.linspace(0, 50, 500_001, dtype=torch.float64)
    for factor, alive in ((0.99, True), (1.01, False)):
        price = factor * threshold  # of one class with one item: b = M N (N a^M h)^(1/M)
        decay = (price / depth) ** (depth / (depth + 1))
        geometry = deep_linear_geometry([1], depth=depth, weight_decay=decay, feature_decay=decay)
        assert geometry.alive.item() is alive
        assert geometry.optimum == pytest.approx(class_cost(grid, price).min().item() / 2, abs=1e-8)


def test_one_layer_has_a_formula():
    geometry = deep_linear_geometry([200, 100, 50, 50], depth=1, weight_decay=5e-4, feature_decay=5e-4)
    expected = torch.tensor([200.0, 100.0, 50.0, 50.0], dtype=torch.float64).sqrt() - 400 * 5e-4
    torch.testing.assert_close(geometry.weight_gram.diagonal(), expected, rtol=1e-12, atol=0)
    lengths = geometry.feature_gram.diagonal()
    assert (lengths.diff()[:2] > 0).all()  # larger classes have shorter features


def test_the_margin_of_cross_entropy():
    margin = cross_entropy_margin(4, 25, weight_decay=5e-4, feature_decay=5e-4)
    assert (margin * 3 / 4, -margin / 4) == pytest.approx((4.48795, -1.49598), abs=1e-5)
    assert cross_entropy_margin(2, 100, weight_decay=0.05, feature_decay=0.05) == 0.0


def test_descent_on_cross_entropy_ends_at_its_margin():
    classes, items, decay = 3, 4, 0.02
    generator = torch.Generator().manual_seed(0)
    weight, features, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for shape in ((classes, 4), (4, classes * items), (classes, 1))
    )
    target = torch.arange(classes).repeat_interleave(items)
    optimizer = torch.optim.LBFGS(
        [weight, features, bias], max_iter=1000, tolerance_grad=1e-10, tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy((weight @ features + bias).T, target)
        loss = loss + decay / 2 * (weight.square().sum() + features.square().sum())
        loss.backward()
        return loss

    optimizer.step(closure)
    margin = cross_entropy_margin(classes, items, weight_decay=decay, feature_decay=decay)
    assert margin > 1
    frame = torch.eye(classes, dtype=torch.float64) - 1 / classes
    close((weight @ features).detach(), margin * frame[:, target])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"depth": 0}, "depth"),
        ({"weight_decay": 0.0}, "weight_decay"),
        ({"weight_decay": [0.1, 0.1, 0.1]}, "weight_decay"),
        ({"feature_decay": -1.0}, "feature_decay"),
        ({"class_counts": [3, 0]}, "class_counts"),
        ({"class_counts": []}, "class_counts"),
    ],
)
def test_bad_input_is_named(options, named):
    given = {"class_counts": COUNTS, "depth": 2, "weight_decay": 0.01, "feature_decay": 0.01, **options}
    counts = given.pop("class_counts")
    with pytest.raises(InputError, match=named):
        deep_linear_geometry(counts, **given)
    if named == "feature_decay":
        with pytest.raises(InputError, match="num_classes"):
            cross_entropy_margin(1, 3, weight_decay=0.1, feature_decay=0.1)
