import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from perdita.compare.spec import Metric, Run
from perdita.compare.verdict.significance import holm, paired_p
from perdita.compare.verdict.statistics import analyse
from perdita.core.errors import InputError

ACCURACY = Metric("accuracy", True, "Accuracy")
LOG_LOSS = Metric("log_loss", False, "Log-loss")
SIZES = (60, 20, 20)  # overlap 20 / 80
OVERLAP = 0.25


def _runs(scores, condition="clean", folds=0, sizes=SIZES):
    """Runs from {loss: accuracies}; None is a run that failed. With folds, scores run through a seed's folds."""
    return [
        Run(
            loss=loss,
            condition=condition,
            fold=place % folds if folds else 0,
            seed=place // folds if folds else place,
            metrics={name: math.nan if value is None else sign * value for name, sign in _METRICS.items()},
            validation={"accuracy": math.nan if value is None else value},
            seconds=1.0 + place,
            peak_bytes=100 + place,
            sizes=sizes,
            failed="" if value is not None else "the outputs are not finite",
        )
        for loss, values in scores.items()
        for place, value in enumerate(values)
    ]


_METRICS = {"accuracy": 1, "log_loss": -1}


def _analyse(runs, primary=ACCURACY, baseline="ce", folds=0, **options):
    rows, standings = analyse(
        runs, primary=primary, metrics=(ACCURACY, LOG_LOSS), baseline=baseline, folds=folds, **options
    )
    return {(row.condition, row.loss): row for row in rows}, rows, standings


def _three(count=8, seed=0):
    rng = np.random.default_rng(seed)
    split = rng.normal(0, 0.02, count)
    means = {"ce": 0.90, "focal": 0.91, "mae": 0.80}
    return {loss: list(mean + split + rng.normal(0, 0.01, count)) for loss, mean in means.items()}


def test_no_interval_passes_the_bounds_of_its_metric():
    accuracy, log_loss = replace(ACCURACY, bounds=(0.0, 1.0)), replace(LOG_LOSS, bounds=(-math.inf, -0.5))
    runs = _runs({"ce": [0.99, 0.6], "focal": [0.02, 0.5]})
    rows, _ = analyse(runs, primary=accuracy, metrics=(accuracy, log_loss), baseline="ce", folds=0)
    free, _ = analyse(runs, primary=ACCURACY, metrics=(ACCURACY, LOG_LOSS), baseline="ce", folds=0)
    assert all(row.metrics["accuracy"].high > 1 for row in free)
    assert free[1].difference.low < -1
    for row in rows:
        assert (row.metrics["accuracy"].low, row.metrics["accuracy"].high) == (0.0, 1.0)
        assert row.metrics["log_loss"].high == -0.5
    assert (rows[1].difference.low, rows[1].difference.high) == (-1.0, 1.0)
    assert [row.p_value for row in rows] == [row.p_value for row in free]


def test_rows_are_the_formulas():
    scores = _three()
    by_loss, rows, (standing,) = _analyse(_runs(scores))
    assert [(row.loss, row.rank) for row in rows] == [("focal", 1), ("ce", 2), ("mae", 3)]
    differences = {loss: np.subtract(scores[loss], scores["ce"]) for loss in ("focal", "mae")}
    expected = dict(zip(differences, holm([paired_p(d, OVERLAP) for d in differences.values()]), strict=True))
    for loss, d in differences.items():
        row = by_loss["clean", loss]
        reach = stats.t.ppf(0.975, 7) * math.sqrt((1 / 8 + OVERLAP) * d.var(ddof=1))
        assert row.difference is not None
        assert (row.difference.mean, row.difference.low, row.difference.high) == pytest.approx(
            (d.mean(), d.mean() - reach, d.mean() + reach)
        )
        assert row.p_value == pytest.approx(expected[loss])
        assert row.metrics["accuracy"].mean == pytest.approx(np.mean(scores[loss]))
        assert row.metrics["log_loss"].mean == pytest.approx(-np.mean(scores[loss]))
        assert (row.runs, row.failed, row.seconds, row.peak_bytes, row.note) == (8, 0, 4.5, 107, "")
    base = by_loss["clean", "ce"]
    assert base.difference is None
    assert base.p_value is None
    assert standing.best[0] == "focal"
    assert "mae" not in standing.best


def test_standing_is_the_textbook_friedman_and_nemenyi():
    scores = _three()
    _, _, (standing,) = _analyse(_runs(scores))
    assert standing.friedman_p == pytest.approx(stats.friedmanchisquare(*scores.values()).pvalue)
    ranks = stats.rankdata(-np.array(list(scores.values())), axis=0).mean(1)
    assert standing.mean_ranks == pytest.approx(dict(zip(scores, ranks, strict=True)))
    assert standing.critical_difference == pytest.approx(2.343 * math.sqrt(3 * 4 / (6 * 8)), abs=1e-3)
    pairs = [("ce", "focal"), ("ce", "mae"), ("focal", "mae")]
    corrected = holm([paired_p(np.subtract(scores[a], scores[b]), OVERLAP) for a, b in pairs])
    for (a, b), p in zip(pairs, corrected, strict=True):
        assert standing.pairwise_p[a][b] == standing.pairwise_p[b][a] == pytest.approx(p)
    assert "Nadeau" in standing.test
    assert "Holm" in standing.test


def test_lower_is_better_mirrors_higher_is_better():
    up, _, (above,) = _analyse(_runs(_three()), primary=ACCURACY)
    down, _, (below,) = _analyse(_runs(_three()), primary=LOG_LOSS)  # log-loss is minus accuracy here
    assert above.best == below.best
    assert above.mean_ranks == below.mean_ranks
    for key, row in up.items():
        assert (row.rank, row.p_value) == (down[key].rank, pytest.approx(down[key].p_value))
        if row.difference is not None:
            assert row.difference.mean == pytest.approx(-down[key].difference.mean)
            assert row.difference.low == pytest.approx(-down[key].difference.high)


def test_order_of_runs_changes_nothing():
    runs = _runs(_three())
    order = np.random.default_rng(2).permutation(len(runs))
    assert _analyse(runs)[1:] == _analyse([runs[i] for i in order])[1:]


def test_names_change_nothing_but_names():
    names = {"ce": "zz", "focal": "mm", "mae": "aa"}
    runs = _runs(_three())
    plain, _, (before,) = _analyse(runs)
    renamed, _, (after,) = _analyse([replace(run, loss=names[run.loss]) for run in runs], baseline="zz")
    assert tuple(names[loss] for loss in before.best) == after.best
    assert {names[loss]: rank for loss, rank in before.mean_ranks.items()} == after.mean_ranks
    for (condition, loss), row in plain.items():
        twin = renamed[condition, names[loss]]
        assert replace(twin, loss=loss) == row


def test_folds_use_their_own_overlap():
    scores = {"ce": [0.90, 0.92, 0.91, 0.93, 0.90, 0.94], "focal": [0.93, 0.93, 0.94, 0.94, 0.92, 0.95]}
    by_loss, _, _ = _analyse(_runs(scores, folds=3, sizes=(0, 0, 0)), folds=3)
    p = paired_p(np.subtract(scores["focal"], scores["ce"]), 1 / 2)
    assert by_loss["clean", "focal"].p_value == pytest.approx(p)


def test_a_condition_that_drops_training_rows_has_the_same_overlap():
    few = _runs(_three(seed=1), condition="few=5", sizes=(10, 20, 20))
    clean = _runs(_three())
    by_loss, _, standings = _analyse(clean + few)
    scores = _three(seed=1)
    expected = holm([paired_p(np.subtract(scores[loss], scores["ce"]), OVERLAP) for loss in ("focal", "mae")])
    assert by_loss["few=5", "focal"].p_value == pytest.approx(expected[0])
    assert [standing.condition for standing in standings] == ["clean", "few=5"]


def test_failed_runs():
    scores = _three()
    scores["focal"][2] = None  # the highest mean, but one run failed
    scores["mae"] = [None] * 8
    by_loss, rows, (standing,) = _analyse(_runs(scores))
    assert [(row.loss, row.rank, row.failed, row.runs) for row in rows] == [
        ("ce", 1, 0, 8), ("focal", 2, 1, 8), ("mae", 3, 8, 8),
    ]  # fmt: skip
    kept = [i for i in range(8) if i != 2]
    differences = np.array([scores["focal"][i] - scores["ce"][i] for i in kept])
    focal, mae = by_loss["clean", "focal"], by_loss["clean", "mae"]
    assert focal.p_value == pytest.approx(paired_p(differences, OVERLAP))  # mae has no test, so Holm has one p-value
    assert focal.difference is not None
    assert focal.difference.mean == pytest.approx(differences.mean())
    assert focal.metrics["accuracy"].mean == pytest.approx(np.mean([scores["focal"][i] for i in kept]))
    assert focal.note == "1 of 8 runs failed (the outputs are not finite)"
    assert mae.p_value is None
    assert mae.difference is not None
    assert math.isnan(mae.difference.mean)
    assert math.isnan(mae.metrics["accuracy"].mean)
    assert "8 of 8 runs failed" in mae.note
    assert standing.best == ("ce",)
    assert standing.mean_ranks["mae"] == pytest.approx((7 * 3 + 2.5) / 8)  # a tie with focal's failure in one block
    assert "mae" not in standing.pairwise_p["ce"]
    assert not any(math.isnan(p) for row in standing.pairwise_p.values() for p in row.values())
    assert standing.friedman_p is not None
    assert 0 <= standing.friedman_p <= 1


def test_a_metric_that_is_not_finite_is_a_failure_too():
    runs = _runs(_three())
    runs[0] = replace(runs[0], metrics={"accuracy": math.inf, "log_loss": 0.0})
    by_loss, _, _ = _analyse(runs)
    assert by_loss["clean", "ce"].failed == 1
    assert by_loss["clean", "ce"].note == "1 of 8 runs failed"


def test_every_run_failed():
    by_loss, rows, (standing,) = _analyse(_runs({"ce": [None] * 3, "focal": [None] * 3, "mae": [None] * 3}))
    assert standing.best == ()
    assert standing.friedman_p == 1.0
    assert {row.rank for row in rows} == {1}
    assert by_loss["clean", "focal"].p_value is None


def test_single_seed():
    by_loss, rows, (standing,) = _analyse(_runs({"ce": [0.9], "focal": [0.95], "mae": [0.8]}))
    focal = by_loss["clean", "focal"]
    assert focal.rank == 1
    assert focal.metrics["accuracy"].mean == 0.95
    assert math.isnan(focal.metrics["accuracy"].low)
    assert focal.difference is not None
    assert focal.difference.mean == pytest.approx(0.05)
    assert focal.p_value is None
    assert focal.note == "a single pair of runs with the baseline, so no test"
    assert standing.best == ("focal", "ce", "mae")
    assert standing.friedman_p is None
    assert standing.critical_difference is None
    assert standing.cliques == ()
    assert len(rows) == 3


def test_two_losses_have_no_friedman_test():
    scores = _three()
    del scores["mae"]
    _, _, (standing,) = _analyse(_runs(scores))
    assert standing.friedman_p is None
    assert standing.mean_ranks["ce"] + standing.mean_ranks["focal"] == pytest.approx(3)


def test_ties_and_identical_runs():
    scores = _three()
    scores["twin"] = list(scores["focal"])
    by_loss, _, (standing,) = _analyse(_runs(scores))
    focal, twin = by_loss["clean", "focal"], by_loss["clean", "twin"]
    assert focal.rank == twin.rank == 1
    assert focal.identical_to == ("twin",)
    assert twin.identical_to == ("focal",)
    assert "the same bits as twin in every run" in focal.note
    assert "the same bits" not in twin.note  # said once
    assert by_loss["clean", "ce"].identical_to == ()
    assert standing.pairwise_p["focal"]["twin"] == 1.0
    assert set(standing.best) >= {"focal", "twin"}


def test_other_validation_results_are_a_difference():
    runs = [replace(run, loss="twin") for run in _runs({"ce": [0.9, 0.8, 0.9]})]
    runs[1] = replace(runs[1], validation={"accuracy": 0.7})
    by_loss, _, _ = _analyse(runs + _runs({"ce": [0.9, 0.8, 0.9]}))
    assert by_loss["clean", "twin"].identical_to == ()


def test_one_bit_is_a_difference():
    scores = _three()
    scores["twin"] = list(scores["ce"])
    runs = _runs(scores)
    last = runs[-1]
    assert last.loss == "twin"
    runs[-1] = replace(last, metrics={**last.metrics, "log_loss": np.nextafter(last.metrics["log_loss"], 0)})
    by_loss, _, _ = _analyse(runs)
    assert by_loss["clean", "twin"].identical_to == ()


def test_all_losses_equal_everywhere():
    _, rows, (standing,) = _analyse(_runs({name: [0.9] * 5 for name in ("ce", "a", "b")}))
    assert {row.rank for row in rows} == {1}
    assert standing.friedman_p == 1.0
    assert standing.cliques == (("a", "b", "ce"),)
    assert set(standing.best) == {"a", "b", "ce"}
    assert [row.p_value for row in rows if row.loss != "ce"] == [1.0, 1.0]
    assert all(row.metrics["accuracy"].low == row.metrics["accuracy"].high == 0.9 for row in rows)


def test_the_same_difference_in_two_runs_proves_nothing():
    by_loss, _, (standing,) = _analyse(_runs({"ce": [0.9, 0.8], "focal": [0.925, 0.825]}))
    focal = by_loss["clean", "focal"]
    assert focal.p_value == pytest.approx(0.5)
    assert "sign-flip" in focal.note
    assert standing.best == ("focal", "ce")


def test_second_opinions():
    scores = {"ce": [0.90, 0.92, 0.91, 0.93, 0.90, 0.94], "focal": [0.93, 0.934, 0.94, 0.945, 0.92, 0.951]}
    for test in ("wilcoxon", "permutation"):
        by_loss, _, (standing,) = _analyse(_runs(scores), test=test)
        assert by_loss["clean", "focal"].p_value == pytest.approx(2 / 2**6)
        assert test in standing.test.lower()


def test_one_metric_may_be_missing_where_the_primary_is_not():
    runs = [
        replace(run, metrics={"accuracy": run.metrics["accuracy"], "log_loss": math.nan}) for run in _runs(_three())
    ]
    by_loss, _, _ = _analyse(runs)
    assert by_loss["clean", "ce"].failed == 0
    assert math.isnan(by_loss["clean", "ce"].metrics["log_loss"].mean)


def test_errors():
    runs = _runs(_three())
    with pytest.raises(InputError, match=r"no run of the baseline 'focall' under clean; did you mean 'focal'"):
        _analyse(runs, baseline="focall")
    with pytest.raises(InputError, match="two runs of ce under clean at fold 0 and seed 0"):
        _analyse([*runs, runs[0]])
    with pytest.raises(InputError, match="sizes"):
        _analyse(_runs(_three(), sizes=(0, 0, 0)))
    with pytest.raises(InputError, match="test must be one of"):
        _analyse(runs, test="f")


def test_nothing_comes_of_nothing():
    assert analyse([], primary=ACCURACY, metrics=(), baseline="ce", folds=3) == ((), ())
