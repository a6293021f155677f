"""The runner itself: what is wrong fails, and nothing is skipped in silence."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.golden.adapters import adapter, load_adapters
from tests.golden.compare import differences, read_cases
from tests.golden.conftest import DEFAULT
from tests.golden.reader import Reader, UnreadError
from tests.interpreter import python

ROOT = Path(__file__).resolve().parents[2]
GOOD: dict[str, Any] = {
    "name": "two_classes",
    "inputs": {"input": [[0.0, 0.0]], "target": [0]},
    "params": {"reduction": "mean"},
    "expected": {"loss": math.log(2), "grad_input": [[-0.5, 0.5]]},
}
LIKELY = 1 / (1 + math.exp(-1))  # of the first class for logits 1 and 0


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


def run(folder: Path) -> tuple[int, dict[str, str], str]:
    """Run the vectors of a folder in a process of its own: exit code, id → outcome, and all that was printed."""
    command = ["-m", "pytest", "tests/golden/test_vectors.py", "--vectors", str(folder), "-v"]
    environment = {**os.environ, "COLUMNS": "400", "PYTEST_ADDOPTS": ""}
    done = python(*command, "-p", "no:cacheprovider", "-p", "no:xdist", folder=ROOT, environment=environment)
    outcomes = re.findall(r"::test_vectors\[(.*?)\] (PASSED|FAILED|SKIPPED|ERROR)", done.stdout)
    return done.returncode, dict(outcomes), done.stdout


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, str], str]:
    """One folder with everything that may be wrong."""
    folder = tmp_path_factory.mktemp("vectors")
    cases = [
        GOOD,
        changed(name="wrong_value", expected={"loss": math.log(2) * (1 + 1e-8)}),
        changed(name="wrong_gradient", expected={"grad_input": [[-0.5, 0.5 + 1e-8]]}),
        changed(name="wrong_length", expected={"grad_input": [[-0.5, 0.5, 0.0]]}),
        changed(name="unknown_output", expected={"accuracy": 1.0}),
        changed(name="unknown_param", params={"reduction": "mean", "sharpness": 2.0}),
        changed(name="unknown_input", inputs={**GOOD["inputs"], "teacher": [1.0]}),
        changed(name="unknown_value", params={"reduction": "median"}),
        changed(name="own_tolerance", expected={"loss": 0.7}, rtol=0.1),
    ]
    probable = {"input": [[1.0, 0.0]], "target": [0]}  # logits at which the loss's first call warns
    poly = -math.log(LIKELY) + 1 - LIKELY
    warned_of = changed(name="warned_of", inputs=probable, params={"epsilon": 1.0}, expected={"loss": poly})
    files = {
        "polyloss": {"slug": "polyloss", "source": "by hand", "cases": [warned_of]},
        "squentropy": {"slug": "squentropy", "source": "by hand", "cases": cases},
        "stranger": {"slug": "no-such-paper", "source": "by hand", "cases": [GOOD, GOOD]},
        "empty": {"slug": "squentropy", "source": "by hand", "cases": []},
        "expects_nothing": {"slug": "squentropy", "source": "by hand", "cases": [changed(expected={})]},
        "odd_key": {"slug": "squentropy", "source": "by hand", "cases": [changed(outputs={})]},
    }
    for name, data in files.items():
        (folder / f"{name}.json").write_text(json.dumps(data))
    (folder / "broken.json").write_text("{")
    return run(folder)


def test_what_is_right_passes(outcome: tuple[int, dict[str, str], str]) -> None:
    passed = {name for name, result in outcome[1].items() if result == "PASSED"}
    assert passed == {"squentropy: two_classes", "squentropy: own_tolerance", "polyloss: warned_of"}


def test_what_is_wrong_fails_and_nothing_is_skipped(outcome: tuple[int, dict[str, str], str]) -> None:
    code, results, _ = outcome
    failed = {name for name, result in results.items() if result == "FAILED"}
    wrong = ("wrong_value", "wrong_gradient", "wrong_length", "unknown_output", "unknown_param", "unknown_input")
    unreadable = ("empty: unreadable", "expects_nothing: unreadable", "odd_key: unreadable", "broken: unreadable")
    expected = {f"squentropy: {name}" for name in (*wrong, "unknown_value")}
    assert failed == expected | {"stranger: missing adapter", *unreadable}
    assert code == 1
    assert len(results) == len(failed) + 3


@pytest.mark.parametrize(
    "message",
    [
        "the adapter does not read param sharpness",
        "the adapter does not read input teacher",
        "param reduction is 'median'; known are 'mean', 'sum', 'none'",
        "accuracy is missing",
        "grad_input[0] has 2 elements, expected 3",
        "no adapter for the slug 'no-such-paper'; 2 cases are unchecked",
        "empty.json has no cases",
    ],
)
def test_failures_say_why(outcome: tuple[int, dict[str, str], str], message: str) -> None:
    assert message in outcome[2]


def test_a_folder_without_vectors_fails(tmp_path: Path) -> None:
    code, results, _ = run(tmp_path)
    assert (code, results) == (1, {"no vectors": "FAILED"})


def test_every_adapter_has_vectors_here() -> None:
    here = {case.slug for path in DEFAULT.glob("*.json") for case in read_cases(path)}
    assert here == set(load_adapters())


def test_a_second_adapter_for_a_paper_is_refused() -> None:
    load_adapters()
    with pytest.raises(ValueError, match="squentropy has two adapters"):
        adapter("squentropy")(lambda inputs, params: {})


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, torch.tensor(1.0 + 1e-10, dtype=torch.float64)),
        ([[1, 2], [3, 4]], torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)),
        ([math.nan, math.inf, -math.inf], np.array([math.nan, math.inf, -math.inf])),
        ({"a": [{"b": "m1", "c": None, "d": True}]}, {"a": [{"b": "m1", "c": None, "d": True, "e": 0}], "f": 1}),
    ],
)
def test_equal_outputs_have_no_difference(expected: Any, got: Any) -> None:
    assert list(differences(expected, got)) == []


@pytest.mark.parametrize(
    ("expected", "got", "line"),
    [
        ({"x": 1.0}, {"x": 1.0 + 1e-8}, "x is 1.00000001, expected 1.0"),
        ({"x": 1.0}, {"x": math.nan}, "x is nan, expected 1.0"),
        ({"x": math.inf}, {"x": 1e308}, "x is 1e+308, expected inf"),
        ({"x": 1.0}, {"x": math.inf}, "x is inf, expected 1.0"),
        ({"x": 1}, {"x": True}, "x is True, expected 1"),
        ({"x": True}, {"x": 1.0}, "x is 1.0, expected True"),
        ({"x": "m1"}, {"x": "m2"}, "x is 'm2', expected 'm1'"),
        ({"x": {"y": [1]}}, {"x": {"y": [2]}}, "x.y[0] is 2, expected 1"),
        ({"x": {"y": 1}}, {"x": {}}, "x.y is missing"),
        ({"x": [1.0]}, {"x": 1.0}, "x has 1.0, expected 1"),
        ({"x": 1.0}, {"x": torch.tensor(1.0)}, "x came as torch.float32, expected 64 bits"),
    ],
)
def test_a_difference_is_named(expected: Any, got: Any, line: str) -> None:
    assert list(differences(expected, got)) == [line]


def test_strings_for_what_json_cannot_write_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"slug": "x", "cases": [changed(expected={"a": ["-Infinity", "Infinity", "b"]})]}))
    assert read_cases(path)[0].expected == {"a": [-math.inf, math.inf, "b"]}


def test_tolerances_come_from_the_case_then_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    cases = [changed(name="file"), changed(name="case", rtol=1e-3)]
    path.write_text(json.dumps({"slug": "x", "rtol": 1e-5, "atol": 1e-7, "cases": cases}))
    assert [(case.rtol, case.atol) for case in read_cases(path)] == [(1e-5, 1e-7), (1e-3, 1e-7)]


def test_the_reader_gives_kinds_gradients_and_defaults() -> None:
    read = Reader({"x": [1, 2], "labels": [0, 1], "free": [3.0]}, {"weight": [1.0]})
    x, labels, free = read.tensor("x"), read.constant("labels"), read.tensor("free")
    assert (x.dtype, labels.dtype) == (torch.float64, torch.int64)
    assert read.constant("absent", None) is None
    assert read.option("weight") == [1.0]
    gradients = read.gradients((x * x).sum(), "_square")
    assert gradients["grad_x_square"].tolist() == [2.0, 4.0]
    assert gradients["grad_free_square"].tolist() == [0.0]
    assert free.requires_grad
    read.done()
    with pytest.raises(UnreadError, match="the case has no input y"):
        read.tensor("y")
