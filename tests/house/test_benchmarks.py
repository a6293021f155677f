"""The benchmarks' frame: it times in turns, tells agreement from disagreement and a measurement from noise."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from benchmarks import registry
from benchmarks.__main__ import named
from benchmarks.race import Measured, agree, interleave, peaks, race, spread, value_and_gradient
from benchmarks.registry import Row, measure, save
from tests.interpreter import python

ROOT = Path(__file__).resolve().parents[2]


def tiny(target: str, measured: Measured) -> Row:
    return Row("tiny", "nobody", "(8,)", "µs", target, lambda: measured)


def test_a_row_gives_what_others_read() -> None:
    x = torch.ones(8)
    raced = race(lambda: x + 1, lambda: x + 1, unit="µs", repeats=8, loops=2)
    found = measure(tiny("ours / theirs <= 1000", raced))
    keys = "row peer shape ours theirs ratio unit peak_ours peak_theirs target met noisy"
    assert list(json.loads(json.dumps(found))) == keys.split()
    assert found["met"]
    assert found["ours"] > 0


@pytest.mark.parametrize(
    ("target", "met"),
    [("ours <= 3", True), ("ours <= 1", False), ("ours - theirs <= 1", True), ("ours - theirs <= 0.9", False),
     ("ours / theirs <= 2", True), ("ours / theirs <= 1.9", False)],
)  # fmt: skip
def test_targets(target: str, met: bool) -> None:
    assert measure(tiny(target, Measured(2.0, 1.0)))["met"] is met


def test_turns_alternate() -> None:
    turns: list[str] = []
    seconds = interleave([lambda own=own: turns.append(own) for own in "abc"], 3, 2)
    assert "".join(turns) == "aabbcc" * 3
    assert [len(its) for its in seconds] == [3, 3, 3]


def test_of_several_peers_the_fastest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.race.interleave", lambda *_: [[2.0], [5.0], [3.0], [4.0]])
    assert race(int, int, int, int, unit="s") == Measured(2.0, 3.0)


def test_noise_is_marked_and_not_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert spread([1.0, 2.0, 2.0]) == 2.0
    monkeypatch.setattr("benchmarks.race.interleave", lambda *_: ([1.0, 2.0, 2.0], [1.0, 1.0, 1.0]))
    noisy = race(int, int, unit="s")
    assert noisy.noisy
    with pytest.raises(ValueError, match="noisy"):
        save(measure(tiny("ours <= 9", noisy)), tmp_path)
    path = save(measure(tiny("ours <= 9", Measured(1.0, 1.0))), tmp_path)
    record = json.loads(path.read_text())
    assert {"date", "machine", "versions"} < set(record)
    assert record["machine"]["cores"] >= 1


def test_disagreement_is_seen() -> None:
    x = torch.arange(4.0)
    agree(value_and_gradient(lambda z: z.square().sum(), x), value_and_gradient(lambda z: (z * z).sum(), x))
    with pytest.raises(AssertionError):
        agree(value_and_gradient(lambda z: z.square().sum(), x), value_and_gradient(lambda z: z.abs().sum(), x))


def test_few_timings_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 8"):
        race(int, int, unit="s", repeats=7)


def test_peaks_count_live_tensors() -> None:
    x = torch.ones(1000)
    found = peaks(lambda: x + 1, lambda: (x + 1).exp())
    assert found == {"peak_ours": 4000, "peak_theirs": 8000}


def test_a_wrong_target_is_refused() -> None:
    with pytest.raises(ValueError, match="target must be"):
        registry.row("x", peer="", shape="", unit="s", target="theirs < 3")


def test_the_rows_are_listed() -> None:
    found = python("-m", "benchmarks", "--list", "--json", folder=ROOT)
    names = {entry["name"] for entry in json.loads(found.stdout)}
    assert {"contract-overhead", "import-time", "cli-help", "compile-kernels", "compare-engine"} <= names


def test_an_exact_name_is_one_row_and_a_beginning_all_that_follow() -> None:
    known = ["pairs-sup-con", "pairs-sup-con-8192", "pairs-margin"]
    assert named("pairs-sup-con", known) == ["pairs-sup-con"]
    assert named("pairs", known) == known
    assert named("pair", known) == []


def test_an_unknown_row_is_an_error() -> None:
    found = python("-m", "benchmarks", "no-such-row", "torch-mse", folder=ROOT)
    assert found.returncode == 2
    assert "no row named no-such-row" in found.stderr
    assert "no row named torch-mse; did you mean 'elementwise-torch-mse'" in found.stderr


def test_a_row_without_its_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.load()["fused-linear-small-cce"]
    monkeypatch.setitem(registry.PACKAGES, "cut-cross-entropy", "a_module_that_nobody_installs")
    assert entry.lacks() == "cut-cross-entropy"
    monkeypatch.setitem(registry.PACKAGES, "cut-cross-entropy", "torch")
    assert entry.lacks() is None


@pytest.mark.skipif(importlib.util.find_spec("liger_kernel") is not None, reason="says what happens without Liger")
def test_a_row_whose_peer_is_not_installed_is_left_out() -> None:
    found = python("-m", "benchmarks", "gpu-logits-liger", "--json", folder=ROOT)
    assert found.returncode == 0, found.stderr
    assert "liger-kernel, which this machine does not have" in found.stderr
    assert json.loads(found.stdout) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a CUDA device")
def test_a_row_without_its_hardware_says_so() -> None:
    found = python("-m", "benchmarks", "gpu-sup-con", "--json", folder=ROOT)
    assert found.returncode == 0, found.stderr
    assert "gpu-sup-con " in found.stderr
    assert "needs CUDA, which this machine does not have" in found.stderr
    assert json.loads(found.stdout) == []
