"""Metrics against values by hand, scikit-learn's and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from perdita.compare.spec import TASKS, Condition
from perdita.compare.verdict.class_metrics import reliability
from perdita.compare.verdict.metrics import METRICS, evaluate, primary_curve, primary_metric
from perdita.core.errors import InputError

PROBS = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.2, 0.6]])
TARGET = np.array([0, 1, 1, 2])


def logits(task, models=(), n=30, classes=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(*models, n, classes, generator=generator, dtype=torch.float64)
    if task == "regression":
        return outputs, torch.randn(*models[1:], n, classes, generator=generator, dtype=torch.float64)
    return outputs, torch.randint(classes, (*models[1:], n), generator=generator)


@pytest.mark.parametrize("task", TASKS)
def test_no_metric_passes_its_bounds_and_only_losses_have_a_lower_one_alone(task):
    for seed in range(5):
        outputs, target = logits(task, seed=seed)
        for metric in METRICS[task]:
            value = evaluate(task, outputs * 10**seed, target)[metric.name]
            assert metric.bounds[0] <= value <= metric.bounds[1], metric.name
            assert metric.higher_is_better or metric.bounds[0] == 0, metric.name
            assert not metric.higher_is_better or metric.bounds[1] == 1, metric.name


def test_every_metric_of_three_classes_by_hand():
    found = evaluate("multiclass", np.log(PROBS), TARGET)
    # predicted 0, 1, 0, 2; the third is wrong
    brier = [0.09 + 0.04 + 0.01, 0.01 + 0.16 + 0.09, 0.25 + 0.36 + 0.01, 0.04 + 0.04 + 0.16]
    expected = {
        "accuracy": 3 / 4,
        "balanced_accuracy": (1 + 1 / 2 + 1) / 3,
        "macro_f1": (2 / 3 + 2 / 3 + 1) / 3,
        "log_loss": -math.log(0.7 * 0.6 * 0.4 * 0.6) / 4,
        "brier": sum(brier) / 4,
        # bins (0.667, 0.733], (0.467, 0.533] and (0.533, 0.6] with two
        "ece": (0.3 + 0.5 + 2 * 0.4) / 4,
        "auc": (1 + 1 + 1) / 3,
    }
    assert found == pytest.approx(expected, abs=1e-12)
    assert list(found) == [metric.name for metric in METRICS["multiclass"]]


def test_levels_by_hand():
    found = evaluate("ordinal", np.log(PROBS), np.array([0, 1, 2, 2]))  # the third is two levels off
    cumulative = [0.3**2 + 0.1**2, 0.1**2 + 0.3**2, 0.5**2 + 0.9**2, 0.2**2 + 0.4**2]
    assert found["label_mae"] == pytest.approx(2 / 4)
    assert found["ranked_probability_score"] == pytest.approx(sum(cumulative) / 4)
    expected = peer.cohen_kappa_score([0, 1, 2, 2], [0, 1, 0, 2], weights="quadratic")
    assert found["quadratic_kappa"] == pytest.approx(expected)
    assert found["accuracy"] == 3 / 4
    assert list(found) == [metric.name for metric in METRICS["ordinal"]]


def test_one_level_only_has_no_kappa():
    assert math.isnan(evaluate("ordinal", np.log(PROBS[:1]), np.array([0]))["quadratic_kappa"])


def test_two_classes_by_hand_from_one_logit_or_two():
    probs, target = np.array([0.9, 0.4, 0.3, 0.2]), np.array([1, 1, 0, 0])
    logit = np.log(probs / (1 - probs))
    expected = {
        "accuracy": 3 / 4,
        "balanced_accuracy": 3 / 4,
        "macro_f1": (2 / 3 + 4 / 5) / 2,
        "log_loss": -math.log(0.9 * 0.4 * 0.7 * 0.8) / 4,
        "brier": (0.01 + 0.36 + 0.09 + 0.04) / 4,
        "ece": (0.1 + 0.6 + 0.3 + 0.2) / 4,  # confidence of the class that is chosen: 0.9, 0.6 (wrong), 0.7, 0.8
        "auc": 1.0,
    }
    two = np.stack([np.full(4, 5.0), logit + 5], axis=1)
    for outputs in (logit, logit[:, None], two):
        assert evaluate("binary", outputs, target) == pytest.approx(expected, abs=1e-12)


def test_numbers_by_hand_in_their_own_units():
    outputs, target = np.array([[1.0], [2.0], [4.0], [9.0]]), np.array([1.0, 4.0, 3.0, 8.0])
    # target minus output: 0, 2, -1, -1
    expected = {
        "rmse": math.sqrt(6 / 4),
        "mae": 1.0,
        "r2": 1 - 6 / (9 + 0 + 1 + 16),
        "pinball_10": (0.1 * 2 + 0.9 * 2) / 4,
        "pinball_90": (0.9 * 2 + 0.1 * 2) / 4,
    }
    assert evaluate("regression", outputs, target) == pytest.approx(expected)


def test_metrics_of_several_targets_are_means_over_the_targets():
    outputs, target = logits("regression", n=20, classes=3)
    each = [evaluate("regression", outputs[:, k], target[:, k]) for k in range(3)]
    mean = {name: sum(one[name] for one in each) / 3 for name in each[0]}
    assert evaluate("regression", outputs, target) == pytest.approx(mean)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("ties", [False, True])
def test_against_scikit_learn(classes, ties):
    outputs, target = logits("multiclass", n=200, classes=classes)
    outputs = outputs[torch.arange(200) % 17] if ties else outputs
    probs = outputs.softmax(1).numpy()
    found = evaluate("multiclass", outputs, target)
    assert found["log_loss"] == pytest.approx(peer.log_loss(target, probs, labels=range(classes)))
    area = peer.roc_auc_score(target, probs[:, 1] if classes == 2 else probs, multi_class="ovr", labels=range(classes))
    assert found["auc"] == pytest.approx(area)
    assert found["macro_f1"] == pytest.approx(peer.f1_score(target, probs.argmax(1), average="macro"))
    assert found["accuracy"] == peer.accuracy_score(target, probs.argmax(1))
    assert found["balanced_accuracy"] == pytest.approx(peer.balanced_accuracy_score(target, probs.argmax(1)))


def test_calibration_at_the_edges_of_the_bins():
    rows = reliability(np.array([1.0, 1.0, 0.0]), np.array([1, 0, 0]))
    assert rows[14] == pytest.approx([1.0, 2 / 3, 1.0])  # a confidence of exactly 1 is in the last bin
    assert all(row[2] == 0 for row in rows[:14])
    edge = reliability(np.array([[0.2] * 5, [0.2] * 5]), np.array([0, 1]))
    assert edge[2] == pytest.approx([0.2, 0.5, 1.0])  # 3 / 15 closes the third bin
    above = np.nextafter(0.6, 1)
    assert reliability(np.array([0.6]), np.array([1]))[8][2] == 1
    assert reliability(np.array([above]), np.array([1]))[9][2] == 1
    zero = reliability(np.zeros((1, 3)), np.array([0]))
    assert zero[0] == [0.0, 1.0, 1.0]
    assert reliability(np.array([1.0]), np.array([1]), bins=1) == [[1.0, 1.0, 1.0]]


def test_calibration_error_at_certain_predictions():
    certain = np.array([[800.0, 0.0], [800.0, 0.0], [0.0, 800.0], [0.0, 800.0]])
    assert evaluate("binary", certain, np.array([0, 0, 1, 1]))["ece"] == 0.0
    assert evaluate("binary", certain, np.array([0, 1, 1, 0]))["ece"] == 0.5
    assert evaluate("binary", np.zeros((4, 2)), np.array([0, 0, 1, 1]))["ece"] == 0.0


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 50), classes=st.integers(2, 6), bins=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_reliability_accounts_for_every_prediction(n, classes, bins, seed):
    outputs, target = logits("multiclass", n=n, classes=classes, seed=seed)
    probs = outputs.softmax(1)
    rows = np.array(reliability(probs, target, bins))
    assert rows.shape == (bins, 3)
    assert rows[:, 2].sum() == pytest.approx(1)
    confidence, predicted = probs.max(1)
    assert (rows[:, 0] * rows[:, 2]).sum() == pytest.approx(confidence.mean().item())
    assert (rows[:, 1] * rows[:, 2]).sum() == pytest.approx((predicted == target).double().mean().item())
    filled = rows[:, 2] > 0
    assert (np.ceil(rows[filled, 0] * bins - 1e-9) == np.flatnonzero(filled) + 1).all()


def test_extreme_logits_have_exact_losses():
    found = evaluate("multiclass", np.array([[1e4, 0.0, 0.0], [0.0, 1e4, 0.0]]), np.array([0, 0]))
    assert found["log_loss"] == 5e3
    assert found["brier"] == 1.0


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_outputs_that_are_not_finite_have_no_metrics(task, bad):
    outputs, target = logits(task, classes=2)
    outputs[3, 1] = bad
    found = evaluate(task, outputs, target)
    assert list(found) == [metric.name for metric in METRICS[task]]
    assert all(math.isnan(value) for value in found.values())


def test_what_the_targets_do_not_define_is_nan_without_a_warning():
    one_class = evaluate("multiclass", np.log(PROBS), np.zeros(4, dtype=int))
    assert math.isnan(one_class["auc"])
    assert one_class["accuracy"] == one_class["balanced_accuracy"] == 0.5
    assert one_class["macro_f1"] == pytest.approx((2 / 3 + 0 + 0) / 3)  # guessed 0, 1, 0, 2
    two_of_three = evaluate("multiclass", np.log(PROBS), np.array([0, 1, 0, 1]))
    assert two_of_three["auc"] == pytest.approx((1 + 0.75) / 2)
    assert math.isnan(evaluate("regression", np.ones((1, 1)), np.ones(1))["r2"])


@pytest.mark.parametrize(("task", "name"), [(task, metric.name) for task in TASKS for metric in METRICS[task]])
@pytest.mark.parametrize("outputs_each", [1, 2, 4])
def test_a_curve_is_what_evaluate_gives_for_each_model(task, name, outputs_each):
    if task in ("multiclass", "embedding") and outputs_each == 1:
        outputs_each = 3
    outputs, target = logits(task, (3, 2), classes=outputs_each)
    if task == "binary":
        target = (
            target if outputs_each > 1 else torch.randint(2, target.shape, generator=torch.Generator().manual_seed(1))
        )
    if task == "regression" and outputs_each == 1:
        target = target.squeeze(-1)
    outputs[2, 1, 0, 0] = math.nan
    curve = primary_curve(name, task, outputs, target)
    assert curve.shape == (3, 2)
    expected = [[evaluate(task, outputs[a, s], target[s])[name] for s in range(2)] for a in range(3)]
    np.testing.assert_allclose(curve, expected, rtol=1e-9, equal_nan=True)
    assert curve.isnan().sum() == 1


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "pinball_90"])
def test_a_curve_in_the_targets_own_units(name):
    outputs, target = logits("regression", (3, 2), classes=2)
    scale = torch.tensor([[2.0, 10.0], [0.5, 3.0]], dtype=torch.float64)
    curve = primary_curve(name, "regression", outputs, target, scale)
    expected = [
        [evaluate("regression", outputs[a, s] * scale[s], target[s] * scale[s])[name] for s in range(2)]
        for a in range(3)
    ]
    np.testing.assert_allclose(curve, expected, rtol=1e-9)


def test_balanced_accuracy_of_a_curve_leaves_absent_classes_out():
    outputs = torch.tensor([[5.0, 0, 0], [0, 5, 0], [5, 0, 0]])
    target = torch.tensor([0, 1, 1])
    assert primary_curve("balanced_accuracy", "multiclass", outputs, target).item() == pytest.approx(0.75)


def test_the_primary_metric_is_known_before_the_run():
    assert primary_metric("multiclass").name == "accuracy"
    assert primary_metric("regression").name == "rmse"
    assert primary_metric("regression", "mae").name == "mae"
    uneven = (Condition(), Condition("imbalance", 10.0))
    assert primary_metric("binary", conditions=uneven).name == "balanced_accuracy"
    assert primary_metric("binary", "log_loss", uneven).name == "log_loss"
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        primary_metric("binary", "acuracy")
