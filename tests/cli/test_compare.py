"""``perdita compare``: every option reaches the comparison, and what is found is printed."""

import inspect
import json
import re

import pytest

from perdita.__main__ import main
from perdita.compare import run as comparison
from perdita.compare.arms import BASELINES
from perdita.compare.data import sources
from perdita.compare.data.conditions import KINDS
from perdita.compare.execute import fork_early
from perdita.compare.spec import TASKS, Training
from perdita.compare.train.models import STOCK
from perdita.compare.verdict.metrics import METRICS
from perdita.compare.verdict.significance import TESTS

SMALL = ["--losses", "cross_entropy,squentropy", "--seeds", "2", "--epochs", "2", "--workers", "1"]
OPTIONS = {
    "--target": ("target", "y"), "--task": ("task", "binary"), "--losses": ("losses", "focal,poly*"),
    "--baseline": ("baseline", "mse"), "--seeds": ("seeds", 3), "--folds": ("folds", 4), "--epochs": ("epochs", 5),
    "--model": ("model", "module:factory"), "--stress": ("stress", "clean,noise=0.3"), "--tune": ("tune", 6),
    "--metric": ("metric", "brier"), "--batch-size": ("batch_size", 7), "--learning-rate": ("learning_rate", 0.5),
    "--workers": ("workers", 2), "--test": ("test", "wilcoxon"),
}  # fmt: skip
DEFAULTS = {name: own.default for name, own in inspect.signature(comparison.compare).parameters.items()}


class Reached(Exception):
    """Carries what the comparison was called with."""


@pytest.fixture
def called_with(monkeypatch):
    signature = inspect.signature(comparison.compare)

    def compare(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        raise Reached(bound.arguments)

    monkeypatch.setattr(comparison, "compare", compare)

    def call(*arguments):
        with pytest.raises(Reached) as reached:
            main(["compare", *arguments])
        return reached.value.args[0]

    return call


def test_the_defaults_are_those_of_the_function(called_with):
    given = called_with("digits")
    assert set(given) == set(DEFAULTS)
    assert callable(given.pop("progress"))
    assert given.pop("command").startswith("perdita")
    assert given.pop("executor") is fork_early
    assert given == {name: DEFAULTS[name] for name in given}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_reaches_the_comparison(called_with, option):
    name, value = OPTIONS[option]
    given = called_with("data.csv", option, str(value))
    assert given[name] == value
    assert given["data"] == "data.csv"


def test_switches_reach_the_comparison(called_with, tmp_path):
    given = called_with("digits", "--fresh", "--json", "--out", str(tmp_path))
    assert (given["resume"], given["progress"], given["out"]) == (False, None, tmp_path)
    assert called_with("digits", "--resume")["resume"] is True


def test_the_help_names_what_there_is(capsys):
    main(["compare", "--help"])
    words = {word.rstrip(".") for word in re.findall(r"[\w.]+", capsys.readouterr().out)}
    assert {*sources.EMBEDDED, *TASKS, *STOCK, *TESTS, *KINDS, *BASELINES.values()} <= words
    assert {found[0].name for task, found in METRICS.items() if task != "ordinal"} <= words
    standard = Training()
    numbers = (standard.epochs, standard.batch_size, standard.learning_rate, standard.dimension)
    assert {f"{number:g}" for number in numbers} <= words


def test_json_is_all_there_is_on_stdout(run):
    code, out, err = run("compare", "iris", *SMALL, "--json", "--out", "found")
    assert code == 0, err
    found = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert list(found) == ["task", "dataset", "condition", "rows", "best", "conclusion", "report"]
    assert (found["task"], found["condition"]) == ("multiclass", "clean")
    assert {row["loss"] for row in found["rows"]} == {"cross_entropy", "squentropy"}
    for row in found["rows"]:
        assert list(row) == ["loss", "condition", "rank", "metrics", "difference", "p_value", "seconds"]
        assert all(set(interval) == {"mean", "low", "high"} for interval in row["metrics"].values())
    assert (run.folder / found["report"]).is_file()


def test_without_a_terminal_it_is_quiet_and_plain_even_in_ascii(run):
    code, out, err = run("compare", "iris", *SMALL, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert "squentropy" in out
    assert "report.html" in out.splitlines()[-1]
    assert out.isascii()
