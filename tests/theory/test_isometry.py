"""The isometric gap, its bounds, and what they say of collapse."""

import itertools

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.theory.isometry import collapse_report, isometric_distance_bounds, isometric_gap, triplet_violation


def drawn(seed, n=12, d=3, classes=3):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % classes
    spread = torch.rand((), generator=generator) * 3
    centers = torch.randn(classes, d, generator=generator, dtype=torch.float64) * spread
    return centers[label] + torch.randn(n, d, generator=generator, dtype=torch.float64), label


def turned(embedding, seed):
    """The same points, rotated and moved."""
    generator = torch.Generator().manual_seed(seed)
    d = embedding.shape[1]
    rotation = torch.linalg.qr(torch.randn(d, d, generator=generator, dtype=torch.float64)).Q
    return embedding @ rotation + torch.randn(d, generator=generator, dtype=torch.float64)


def test_the_violation_over_all_triplets():
    embedding, label = drawn(0)
    found = [
        (embedding[a] - embedding[p]).norm() - (embedding[a] - embedding[n]).norm()
        for a, p, n in itertools.product(range(12), repeat=3)
        if a != p and label[a] == label[p] and label[a] != label[n]
    ]
    assert triplet_violation(embedding, label).item() == pytest.approx(max(found).item())


def test_the_gap_by_pairs_and_under_motions():
    first, second = drawn(1)[0], drawn(2, d=5)[0]
    expected = max(
        abs((first[i] - first[j]).norm() - (second[i] - second[j]).norm()) for i in range(12) for j in range(12)
    )
    assert isometric_gap(first, second).item() == pytest.approx(expected.item())
    assert isometric_gap(turned(first, 0), turned(second, 1)).item() == pytest.approx(expected.item())
    assert isometric_gap(first, turned(first, 3)).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_the_bracket_holds(seed):
    """The bounds are in order, and no separated map comes nearer than the lower one."""
    embedding, label = drawn(seed, d=2 + seed % 3)
    lower, upper = isometric_distance_bounds(embedding, label)
    assert 0 <= lower <= upper <= isometric_gap(embedding, torch.zeros(12, 1, dtype=torch.float64))
    loss = P.triplet(embedding, label, kind="hard", margin=0.3, similarity="euclidean")
    assert (loss - 0.3) / 2 <= lower + 1e-12
    generator = torch.Generator().manual_seed(seed)
    for shrink in (0.0, 0.3, 0.6, 0.9):
        centers = torch.randn(3, 4, generator=generator, dtype=torch.float64) * 3
        offset = turned(torch.cat([embedding, torch.zeros(12, 4 - embedding.shape[1])], 1), seed) * (1 - shrink)
        separated = centers[label] + 0.1 * offset
        if triplet_violation(separated, label) <= 0:
            assert isometric_gap(embedding, separated) >= lower - 1e-12


def test_the_lower_bound_is_reached():
    """Three points in a row and the even-sided triangle, which is separated, one unit away."""
    embedding = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    label = torch.tensor([0, 0, 1])
    even = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 3**0.5]], dtype=torch.float64)
    assert triplet_violation(even, label).item() == pytest.approx(0.0, abs=1e-12)
    assert isometric_gap(embedding, even).item() == pytest.approx(1.0)
    assert isometric_distance_bounds(embedding, label)[0].item() == 1.0


def test_separated_classes():
    embedding = torch.tensor([[0.0, 0.0], [0.0, 1.0], [5.0, 0.0], [5.0, 1.0]])
    report = collapse_report(embedding, torch.tensor([0, 0, 1, 1]), margin=0.2)
    assert report.violation.item() == -4.0
    assert report.lower.item() == 0.0
    assert report.loss.item() == 0.0
    assert report.upper.item() == 1.0
    assert report.collapse_ratio.item() == pytest.approx(1 / 26**0.5)
    assert (report.items, report.dimension, report.margin) == (4, 2, 0.2)


def test_collapsed_and_mixed_classes():
    label = torch.tensor([0, 0, 1, 1])
    collapsed = collapse_report(torch.ones(4, 2), label, margin=0.7)
    assert collapsed.diameter.item() == collapsed.mean_distance.item() == collapsed.upper.item() == 0.0
    assert collapsed.loss.item() == pytest.approx(0.7)
    mixed = collapse_report(torch.tensor([[0.0], [4.0], [0.0], [4.0]]), label)
    assert mixed.mean_distance.item() == pytest.approx(8 / 3)
    assert mixed.upper.item() == mixed.diameter.item() == 4.0
    assert mixed.collapse_ratio.item() == collapsed.collapse_ratio.item() == 1.0


def test_no_triplet_and_bad_input():
    embedding = torch.randn(4, 2)
    assert triplet_violation(embedding, torch.zeros(4, dtype=torch.int64)).item() == -torch.inf
    assert isometric_distance_bounds(embedding, torch.arange(4))[0].item() == 0.0
    with pytest.raises(InputError, match="same points"):
        isometric_gap(embedding, embedding[1:])
    with pytest.raises(InputError, match="at least 2"):
        collapse_report(embedding[:1], torch.tensor([0]))


def test_the_violation_has_a_gradient():
    embedding, label = drawn(5)
    embedding.requires_grad_()
    triplet_violation(embedding, label).backward()
    assert embedding.grad.isfinite().all()
    assert embedding.grad.abs().sum() > 0
