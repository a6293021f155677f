"""Each command prints what it found, as text for people and as JSON for programs, on any terminal."""

import json
import shutil
import subprocess
import sys

import pytest

import perdita

COMMANDS = ("compare", "find", "choose", "show", "list", "papers", "check", "reproduce")


def test_help_names_every_command_and_loads_no_torch(run):
    script = (
        "import sys; from perdita.__main__ import main; code = main(['--help']);"
        "sys.exit(code or 10 * ('torch' in sys.modules))"
    )
    code, out, err = run.fresh("-c", script)
    assert (code, err) == (0, "")
    for command in COMMANDS:
        assert f"\n  {command} " in out


def test_no_command_is_help(run):
    assert run.fresh("-m", "perdita") == run("--help")


def test_each_command_has_help(run):
    for command, (code, out, err) in zip(COMMANDS, run.each(*([name, "--help"] for name in COMMANDS)), strict=True):
        assert (code, err) == (0, "")
        assert f"perdita {command}" in out
        assert "--json" in out


def test_version(run):
    assert run.fresh("-m", "perdita", "--version") == (0, f"perdita {perdita.__version__}\n", "")


def test_find(run):
    quoted, words, as_json, nothing, no_rows = run.each(
        ["find", "squared wrong logit"], ["find", "squared", "wrong", "logit"], ["find", "wrong", "logits", "--json"],
        ["find", "qqqqqqqq"], ["find", "qqqqqqqq", "--json"],
    )  # fmt: skip
    assert quoted == words
    assert "squentropy" in quoted[1]
    assert as_json[::2] == (0, "")
    rows = json.loads(as_json[1])
    assert "squentropy" in [row["name"] for row in rows]
    assert set(rows[0]) == {"name", "class", "task", "paper", "summary"}
    assert nothing == (0, "no loss mentions qqqqqqqq\nnothing found for 'qqqqqqqq'\n", "")
    assert no_rows == (0, "[]\n", "")


def test_show(call):
    code, out, err = call("show", "squentropy")
    assert (code, err) == (0, "")
    for part in ("squentropy (Squentropy)", "Definition", "square_weight", "Cost", "Source", "2302.03952", "⠙"):
        assert part in out
    code, out, err = call("show", "Squentropy", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["name"] == "squentropy"


@pytest.mark.parametrize("arguments", [["show", "squentropy"], ["papers"], ["papers", "--json"]])
def test_a_terminal_without_unicode_gets_ascii(run, arguments):
    code, out, err = run(*arguments, PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert out.isascii()
    assert "***" in out or arguments[0] != "show"


def test_list(call):
    code, out, err = call("list", "--task", "multiclass", "--json")
    assert (code, err) == (0, "")
    assert [row["name"] for row in json.loads(out)] == [card.name for card in perdita.cards("multiclass")]


def test_papers(run):
    as_json, table = run.each(["papers", "--json"], ["papers"])
    assert as_json[::2] == table[::2] == (0, "")
    rows = json.loads(as_json[1])
    assert len(rows) == 95
    assert all(list(row) == ["slug", "title", "room", "components", "vectors", "claim"] for row in rows)
    assert all(row["slug"] in table[1] for row in rows)


MADE_UP = """
from pathlib import Path
from perdita.claims import harness
from perdita.claims.harness import Claim, Evidence
made = Claim("made-up", "A statement.", "Someone", "A rule.", lambda seeds, device="cpu", short=False:
             Evidence(0.5, (float("-inf"), 0.75), 0.25, 0.75, len(seeds)), lambda evidence: "does not hold")
harness.slugs, harness.claim = lambda: {"made-up": "x"}, lambda slug: made
harness.store_results.__defaults__ = (Path("results.json"),)
"""


def test_reproduce(run):
    """The real command on a claim made up on the spot: its JSON, its table, and what it stores."""
    commands = ("made-up --json", "--all --write --seeds 3", "--all --json")
    one, table, every = run.each(*(["reproduce", *command.split()] for command in commands), before=MADE_UP)
    assert one[::2] == table[::2] == every[::2] == (0, "")
    row = json.loads(one[1])
    assert row.pop("seconds") >= 0
    assert row == {
        "slug": "made-up", "statement": "A statement.", "rule": "A rule.", "verdict": "does not hold", "effect": 0.5,
        "interval": [None, 0.75], "baseline": 0.25, "measured": 0.75, "n": 5,
    }  # fmt: skip
    assert "does not hold" in table[1]
    (record,) = json.loads((run.folder / "results.json").read_text())
    assert (record["slug"], record["n"], record["verdict"]) == ("made-up", 3, "does not hold")
    assert [row["slug"] for row in json.loads(every[1])] == ["made-up"]


def test_reproducing_all_says_how_far_it_is(run):
    two = MADE_UP + 'harness.slugs = lambda: {"made-up": "x", "another": "y"}\n'
    told = two + "from perdita.compare import terminal\nterminal.QUIET = 0\n"
    ((code, out, err),) = run.each(["reproduce", "--all", "--json"], before=told)
    assert code == 0
    assert len(json.loads(out)) == 2
    assert err.startswith("another: 1 of 2, about ")


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_a_narrow_terminal_gets_fewer_columns_and_no_word_in_pieces():
    command = f"stty cols 80; {sys.executable} -m perdita papers"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], capture_output=True, stdin=subprocess.DEVNULL, timeout=120
    )
    said = done.stdout.decode()
    assert done.returncode == 0
    assert "from 120 columns on" in said
    row = next(line for line in said.splitlines() if line.strip().startswith("squentropy"))
    assert "holds" in row
    assert "components" not in said.splitlines()[1]


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_a_terminal_gets_the_same_words():
    command = f"{sys.executable} -m perdita list --task multiclass"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], capture_output=True, stdin=subprocess.DEVNULL, timeout=120
    )
    assert done.returncode == 0
    assert b"squentropy" in done.stdout


def test_a_command_or_function_tried_in_python_is_told_where_it_lives():
    with pytest.raises(AttributeError, match=r"perdita\.catalogue\.search\.find"):
        _ = perdita.find
    with pytest.raises(AttributeError, match=r"perdita\.functional\.focal, the module Focal"):
        _ = perdita.focal
