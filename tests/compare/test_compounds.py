"""Compounds as arms of a comparison: from a file to the course of their weights in the report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import perdita
from perdita.compare import arms
from perdita.compare.run import compare
from perdita.compare.spec import LossSpec, Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import factory
from perdita.compound import build

YAML = """
plain: {loss: cross_entropy}
learned:
  terms: {ce: cross_entropy, brier: brier}
  weights: uncertainty
scheduled:
  terms:
    ce: cross_entropy
    gce: {criterion: generalized_cross_entropy, weight: 2.0, schedule: cosine}
fixed:
  terms: {ce: cross_entropy, brier: brier}
  weights: {ce: 1.0, brier: 0.5}
sum:
  sum:
    - {name: ce, weight: 1.0, criterion: {loss: cross_entropy}}
    - {name: brier, weight: 0.5, criterion: {loss: brier}}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("compounds")
    (folder / "losses.yaml").write_text(YAML)
    return compare(
        data="iris",
        losses=str(folder / "losses.yaml"),
        baseline="cross_entropy",
        seeds=2,
        epochs=4,
        workers=1,
        out=folder,
    )


def courses(found, loss: str) -> list[dict[str, list[float]]]:
    return [run.weights for run in found.runs if run.loss == loss]


def test_weights_of_each_kind_have_their_course(found) -> None:
    for course in courses(found, "fixed"):
        assert course == {"ce": [1.0] * 4, "brier": [0.5] * 4}
    for course in courses(found, "scheduled"):
        assert course["ce"] == [1.0] * 4
        assert course["gce"] == sorted(course["gce"], reverse=True)
        assert course["gce"][0] <= 2.0
        assert course["gce"][0] > 2 * course["gce"][-1] > 0
    first, second = courses(found, "learned")
    assert len(set(first["ce"])) == 4
    assert first != second  # each seed learns its own
    assert courses(found, "plain") == courses(found, "sum") == [{}, {}]


def test_fixed_weights_train_as_the_sum_does(found) -> None:
    outcomes = {loss: [run.metrics for run in found.runs if run.loss == loss] for loss in ("fixed", "sum")}
    for ours, theirs in zip(outcomes["fixed"], outcomes["sum"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_the_report_draws_them(found) -> None:
    text = found.report_path.read_text()
    assert '<section id="weights"' in text
    for line in ("learned: ce", "scheduled: gce", "fixed: brier"):
        assert f'"name":"{line}"' in text


def test_a_report_without_compounds_has_no_such_section(tmp_path: Path) -> None:
    plain = compare(data="iris", losses="cross_entropy", seeds=2, epochs=1, workers=1, out=tmp_path)
    assert '<section id="weights"' not in plain.report_path.read_text()


def test_learned_weights_are_those_of_a_loop_written_out() -> None:
    config = {"terms": {"ce": "cross_entropy", "brier": "brier"}, "weights": "uncertainty"}
    torch.manual_seed(1)
    features, target = torch.randn(30, 4), torch.randint(3, (30,))
    make = factory("mlp", (8,))
    training = Training(epochs=3, batch_size=10, weight_decay=0.1)
    linked = arms.criterion(LossSpec("c", json.dumps(config)), "multiclass", 9, 3)
    trained = train_together({"c": linked}, lambda: make((4,), 3), [Fold(features, target)], training, [5])

    torch.manual_seed(5)
    model, compound = make((4,), 3), build(config, steps=9, steps_per_epoch=3)
    groups = [{"params": list(model.parameters())}, {"params": list(compound.parameters()), "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, weight_decay=0.1)
    order, course = torch.Generator().manual_seed(5), []
    for epoch in range(3):
        seen = []
        for batch, chosen in enumerate(torch.randperm(30, generator=order).split(10)):
            rate = training.learning_rate * (1 + math.cos(math.pi * (3 * epoch + batch) / 9)) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            scored = compound.score(model(features[chosen]), target[chosen])
            scored.total.backward()
            optimizer.step()
            seen.append(compound.step(scored).weights["ce"].item())
        course.append(sum(seen) / 3)
    assert trained.weights["c"]["ce"][0].tolist() == pytest.approx(course, rel=1e-5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"terms": {"ce": "cross_entropy", "mse": "mse"}}, "mse is a loss for the task regression"),
        (
            {"terms": {"ce": "cross_entropy", "f": "focal"}, "weights": "gradnorm"},
            "gradnorm needs each term's gradients",
        ),
        ({"terms": {"ce": "cross_entropy"}, "weights": "uncertainti"}, "uncertainti"),
        ({"terms": {"ce": "cross_entropy"}, "wieghts": {}}, "wieghts"),
    ],
)
def test_what_a_comparison_cannot_train_is_named(config: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(perdita.InputError, match=message):
        compare(data="iris", losses={"mine": config}, seeds=2, epochs=1, workers=1, out=tmp_path)
