"""The pytest plugin, in a pytest of its own: each check of a named loss is a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perdita.testing import CHECKS
from tests.interpreter import python

LOSS = """
import torch
def careless(logits, target):
    return -logits.softmax(1).log().gather(1, target[:, None]).mean()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(LOSS)
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    settings = "[pytest]\naddopts = -p perdita.testing.plugin\nperdita_losses =\n  mine:careless\n"
    (tmp_path / "pytest.ini").write_text(settings)
    return tmp_path


def run(folder: Path, *options: str) -> tuple[int, str]:
    command = ["-m", "pytest", "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": f"{folder}:{os.environ.get('PYTHONPATH', '')}", "OMP_NUM_THREADS": "1"}
    done = python(*command, folder=folder, environment=environment)
    return done.returncode, done.stdout + done.stderr


def test_checks_pass_fail_and_do_not_apply_and_others_are_tested_as_well(project: Path) -> None:
    code, said = run(project, "-rA", "-k", "gradcheck or extreme_inputs or config or other")
    assert code == 1
    for line in ("PASSED mine:careless::gradcheck", "FAILED mine:careless::extreme_inputs", "PASSED test_other.py",
                 "it is no perdita loss", "input: input=[[10000.0, 0.0]]", "do: Use log_softmax"):  # fmt: skip
        assert line in said, said
    assert "1 failed, 3 passed, 1 skipped" in said  # gradcheck, and gradgradcheck, whose name has it
    assert "-" not in said.partition("collected ")[2].partition("selected")[0]  # all are counted
    assert "Traceback" not in said


def test_the_command_line_names_a_loss_too_and_each_check_is_a_test(project: Path) -> None:
    code, said = run(project, "--collect-only", "-q", "--perdita-loss", "torch.nn:MSELoss", "-o", "perdita_losses=")
    assert code == 0
    listed = [line.partition("::")[2] for line in said.splitlines() if line.startswith("torch.nn:MSELoss::")]
    assert listed == list(CHECKS)


def test_a_name_that_leads_nowhere_is_a_usage_error(project: Path) -> None:
    code, said = run(project, "--perdita-loss", "mine:careles")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "did you mean 'careless'" in said
