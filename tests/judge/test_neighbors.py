"""Neighbours against sorted lists, and an index of FAISS against both."""

import importlib.util

import pytest
import torch

import perdita
from perdita.judge import neighbors
from perdita.judge.neighbors import nearest_neighbors
from perdita.judge.retrieval import recall_at_k

WITH_FAISS = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="FAISS is not installed")
SCORES = {
    "cosine": lambda x, y: float(x @ y / x.norm() / y.norm()),
    "dot": lambda x, y: float(x @ y),
    "euclidean": lambda x, y: -float((x - y).norm()),
}


def drawn(rows=50, seed=0, classes=5):
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(classes, (rows,), generator=generator)
    return torch.randn(rows, 4, generator=generator) + 0.5 * label.unsqueeze(1), label


def by_query(embedding, k, reference, similarity):
    searched = embedding if reference is None else reference
    found = []
    for i, x in enumerate(embedding):
        places = [j for j in range(len(searched)) if not (reference is None and i == j)]
        places.sort(key=lambda j, x=x: -SCORES[similarity](x, searched[j]))
        found.append(places[:k])
    return found


@pytest.mark.parametrize("index", [None, pytest.param("Flat", marks=WITH_FAISS)])
@pytest.mark.parametrize("itself", [True, False])
@pytest.mark.parametrize("similarity", SCORES)
def test_equals_sorted_lists(similarity, itself, index, monkeypatch):
    monkeypatch.setattr(neighbors, "PLACES", 300)  # several blocks
    (embedding, _), reference = drawn(), None if itself else drawn(30, seed=1)[0]
    found = nearest_neighbors(embedding, 6, reference=reference, similarity=similarity, index=index)
    assert found.tolist() == by_query(embedding, 6, reference, similarity)


def test_a_function_and_ties():
    points = torch.tensor([[0.0], [1.0], [1.0], [2.0]])
    found = nearest_neighbors(points, 3, similarity=lambda x, y: -(x - y.T).abs())
    assert found.tolist() == [[1, 2, 3], [2, 0, 3], [1, 0, 3], [1, 2, 0]]


@WITH_FAISS
@pytest.mark.parametrize("itself", [True, False])
def test_recall_by_an_index_is_the_exact_one(itself):
    embedding, label = drawn(80)
    label = torch.cat([label[:-1], torch.tensor([99])])  # the last has nothing to find
    named = {} if itself else dict(zip(("reference", "reference_label"), drawn(40, seed=1), strict=True))
    for k in (1, 3):
        exact = recall_at_k(embedding, label, k, **named)
        assert recall_at_k(embedding, label, k, index="Flat", **named) == exact
    broken = embedding.clone()
    broken[3] = torch.nan
    assert recall_at_k(broken, label, index="Flat", **named).isnan()


@WITH_FAISS
def test_an_index_that_is_trained_finds_most():
    embedding, label = drawn(600)
    exact, found = recall_at_k(embedding, label), recall_at_k(embedding, label, index="IVF8,Flat")
    assert 0.5 * exact < found <= exact + 0.05
    with pytest.raises(perdita.InputError, match="FAISS cannot make the index 'nonsense'"):
        nearest_neighbors(embedding, 1, index="nonsense")
    with pytest.raises(perdita.InputError, match="a similarity by name"):
        nearest_neighbors(embedding, 1, index="Flat", similarity=lambda x, y: x @ y.T)


@pytest.mark.skipif(importlib.util.find_spec("faiss") is not None, reason="FAISS is installed")
def test_an_index_without_faiss_names_the_extra():
    with pytest.raises(perdita.core.MissingExtraError, match=r"perdita\[search\]"):
        nearest_neighbors(drawn()[0], 1, index="Flat")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be from 1 to 49"),
        ({"k": 50}, "k must be from 1 to 49"),
        ({"k": 1, "reference": torch.zeros(3, 5)}, "must be"),
        ({"k": 1, "similarity": "cosin"}, "did you mean 'cosine'"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(perdita.InputError, match=message):
        nearest_neighbors(drawn()[0], **options)
