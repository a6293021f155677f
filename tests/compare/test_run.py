"""The whole comparison on real bundled data: resume after kill -9, tuning, models, arms, and its outputs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import wilcoxon
from torch import nn

import perdita
from perdita.compare.arms import fits, resolve
from perdita.compare.run import compare
from perdita.core import cards

QUICK = {"losses": "cross_entropy,squentropy", "seeds": 2, "epochs": 2, "workers": 1}

KILLED = """
import sys
from perdita.compare.run import compare
compare(data="iris", losses="cross_entropy,squentropy", seeds=20, epochs=int(sys.argv[2]), workers=1, out=sys.argv[1])
"""


def measured(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort("loss", "condition", "fold", "seed", "metric")


@pytest.mark.slow
def test_kill_minus_nine_and_the_same_command_gives_the_same_table(tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    expected = compare(data="iris", losses="cross_entropy,squentropy", seeds=20, epochs=30, workers=1, out=calm)
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(killed), "30"], stderr=subprocess.PIPE)
    finished = 0
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and finished == 0:
        time.sleep(0.01)
        if (killed / "runs.sqlite").exists():
            try:
                with sqlite3.connect(f"file:{killed / 'runs.sqlite'}?mode=ro", uri=True) as connection:
                    finished = connection.execute("select count(*) from outcomes").fetchone()[0]
            except sqlite3.OperationalError:
                continue  # the table is not made yet
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the process ended before it could be killed"
    assert not (killed / "report.html").exists()
    assert 0 < finished < 4
    resumed = compare(data="iris", losses="cross_entropy,squentropy", seeds=20, epochs=30, workers=1, out=killed)
    assert measured(resumed.frame).equals(measured(expected.frame))
    assert resumed.rows[0].metrics == expected.rows[0].metrics


def test_a_second_call_takes_everything_from_the_store(tmp_path: Path) -> None:
    first = compare(data="wine", out=tmp_path, **QUICK)
    asked: list[int] = []

    def progress(total: int):
        asked.append(total)
        raise AssertionError("nothing was left to run")

    second = compare(data="wine", out=tmp_path, progress=progress, **QUICK)
    assert asked == []
    assert second.rows == first.rows


def test_another_test_judges_the_same_runs(tmp_path: Path) -> None:
    options = {**QUICK, "data": "iris", "seeds": 6, "out": tmp_path}
    found = {test: compare(test=test, **options) for test in ("t", "wilcoxon", "permutation")}
    assert measured(found["t"].frame).equals(measured(found["permutation"].frame))
    frame = measured(found["t"].frame).filter(pl.col("metric") == found["t"].primary.name)
    accuracy = {loss: frame.filter(pl.col("loss") == loss)["value"].to_numpy() for loss in frame["loss"].unique()}
    (other,) = [row for row in found["wilcoxon"].rows if row.loss == "squentropy"]
    expected = wilcoxon(accuracy["squentropy"] - accuracy["cross_entropy"], zero_method="pratt")
    assert other.p_value == pytest.approx(expected.pvalue)
    assert {test: result.standings[0].test.split()[0] for test, result in found.items()} == {
        "t": "corrected",
        "wilcoxon": "Wilcoxon",
        "permutation": "sign-flip",
    }


SCRIPT = """
import sys
print("once")
from perdita.compare import execute, run
pool = execute.ProcessPool.run
def watched(self, function, inputs, heard):
    print(f"{self.workers} workers, {len(inputs)} units")
    return pool(self, function, inputs, heard)
execute.ProcessPool.run = watched
run.compare(data="iris", losses="cross_entropy,squentropy", seeds=6, epochs=2, workers=2, out=sys.argv[1])
"""


def test_processes_give_the_same_bits_as_this_process(tmp_path: Path) -> None:
    here = compare(data="iris", losses="cross_entropy,squentropy", seeds=6, epochs=2, workers=1, out=tmp_path / "a")
    script = tmp_path / "script.py"  # without a guard around its code: workers do not run it again
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "once\n2 workers, 2 units\n"
    there = pl.read_parquet(tmp_path / "b" / "runs.parquet")
    assert measured(here.frame).equals(measured(there))


@pytest.mark.parametrize(
    ("data", "task"),
    [("breast_cancer", "binary"), ("diabetes", "regression"), ("linnerud", "regression"), ("wine", "ordinal")],
)
def test_every_loss_that_fits_a_task_trains(data: str, task: str, tmp_path: Path) -> None:
    asked = task if task == "ordinal" else None  # never inferred: that labels have an order is not seen from them
    result = compare(data=data, task=asked, losses="all", seeds=2, epochs=2, workers=1, out=tmp_path)
    assert result.task == task
    targets = 3 if data == "linnerud" else 1
    assert {row.loss for row in result.rows} == {card.name for card in cards() if fits(card, task, targets)}
    assert all(row.failed == 0 for row in result.rows)


def test_conditions_folds_and_files(tmp_path: Path) -> None:
    result = compare(data="wine", folds=3, stress="clean,noise=0.3", out=tmp_path, **QUICK)
    assert {(run.condition, run.fold) for run in result.runs} == {
        (c, f) for c in ("clean", "noise=0.3") for f in range(3)
    }
    assert (tmp_path / "report.html").stat().st_size > 1000
    assert pl.read_parquet(tmp_path / "runs.parquet").equals(result.frame)
    shown = result.to_json()
    assert json.loads(json.dumps(shown))["condition"] == ["clean", "noise=0.3"]
    assert set(shown["rows"][0]) == {"loss", "condition", "rank", "metrics", "difference", "p_value", "seconds"}


def test_tuning_gives_each_loss_the_same_budget_and_keeps_the_test_rows_apart(tmp_path: Path) -> None:
    options = {**QUICK, "seeds": 3}  # trials see two of the three seeds
    result = compare(data="iris", tune=2, out=tmp_path, **options)
    assert set(result.facts["learning_rates"]) == {"cross_entropy", "squentropy"}
    with sqlite3.connect(tmp_path / "runs.sqlite") as connection:
        specs = [json.loads(spec) for (spec,) in connection.execute("select spec from outcomes")]
    tried = Counter(loss["label"] for spec in specs for loss in spec["losses"])
    assert tried == {"cross_entropy": 3, "squentropy": 3}  # two trials, and the chosen one at all seeds
    assert all(spec["fixed_test"] for spec in specs)
    again = compare(data="iris", tune=2, out=tmp_path, **options)
    assert again.rows == result.rows


class Wide(nn.Module):
    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(shape[0], 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, outputs)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.body(features)


def test_the_users_own_model_and_arrays(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 5)).astype(np.float32)
    target = (features[:, 0] > 0).astype(int)
    result = compare(lambda shape, outputs: Wide(shape, outputs), (features, target), out=tmp_path, **QUICK)
    assert result.task == "binary"
    assert all(row.failed == 0 for row in result.rows)


def test_arms() -> None:
    labels = [spec.label for spec in resolve("cross_entropy,poly*", "multiclass")]
    assert labels[0] == "cross_entropy"
    assert "poly_cross_entropy" in labels
    assert all(name.startswith("poly") for name in labels[1:])
    (spec,) = resolve([perdita.Focal(gamma=3.0)], "multiclass")
    assert spec.label == "focal(gamma=3.0)"
    (spec,) = resolve([perdita.Squentropy() + 0.5 * perdita.CrossEntropy()], "multiclass")
    assert spec.label == "squentropy+cross_entropy"
    assert spec.build().weights == {"squentropy": 1.0, "cross_entropy": 0.5}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"losses": "focall"}, "did you mean 'focal'"),
        ({"losses": "mse"}, "does not fit the task"),
        ({"losses": "spherical_softmax"}, "spherical_softmax reads its logits through"),
        ({"losses": "zzz*"}, "matches"),
        ({"metric": "acuracy"}, "unknown metric"),
        ({"model": "transformr"}, "unknown model"),
        ({"model": "no_such_module:thing"}, "cannot be imported"),
        ({"seeds": 0}, "seeds must be"),
        ({"folds": 1}, "folds must be"),
        ({"folds": 500}, "fold"),
        ({"stress": "noise=2"}, "noise"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"test": "anova"}, "test must be one of t, wilcoxon, permutation"),
    ],
)
def test_bad_options_are_named(options: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(perdita.InputError, match=message):
        compare(**{"data": "iris", "out": tmp_path, **QUICK, **options})


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 50)
    with pytest.raises(perdita.InputError, match="no usable store"):
        compare(data="iris", out=tmp_path, **QUICK)
