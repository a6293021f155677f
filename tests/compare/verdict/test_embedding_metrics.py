"""Measures of embeddings: those of the room of judges, and the course of one over the epochs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perdita.compare.verdict import embedding_metrics
from perdita.compare.verdict.metrics import METRICS, evaluate, primary_curve, primary_metric
from perdita.judge.retrieval import map_at_r, recall_at_k


def drawn(rows: int, seed: int = 0, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(rows) % classes
    return torch.randn(rows, 6, generator=generator) + torch.nn.functional.one_hot(label, 6), label


def test_values_are_those_of_the_judges() -> None:
    embedding, label = drawn(60)
    found = evaluate("embedding", embedding.double().numpy(), label.numpy())
    assert list(found) == [metric.name for metric in METRICS["embedding"]]
    assert found["map_at_r"] == pytest.approx(map_at_r(embedding, label).item())
    assert found["recall_at_1"] == pytest.approx(recall_at_k(embedding, label).item())
    assert 0 < found["nmi"] < 1
    assert 0 < found["tar_at_far_1"] < 1


def test_apart_is_perfect_and_nothing_to_find_is_nan() -> None:
    label = np.arange(40) % 4
    found = evaluate("embedding", np.eye(4)[label], label)
    assert set(found.values()) == {1.0}
    alone = evaluate("embedding", np.random.default_rng(0).normal(size=(5, 3)), np.arange(5))
    assert np.isnan(alone["map_at_r"])
    assert np.isnan(alone["tar_at_far_1"])
    assert set(map(str, evaluate("embedding", np.full((4, 2), np.inf), np.zeros(4)).values())) == {"nan"}


def test_a_course_leaves_out_padding_and_looks_at_some_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    (first, label), (second, _) = drawn(50), drawn(50, seed=1)
    outputs = torch.stack([torch.stack([first, second]), torch.stack([second, first])])  # (arms, seeds, n, d)
    shorter = label.clone()
    shorter[30:] = -1
    found = primary_curve("map_at_r", "embedding", outputs, torch.stack([label, shorter]))
    assert found[0, 0] == pytest.approx(map_at_r(first, label).item())
    assert found[1, 1] == pytest.approx(map_at_r(first[:30], label[:30]).item())
    broken = outputs.clone()
    broken[0, 0, 3] = torch.nan
    course = primary_curve("map_at_r", "embedding", broken, torch.stack([label, shorter]))
    assert course.isnan().tolist() == [[True, False], [False, False]]
    monkeypatch.setattr(embedding_metrics, "FOLLOWED", 10)
    some = torch.linspace(0, 49, 10).round().long()
    course = primary_curve("map_at_r", "embedding", outputs, torch.stack([label, label]))
    assert course[0, 0] == pytest.approx(map_at_r(first[some], label[some]).item())


def test_recall_ranks_where_it_is_asked_for() -> None:
    assert primary_metric("embedding").name == "map_at_r"
    assert primary_metric("embedding", "recall_at_1").name == "recall_at_1"
