import math

import numpy as np
import pytest

from perdita.compare.spec import Metric, Run
from perdita.compare.verdict.conclusion import conclude, listed, number, p_text
from perdita.compare.verdict.statistics import analyse

ACCURACY = Metric("accuracy", True, "Accuracy")
RMSE = Metric("rmse", False, "RMSE")


def _say(conditions, primary=ACCURACY, baseline="ce", dataset="digits"):
    """The sentence about {condition: {loss: scores}}, None for a failed run."""
    runs = [
        Run(loss, condition, 0, seed, {primary.name: math.nan if score is None else score}, {}, sizes=(60, 20, 20))
        for condition, scores in conditions.items()
        for loss, own in scores.items()
        for seed, score in enumerate(own)
    ]
    rows, standings = analyse(runs, primary=primary, metrics=(primary,), baseline=baseline, folds=0)
    return conclude(rows, standings, primary, baseline, dataset)


def _scores(means, spread=0.001, count=6):
    rng = np.random.default_rng(0)
    return {loss: list(mean + rng.normal(0, spread, count)) for loss, mean in means.items()}


def test_clear_winner():
    said = _say({"clean": _scores({"ce": 0.90, "focal": 0.95, "mae": 0.8})})
    assert said == (
        "On digits, focal has the highest accuracy (0.950) and can be told apart from every one of the other 2 losses; "
        "it is 0.050 above the baseline ce."
    )


def test_clear_winner_where_lower_is_better():
    said = _say({"clean": _scores({"mse": 60.0, "huber": 50.0})}, RMSE, "mse", dataset="")
    assert said == (
        "huber has the lowest RMSE (50.00) and can be told apart from the other loss, mse; "
        "it is 10.00 below the baseline mse."
    )


def test_baseline_best():
    said = _say({"clean": _scores({"ce": 0.95, "focal": 0.90, "mae": 0.8})})
    assert said == (
        "On digits, the baseline ce has the highest accuracy (0.950) and can be told apart from "
        "every one of the other 2 losses."
    )


def test_group_with_and_without_the_baseline():
    noisy = {"a": [0.95, 0.93, 0.96, 0.94], "b": [0.94, 0.95, 0.93, 0.95], "c": [0.93, 0.95, 0.94, 0.95]}
    far = [0.5, 0.51, 0.5, 0.52]
    near = [0.94, 0.94, 0.95, 0.93]
    assert _say({"clean": {"ce": far, **noisy}}) == (
        "On digits, a has the highest accuracy (0.945), but it cannot be told apart from b and c; "
        "the baseline ce is not within this group."
    )
    assert _say({"clean": {"ce": near, "far": far, **noisy}}) == (
        "On digits, a has the highest accuracy (0.945), but it cannot be told apart from b, c and ce; "
        "the baseline ce is within this group."
    )
    assert _say({"clean": {"ce": [0.96, 0.94, 0.96, 0.94], "far": far, **noisy}}) == (
        "On digits, the baseline ce has the highest accuracy (0.950), but it cannot be told apart from a, b and c."
    )


def test_nothing_can_be_told_apart():
    noisy = {"ce": [0.95, 0.93, 0.96], "a": [0.94, 0.95, 0.94], "b": [0.93, 0.95, 0.94]}
    assert _say({"clean": noisy}) == (
        "On digits, the baseline ce has the highest accuracy (0.947), but it cannot be told apart from "
        "any of the other 2 losses."
    )
    del noisy["b"]
    assert _say({"clean": noisy}).endswith("cannot be told apart from the other loss, a.")


def test_single_seed():
    said = _say({"clean": {"ce": [0.9], "focal": [0.95]}})
    assert said == (
        "On digits, focal has the highest accuracy (0.950), but a single run of each loss cannot tell which is better."
    )


def test_a_loss_alone():
    assert _say({"clean": {"ce": [0.9, 0.8]}}) == "On digits, ce was compared with nothing; its accuracy is 0.850."


def test_failures():
    scores = _scores({"ce": 0.90, "focal": 0.95, "mae": 0.8})
    scores["mae"][1] = None
    assert _say({"clean": scores}) == (
        "On digits, focal has the highest accuracy (0.950) and can be told apart from the other loss, ce; "
        "it is 0.050 above the baseline ce; mae failed in 1 of 6 runs."
    )
    scores["ce"] = [None] * 6
    assert _say({"clean": scores}) == (
        "On digits, focal has the highest accuracy (0.950), and no other loss came through as many of its runs; "
        "mae and ce failed in some or all of their runs."
    )
    scores["focal"] = scores["mae"] = [None] * 6
    assert _say({"clean": scores}) == "On digits, no loss has a result: every run failed."


def test_conditions_that_agree():
    clear = _scores({"ce": 0.90, "focal": 0.95, "mae": 0.8})
    assert _say({"clean": clear, "noise=0.3": clear}) == (
        "On digits, focal has the highest accuracy under both conditions, "
        "and can be told apart from every other loss under each of them."
    )
    tied = {"ce": [0.5, 0.51, 0.5], "focal": [0.95, 0.94, 0.96], "mae": [0.94, 0.96, 0.94]}
    assert _say({"clean": tied, "noise=0.3": tied}) == (
        "On digits, focal has the highest accuracy under both conditions, but cannot be told apart from mae "
        "under any of them; the baseline ce is in the best group under none of them."
    )
    assert _say({"clean": clear, "noise=0.3": tied}) == (
        "On digits, focal has the highest accuracy under both conditions, but can be told apart from every other loss "
        "only under clean; the baseline ce is in the best group under none of them."
    )
    other = {"ce": tied["mae"], "focal": tied["focal"], "mae": tied["ce"]}
    assert _say({"clean": tied, "noise=0.3": other}) == (
        "On digits, focal has the highest accuracy under both conditions, but under each of them there are losses "
        "that cannot be told apart from it; the baseline ce is in the best group under noise=0.3."
    )


def test_conditions_that_disagree():
    one = _scores({"ce": 0.90, "focal": 0.95, "mae": 0.8})
    two = _scores({"ce": 0.80, "focal": 0.6, "mae": 0.9})
    assert _say({"clean": one, "noise=0.3": two, "noise=0.5": two}) == (
        "On digits, which loss has the highest accuracy depends on the condition (focal under clean; "
        "mae under noise=0.3 and noise=0.5), and no loss belongs to the best group under all of them."
    )
    tied = {"ce": [0.5, 0.51, 0.5], "focal": [0.94, 0.95, 0.94], "mae": [0.94, 0.96, 0.95]}
    assert _say({"clean": one, "noise=0.3": tied}) == (
        "On digits, which loss has the highest accuracy depends on the condition (focal under clean; "
        "mae under noise=0.3), but focal belongs to the best group under all of them; "
        "the baseline ce is in the best group under none of them."
    )
    assert "a single run" in _say({"a": {"ce": [0.1], "x": [0.2]}, "b": {"ce": [0.2], "x": [0.1]}})


def test_a_condition_without_results():
    clear = _scores({"ce": 0.90, "focal": 0.95})
    lost = {"ce": [None] * 6, "focal": [None] * 6}
    said = _say({"clean": clear, "noise=0.3": lost})
    assert said == (
        "On digits, under clean, focal has the highest accuracy (0.950) and can be told apart from the other loss, ce; "
        "it is 0.050 above the baseline ce; under noise=0.3 every run failed."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98123, "0.981"), (-0.5, "-0.500"), (54.321, "54.32"), (543.21, "543.2"), (54321.0, "54,321"), (0.0, "0.000"),
        (0.00042, "0.00042"), (12345678.0, "1.23e+07"), (math.nan, "—"), (math.inf, "—"),
    ],
)  # fmt: skip
def test_number(value, text):
    assert number(value) == text


def test_p_text_and_listed():
    assert [p_text(p) for p in (None, 0.0, 0.0123, 0.5, 1.0)] == ["—", "<0.001", "0.012", "0.50", "1.00"]
    names = "abcdef"
    assert [listed(names[:n]) for n in (1, 2, 3, 4, 6)] == [
        "a",
        "a and b",
        "a, b and c",
        "a, b and 2 more",
        "a, b and 4 more",
    ]
