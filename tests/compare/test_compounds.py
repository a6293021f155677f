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
from perdita.compound import build, gramian

YAML = """
plain: {loss: cross_entropy}
learned:
  terms: {ce: cross_entropy, brier: brier}
  weights: uncertainty
scheduled:
  terms:
    ce: cross_entropy
    gce: {criterion: generalized_cross_entropy, weight: 2.0, schedule: cosine}
balanced:
  terms: {ce: cross_entropy, brier: brier}
  weights: igb_v1
  balance: {method: pcgrad, seed: 3}
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


def test_terms_are_looked_at_once_in_an_epoch(found) -> None:
    for loss in ("learned", "balanced"):
        for run in (run for run in found.runs if run.loss == loss):
            assert run.balance["steps"] == [1, 3, 5, 7]  # two batches in an epoch
            assert run.balance["loss"]["ce"][0] > run.balance["loss"]["ce"][-1]
            assert all(norm > 0 for norm in run.balance["gradient_norm"]["brier"])
            assert all(-1 <= cosine <= 1.0001 for cosine in run.balance["cosine"]["brier, ce"])
    assert all(run.balance == {} for run in found.runs if run.loss == "plain")


def test_fixed_weights_train_as_the_sum_does(found) -> None:
    outcomes = {loss: [run.metrics for run in found.runs if run.loss == loss] for loss in ("fixed", "sum")}
    for ours, theirs in zip(outcomes["fixed"], outcomes["sum"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)


def test_the_report_draws_them(found) -> None:
    text = found.report_path.read_text()
    assert '<section id="weights"' in text
    assert '<section id="balance"' in text
    for line in ("balanced: ce", "balanced: brier, ce", "learned: ce", "scheduled: gce", "fixed: brier"):
        assert f'"name":"{line}"' in text


def test_a_report_without_compounds_has_no_such_section(tmp_path: Path) -> None:
    plain = compare(data="iris", losses="cross_entropy", seeds=2, epochs=1, workers=1, out=tmp_path)
    assert not any(f'<section id="{name}"' in plain.report_path.read_text() for name in ("weights", "balance"))


TERMS = {"ce": "cross_entropy", "gce": "generalized_cross_entropy"}
COMPOUNDS = {
    "learned": {"terms": {"ce": "cross_entropy", "brier": "brier"}, "weights": "uncertainty"},
    "pcgrad": {"terms": TERMS, "balance": {"method": "pcgrad", "seed": 4}},
    "balanced igb": {"terms": TERMS, "weights": "igb_v1", "balance": "upgrad"},
    "balanced agent": {"terms": TERMS, "weights": {"method": "igb_v2", "start_epoch": 1}, "balance": "nash_mtl"},
    "balanced uncertainty": {"terms": TERMS, "weights": "uncertainty", "balance": "mgda"},
    "balanced schedule": {
        "terms": {**TERMS, "brier": {"criterion": "brier", "schedule": "cosine"}},
        "balance": {"method": "aligned_mtl", "scale": "rmse"},
    },
    "gradnorm": {"terms": TERMS, "weights": "gradnorm"},
    "balanced gradnorm": {"terms": TERMS, "weights": "gradnorm", "balance": "imtl_g"},
    "nested": {"terms": {"ce": "cross_entropy", "soft": {"terms": {"f": "focal", "b": "brier"}, "weights": "famo"}},
               "balance": "cagrad"},
}  # fmt: skip
SEEDS = (5, 6)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(30, 4, generator=generator), torch.randint(3, (30,), generator=generator)


def together(config: dict, seeds: tuple[int, ...], stacked: bool = True):
    make = factory("mlp", (8,))
    training = Training(epochs=3, batch_size=10, weight_decay=0.1)
    linked = arms.criterion(LossSpec("c", json.dumps(config)), "multiclass", 9, 3)
    folds = [Fold(*data(), {"all": data()[0]}) for _ in seeds]
    return train_together({"c": linked}, lambda: make((4,), 3), folds, training, seeds, stacked=stacked)


def written_out(config: dict, seed: int) -> tuple[torch.Tensor, list[float]]:
    """One seed's outputs and the course of the weight of "ce", by the loop that a user would write."""
    features, target = data()
    torch.manual_seed(seed)
    model, compound = factory("mlp", (8,))((4,), 3), build(config, steps=9, steps_per_epoch=3)
    for part in compound.modules():
        if getattr(part, "generator", None) is not None:
            part.generator.manual_seed(part.seed + seed + 1 if hasattr(part, "seed") else seed + 1)
    rate = Training().learning_rate
    groups = [{"params": list(model.parameters())}, {"params": list(compound.parameters()), "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=0.1)
    order, course = torch.Generator().manual_seed(seed), []
    for epoch in range(3):
        seen = []
        for batch, chosen in enumerate(torch.randperm(30, generator=order).split(10)):
            for group in optimizer.param_groups:
                group["lr"] = rate * (1 + math.cos(math.pi * (3 * epoch + batch) / 9)) / 2
            optimizer.zero_grad()
            outputs = model(features[chosen])
            scored = compound.score(outputs, target[chosen])
            gram = gramian(scored.losses, outputs)
            compound.backward(scored, features=outputs)
            optimizer.step()
            seen.append(compound.step(scored, gram=gram).weights["ce"].item())
        course.append(sum(seen) / 3)
    return model(features), course


@pytest.mark.parametrize("name", list(COMPOUNDS))
def test_seeds_train_apart_as_a_loop_written_out(name: str) -> None:
    trained = together(COMPOUNDS[name], SEEDS)
    for place, seed in enumerate(SEEDS):
        outputs, course = written_out(COMPOUNDS[name], seed)
        torch.testing.assert_close(trained.outputs["all"][0, place], outputs, rtol=1e-3, atol=1e-4)
        assert trained.weights["c"]["ce"][place].tolist() == pytest.approx(course, rel=1e-3)


@pytest.mark.parametrize("name", ["pcgrad", "balanced uncertainty"])
def test_a_model_that_cannot_be_stacked_trains_alike(name: str) -> None:
    stacked, single = (together(COMPOUNDS[name], SEEDS, stacked=stacked) for stacked in (True, False))
    torch.testing.assert_close(stacked.outputs["all"], single.outputs["all"], rtol=1e-3, atol=1e-4)
    assert [list(report) for report in stacked.balance["c"]] == [list(report) for report in single.balance["c"]]
    assert stacked.failures == single.failures == {"c": ["", ""]}


def test_balancing_does_change_what_is_learned() -> None:
    plain, balanced = (together({"terms": TERMS, **more}, (5,)) for more in ({}, {"balance": "mgda"}))
    assert (plain.outputs["all"] - balanced.outputs["all"]).abs().max() > 1e-3


@pytest.mark.parametrize("balance", [{}, {"balance": "upgrad"}])
def test_a_seed_that_fails_says_why_and_leaves_the_others_alone(balance: dict) -> None:
    config = {"terms": TERMS, **balance}
    make = factory("mlp", (8,))
    training = Training(epochs=3, batch_size=10)
    linked = arms.criterion(LossSpec("c", json.dumps(config)), "multiclass", 9, 3)
    features, target = data()
    broken = features.clone()
    broken[torch.randperm(30, generator=torch.Generator().manual_seed(5))[-1]] = math.inf  # met in the third batch
    folds = [Fold(broken, target, {"all": features}), Fold(features, target, {"all": features})]
    trained = train_together({"c": linked}, lambda: make((4,), 3), folds, training, SEEDS)
    assert "term 'ce' at step 2: logits must be finite" in trained.failures["c"][0]
    assert trained.failures["c"][1] == ""
    assert not trained.outputs["all"][0, 0].isfinite().any()
    assert trained.outputs["all"][0, 1].isfinite().all()
    assert trained.weights["c"]["ce"][0].isnan().any()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"terms": {"ce": "cross_entropy", "mse": "mse"}}, "mse is a loss for the task regression"),
        (
            {"terms": {"ce": "cross_entropy", "in": {"terms": TERMS, "weights": "gradnorm"}}},
            "gradnorm needs each term's gradients: only the outermost compound gets",
        ),
        ({"terms": {"ce": "cross_entropy", "in": {"terms": TERMS, "balance": "mgda"}}}, "'in' .* balances gradients"),
        ({"terms": TERMS, "balance": "pcgard"}, "unknown balancer 'pcgard'; did you mean 'pcgrad'"),
        ({"terms": TERMS, "balance": {"method": "upgrad", "c": 1}}, "balancer upgrad: .*'c'"),
        ({"terms": TERMS, "balance": {"seed": 1}}, "balance must have a method"),
        ({"terms": {"ce": "cross_entropy"}, "weights": "uncertainti"}, "uncertainti"),
        ({"terms": {"ce": "cross_entropy"}, "wieghts": {}}, "wieghts"),
    ],
)
def test_what_a_comparison_cannot_train_is_named(config: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(perdita.InputError, match=message):
        compare(data="iris", losses={"mine": config}, seeds=2, epochs=1, workers=1, out=tmp_path)
