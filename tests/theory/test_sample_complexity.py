"""Learning curves and sample complexity."""

import math

import pytest
import torch

import perdita
from perdita.theory.sample_complexity import (
    draw_every_class,
    learning_curve,
    mean_shift_mixture,
    sample_complexity,
    sample_sizes,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_mixture_has_the_means_and_variances_it_says():
    x, y = mean_shift_mixture(6, 3)(60_000, generator())
    assert y.bincount().tolist() == [20_000] * 3
    for k, mean in enumerate((-1.0, 1.0, 2.0)):
        own = x[y == k]
        torch.testing.assert_close(own.mean(0), torch.full((6,), mean).double(), atol=0.1, rtol=0)
        torch.testing.assert_close(own.var(0), torch.tensor([6.0, 6, 6, 1, 1, 1]).double(), rtol=0.05, atol=0)


def test_a_subset_holds_every_class():
    target = torch.tensor([0] * 30 + [1] * 2 + [2] * 2)
    for seed in range(20):
        chosen = draw_every_class(target, 5, generator(seed))
        assert len(chosen.unique()) == 5
        assert target[chosen].unique().tolist() == [0, 1, 2]
    with pytest.raises(perdita.InputError, match="rows must be from 3"):
        draw_every_class(target, 2, generator())


def test_all_heads_see_the_same_scaled_subset():
    seen = {"one": [], "two": []}

    def watch(name):
        def head(x, y, test):
            seen[name].append((x, y))
            return torch.zeros(len(test), dtype=torch.long)

        return head

    x, y = mean_shift_mixture(4, 2)(50, generator())
    held, labels = mean_shift_mixture(4, 2)(20, generator(1))
    heads = {name: watch(name) for name in seen}
    curves = learning_curve(x, y, held, labels, heads=heads, sizes=[5, 9], repeats=3, generator=generator(2))
    assert {name: curve.tolist() for name, curve in curves.items()} == dict.fromkeys(seen, [[0.5] * 3] * 2)
    for (first, first_labels), (second, second_labels) in zip(*seen.values(), strict=True):
        assert torch.equal(first, second)
        assert torch.equal(first_labels, second_labels)
        assert first.amin(0).tolist() == [0.0] * 4
        assert first.amax(0).tolist() == [1.0] * 4
    assert [len(first) for first, _ in seen["one"]] == [5, 5, 5, 9, 9, 9]
    with pytest.raises(perdita.InputError, match="scale must be one of"):
        learning_curve(x, y, held, labels, heads=heads, sizes=[5], scale="log", generator=generator())


def test_the_first_size_that_is_good_enough_is_found():
    asked = []

    def head(x, y, test):
        asked.append(len(x))
        return (torch.arange(len(test)) % 2) if len(x) >= 8 else torch.zeros(len(test), dtype=torch.long)

    given = {"sizes": [4, 6, 8, 10], "test_rows": 100, "repeats": 2, "generator": generator()}
    found = sample_complexity(head, mean_shift_mixture(3, 2), target_error=0.01, **given)
    assert found.tolist() == [8.0, 8.0]
    assert asked == [4, 6, 8, 4, 6, 8]
    assert sample_complexity(head, mean_shift_mixture(3, 2), target_error=0.0, **given).tolist() == [math.inf] * 2


def test_sizes_grow_by_the_logarithm_of_the_features():
    assert sample_sizes(100, 3, 22) == [6, 11, 16, 21]
    assert max(sample_sizes(10, 2)) <= 1000
