"""The examples of the how-to page and of the docstrings run as they stand, and a missing library is named."""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import perdita
from tests.interpreter import python

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/integrations.md").read_text(), flags=re.DOTALL)
MODULES = ("huggingface", "lightning", "scikit_learn", "boosting", "tracking")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(MODULES)))
def test_an_example_of_the_page_runs(number, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    found = python("-c", EXAMPLES[number], folder=tmp_path, environment=environment)
    assert found.returncode == 0, found.stderr


def test_the_page_has_an_example_of_each_module():
    named = [re.findall(r"from perdita\.integrations\.(\w+)", example) for example in EXAMPLES]
    assert named == [[module] for module in MODULES]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"perdita.integrations.{name}")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = doctest.testmod(module, extraglobs={"torch": torch, "np": np, "perdita": perdita}, optionflags=flags)
    assert found.failed == 0
    assert found.attempted > 0


MISSING = [
    ("import perdita.integrations.lightning", "lightning", "lightning"),
    ("import perdita.integrations.scikit_learn", "sklearn", "compare"),
    ("from perdita.integrations.tracking import log_mlflow as f; f(None)", "mlflow", "tracking"),
    ("from perdita.integrations.tracking import log_tensorboard as f; f(None, 'x')", "tensorboard", "tracking"),
]


@pytest.mark.parametrize(("statement", "library", "extra"), MISSING)
def test_a_missing_library_is_named(statement, library, extra):
    hidden = f"[name for name in (*sys.modules, {library!r}) if name.partition('.')[0] == {library!r}]"
    found = python("-c", f"import sys; sys.modules.update(dict.fromkeys({hidden})); {statement}")
    assert found.returncode == 1
    assert f"pip install 'perdita[{extra}]'" in found.stderr.splitlines()[-1]


def test_these_load_no_library_before_it_is_used():
    code = "import sys; from perdita.integrations import huggingface, boosting, tracking; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert not loaded & {"transformers", "lightgbm", "xgboost", "mlflow", "tensorboard", "lightning", "sklearn"}
