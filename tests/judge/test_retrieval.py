"""Retrieval measures against lists sorted one query at a time, scikit-learn and pytorch-metric-learning."""

import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.neighbors import KNeighborsClassifier

from perdita import InputError
from perdita.judge import neighbors
from perdita.judge.retrieval import (
    alignment,
    knn_accuracy,
    map_at_r,
    r_precision,
    recall_at_k,
    retrieval_scores,
    uniformity,
)

MEASURES = {
    "recall@1": recall_at_k,
    "recall@3": lambda *given, **named: recall_at_k(*given, k=3, **named),
    "R-precision": r_precision,
    "MAP@R": map_at_r,
}


def drawn(n=40, d=5, classes=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (n,), generator=generator)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + 0.3 * label.unsqueeze(1), label


def by_query(name, embedding, label, reference, reference_label, distance):
    """The mean over the queries, each with its own sorted list."""
    itself = reference is None
    columns, theirs = (embedding, label) if itself else (reference, reference_label)
    values = []
    for i in range(len(embedding)):
        places = [j for j in range(len(columns)) if not (itself and i == j)]
        places.sort(key=lambda j: distance(embedding[i], columns[j]))
        hits = [bool(theirs[j] == label[i]) for j in places]
        relevant = sum(hits)
        if not relevant:
            continue
        if name.startswith("recall@"):
            values.append(float(any(hits[: int(name[-1])])))
        elif name == "R-precision":
            values.append(sum(hits[:relevant]) / relevant)
        else:
            values.append(sum(sum(hits[: p + 1]) / (p + 1) for p in range(relevant) if hits[p]) / relevant)
    return sum(values) / len(values)


def apart(x, y):
    return float((x - y).norm())


def angle(x, y):
    return -float(x @ y / x.norm() / y.norm())


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(("similarity", "distance"), [("cosine", angle), ("euclidean", apart)])
@pytest.mark.parametrize("itself", [True, False])
def test_equals_sorted_lists(name, similarity, distance, itself, monkeypatch):
    monkeypatch.setattr(neighbors, "PLACES", 300)  # several chunks
    embedding, label = drawn()
    reference = (None, None) if itself else drawn(60, classes=5, seed=1)  # one class has nothing to find
    found = MEASURES[name](
        embedding, label, reference=reference[0], reference_label=reference[1], similarity=similarity
    )
    assert found.item() == pytest.approx(by_query(name, embedding, label, *reference, distance), abs=1e-12)


@pytest.mark.parametrize("itself", [True, False])
def test_one_search_gives_what_each_measure_does(itself, monkeypatch):
    monkeypatch.setattr(neighbors, "PLACES", 300)
    embedding, label = drawn()
    reference = (None, None) if itself else drawn(60, classes=5, seed=1)
    named = {"reference": reference[0], "reference_label": reference[1]}
    found = retrieval_scores(embedding, label, ks=(1, 3), **named)
    assert list(found) == ["map_at_r", "r_precision", "recall_at_1", "recall_at_3"]
    for score, name in zip(found.values(), ("MAP@R", "R-precision", "recall@1", "recall@3"), strict=True):
        assert score == MEASURES[name](embedding, label, **named)
    with pytest.raises(InputError, match="k must be"):
        retrieval_scores(embedding, label, ks=(1, 0))


@pytest.mark.parametrize("k", [1, 4, 7])
def test_votes_equal_scikit_learn(k):
    (embedding, label), (reference, theirs) = drawn(), drawn(80, seed=1)
    peer = KNeighborsClassifier(k, algorithm="brute").fit(reference.numpy(), theirs.numpy())
    found = knn_accuracy(embedding, label, k, reference=reference, reference_label=theirs, similarity="euclidean")
    assert found.item() == pytest.approx(peer.score(embedding.numpy(), label.numpy()))


def test_equals_pytorch_metric_learning():
    embedding, label = drawn(50, classes=4, seed=3)

    def neighbors(query, k, reference, itself):
        distance, place = torch.cdist(query, reference).topk(k + itself, largest=False)
        return distance[:, itself:], place[:, itself:]

    names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    peer = AccuracyCalculator(include=names, k="max_bin_count", knn_func=neighbors, device=torch.device("cpu"))
    expected = peer.get_accuracy(embedding, label)
    measures = (recall_at_k, r_precision, map_at_r)
    found = [measure(embedding, label, similarity="euclidean").item() for measure in measures]
    assert found == pytest.approx([expected[name] for name in names])


def test_alignment_and_uniformity_by_hand():
    (first, _), (second, _) = drawn(9), drawn(9, seed=1)
    x, y = (view / view.norm(dim=1, keepdim=True) for view in (first, second))
    assert alignment(first, second, power=1.5).item() == pytest.approx(
        np.mean([apart(a, b) ** 1.5 for a, b in zip(x, y, strict=True)])
    )
    pairs = [math.exp(-3 * apart(x[i], x[j]) ** 2) for i in range(9) for j in range(i)]
    assert uniformity(first, scale=3.0).item() == pytest.approx(math.log(np.mean(pairs)))
    assert uniformity(first[:1].expand(5, -1)).item() == pytest.approx(0.0, abs=1e-12)


def test_ties_take_the_earlier_item():
    embedding, label = torch.ones(4, 2), torch.tensor([0, 1, 0, 1])
    assert recall_at_k(embedding, label).item() == 0.25  # only item 2 meets a mate first: all others meet another class


def test_nothing_to_find_and_nan():
    embedding, _ = drawn(4)
    assert recall_at_k(embedding, torch.arange(4)).isnan()
    assert map_at_r(embedding[:0], torch.arange(0)).isnan()
    embedding[1, 0] = torch.nan
    assert r_precision(embedding, torch.tensor([0, 0, 1, 1])).isnan()


def test_bad_input():
    embedding, label = drawn(4)
    with pytest.raises(InputError, match="k must"):
        recall_at_k(embedding, label, 0)
    with pytest.raises(InputError, match="one of them is missing"):
        recall_at_k(embedding, label, reference=embedding)
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        map_at_r(embedding, label, similarity="cosin")
    with pytest.raises(InputError, match="reference must be"):
        map_at_r(embedding, label, reference=embedding[:, 1:], reference_label=label)
    with pytest.raises(InputError, match="first and second"):
        alignment(embedding, embedding[1:])
    with pytest.raises(InputError, match="two items"):
        uniformity(embedding[:1])
