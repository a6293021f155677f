"""Each fault is planted into a series and found where it lies; a healthy training has none."""

from __future__ import annotations

import numpy as np
import pytest

from perdita.core import InputError
from perdita.judge.log_file import Series, read_log
from perdita.judge.training_log import examine, imbalance, noise, runs, too_short

STEPS = 10.0 * np.arange(400)


def falling(seed: int = 0, spread: float = 0.03, rate: float = 3.0) -> np.ndarray:
    """A loss that falls for the whole training: to about 0.2 of its start."""
    course = 0.2 + 2 * np.exp(-rate * np.arange(400) / 400)
    return course + spread * np.random.default_rng(seed).normal(size=400)


def found(values: np.ndarray, name: str = "train_loss") -> list[tuple[str, float, float]]:
    return [(f.kind, f.first_step, f.last_step) for f in examine({name: Series(STEPS, values)})]


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("seed", range(10))
def test_a_healthy_training_has_no_finding(seed, spread):
    assert found(falling(seed, spread)) == []


def test_noise_that_is_heavy_at_times_is_no_spike():
    values = falling() + 0.03 * np.random.default_rng(1).exponential(size=400)
    assert [kind for kind, *_ in found(values)] == []


@pytest.mark.parametrize(("start", "length"), [(60, 1), (200, 5), (330, 20)])
def test_a_spike_is_found_where_it_is(start, length):
    values = falling()
    values[start : start + length] += 2.0
    assert found(values) == [("spike", 10.0 * start, 10.0 * (start + length - 1))]


def test_two_spikes_are_two():
    values = falling()
    values[100], values[300] = 9.0, 7.0
    (first, second) = examine({"loss": Series(STEPS, values)})
    assert (first.first_step, first.figures["peak"]) == (1000.0, 9.0)
    level = second.figures["level"]
    assert level == pytest.approx(0.2 + 2 * np.exp(-0.75 * 3), abs=0.05)
    assert second.sentence == f"loss jumps from about {level:.4g} to 7 at step 3000, and comes down again."


def test_not_a_number_to_the_end_is_a_divergence():
    values = falling()
    values[350:] = np.nan
    assert found(values) == [("divergence", 3500.0, 3990.0)]
    values[360:] = 0.5
    assert ("spike", 3500.0, 3590.0) in found(values)


def test_a_loss_that_rises_again_diverges():
    values = falling(rate=6.0)
    values[250:] += np.linspace(0, 1.5, 150)
    ((kind, first, last),) = found(values)
    assert (kind, last) == ("divergence", 3990.0)
    assert 2400 <= first <= 3000


def test_a_jump_that_stays_diverges():
    values = falling()
    values[300:] += 3.0
    assert [kind for kind, *_ in found(values)] == ["divergence"]


def test_a_standstill_is_a_plateau():
    values = np.concatenate([np.linspace(3, 1, 150), np.full(250, 1.0)])
    values += 0.01 * np.random.default_rng(0).normal(size=400)
    ((kind, first, last),) = found(values)
    assert (kind, last) == ("plateau", 3990.0)
    assert 1400 <= first <= 1700


def test_a_standstill_in_the_middle_is_one_too():
    values = np.concatenate([np.linspace(3, 2, 100), np.full(200, 2.0), np.linspace(2, 1, 100)])
    ((kind, first, last),) = found(values)
    assert (kind, first, last) == ("plateau", 1000.0, 2990.0)


def test_a_loss_that_never_falls_is_said_to():
    values = 0.7 + 0.02 * np.random.default_rng(0).normal(size=400)
    (finding,) = examine({"loss": Series(STEPS, values)})
    assert finding.kind == "plateau"
    assert "does not fall at all" in finding.sentence


def test_terms_out_of_balance():
    pulls = {"balance/a": falling(), "balance/b": falling(1) / 50, "balance/c": falling(2)}
    pulls["balance/b"][:200] = pulls["balance/a"][:200]  # they part ways half-way
    log = {name: Series(STEPS, values) for name, values in pulls.items()}
    (finding,) = imbalance(log, 10.0)
    assert (finding.kind, finding.first_step, finding.last_step) == ("imbalance", 2000.0, 3990.0)
    assert finding.figures["ratio"] == pytest.approx(50, rel=0.2)
    assert "times balance/b from step 2000 to 3990" in finding.sentence
    assert imbalance(log, 100.0) == []
    log["balance/b"] = Series(STEPS, np.zeros(400))
    assert "all there is beside balance/b" in imbalance(log, 10.0)[0].sentence


def test_values_may_lie_further_apart_than_gradients():
    for prefix, factor, expected in (("balance", 50, 1), ("loss", 50, 0), ("loss", 500, 1)):
        log = {f"{prefix}/{n}": Series(STEPS, falling() / s) for n, s in (("a", 1), ("b", factor))}
        assert sum(f.kind == "imbalance" for f in examine({"loss": Series(STEPS, falling()), **log})) == expected


def test_a_log_is_read_as_loggers_write_it(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,train_loss,val_loss,note\n0,5,1.5,,start\n0,9,,1.25,\n1,15,nan,inf,\n")
    log = read_log(path)
    assert set(log) == {"epoch", "train_loss", "val_loss"}
    assert log["train_loss"].steps.tolist() == [5, 15]
    assert log["val_loss"].values.tolist() == [1.25, np.inf]
    assert read_log(path, step="epoch")["val_loss"].steps.tolist() == [0, 1]
    assert [(f.kind, f.column, f.first_step) for f in examine(log)] == [
        ("divergence", "train_loss", 15.0), ("divergence", "val_loss", 15.0)
    ]  # fmt: skip


def test_a_short_series_is_not_judged():
    log = {
        "loss": Series(STEPS[:30], np.ones(30)),
        "val_loss": Series(STEPS, np.ones(400)),
        "lr": Series(STEPS[:1], STEPS[:1]),
    }
    assert examine(log, ["loss"]) == ()
    assert too_short(log) == {"loss": 30}


def test_the_range_around_a_smoothed_column_is_no_loss_of_its_own():
    spiked = falling()
    spiked[200] += 9
    log = {f"run - train/loss{end}": Series(STEPS, spiked) for end in ("", "__MIN", "__MAX")}
    assert [finding.column for finding in examine(log)] == ["run - train/loss"]


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_log(tmp_path / "none.csv")
    (tmp_path / "log.csv").write_text("step,acc\n1,2\n")
    with pytest.raises(InputError, match="no column 'steps'; did you mean 'step'"):
        read_log(tmp_path / "log.csv", step="steps")
    with pytest.raises(InputError, match=r"no column has 'loss' in its name; name it \(--columns\): there are acc"):
        examine(read_log(tmp_path / "log.csv"))
    with pytest.raises(InputError, match="no column 'bcc'; did you mean 'acc'"):
        examine(read_log(tmp_path / "log.csv"), ["bcc"])


def test_small_parts():
    assert runs(np.array([True, False, True, True])) == [(0, 0), (2, 3)]
    assert runs(np.zeros(3, dtype=bool)) == []
    assert noise(np.arange(10.0)) == 0
    assert noise(np.random.default_rng(0).normal(size=10_000)) == pytest.approx(1, abs=0.05)
