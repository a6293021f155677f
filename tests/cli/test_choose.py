"""``perdita choose``: options or questions lead to a shortlist, its reasons, and the command that settles it."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest


def test_options_and_no_questions_without_a_terminal(call):
    commands = (
        ["choose", "--task", "multiclass", "--noise", "--limit", "3"],
        ["choose", "--task", "multiclass", "--noise", "--limit", "3", "--json"],
        ["choose", "--task", "embedding", "--memory"],
        ["choose", "--no-imbalance", "--json"],
    )
    table, as_json, other, every = (call(*words) for words in commands)
    for code, _, err in (table, as_json, other, every):
        assert (code, err) == (0, "")
    found = json.loads(as_json[1])
    assert found["answers"] == {
        "task": "multiclass", "imbalance": None, "noise": True, "calibrated": None, "memory": None,
    }  # fmt: skip
    assert len(found["losses"]) == 3
    for row in found["losses"]:
        assert row["name"] in table[1]
        assert row["answers"] == ["noise"]
        assert row["for"]
    assert f"settle it: {found['compare']}" in table[1]
    words = shlex.split(found["compare"])
    assert set(words[words.index("--losses") + 1].split(",")) == {
        "cross_entropy", *(row["name"] for row in found["losses"]),
    }  # fmt: skip
    assert "--task embedding" in other[1]
    assert json.loads(every[1])["answers"]["imbalance"] is False


def test_bad_input_is_one_line_and_exit_code_2(call):
    code, out, err = call("choose", "--task", "multclass")
    assert (code, out) == (2, "")
    assert "no loss has the task 'multclass'; did you mean 'multiclass'" in err
    code, out, err = call("choose")
    assert (code, out) == (2, "")
    assert "no terminal to ask in: give --task, and what matters of --imbalance, --noise, --calibrated, --memory" in err


def test_what_is_said_of_a_number_is_no_word_on_labels(call):
    code, out, _ = call("choose", "--task", "regression", "--noise", "--json", "--limit", "100")
    assert code == 0
    assert "an outlier costs only so much" in out
    assert "label costs" not in out


def test_no_task_no_command(call):
    _, out, _ = call("choose", "--no-noise", "--limit", "1")
    assert "settle it: name the --task" in out


def test_the_command_can_be_run(call):
    """What it says to run is a comparison that starts and ends."""
    _, out, _ = call("choose", "--task", "regression", "--noise", "--limit", "2", "--json")
    words = shlex.split(json.loads(out)["compare"].replace("DATA", "diabetes"))[1:]
    code, _, err = call(*words, "--seeds", "2", "--epochs", "1", "--workers", "1", "--json", "--out", "found")
    assert (code, err) == (0, "")


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_a_task_that_there_is_not_is_asked_again():
    done = subprocess.run(
        ["script", "-qec", f"{sys.executable} -m perdita choose --noise", "/dev/null"],
        input=b"multclass\nmulticlass\n\n\n\n", capture_output=True, timeout=120,
    )  # fmt: skip
    said = done.stdout.decode()
    assert done.returncode == 0
    assert "no task is called 'multclass'; did you mean 'multiclass'" in said
    assert said.count("Are some classes") == 1
    assert "--task multiclass --losses cross_entropy," in said.replace("\r\n", "\n")


@pytest.mark.skipif(shutil.which("script") is None, reason="needs script(1) for a terminal")
def test_a_terminal_is_asked():
    command = f"{sys.executable} -m perdita choose --task multiclass"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"], input=b"n\nperhaps\ny\n\n\n", capture_output=True, timeout=120
    )
    said = done.stdout.decode()
    assert done.returncode == 0
    assert said.count("Are some labels wrong") == 2  # "perhaps" is no answer
    assert "What is predicted" not in said
    assert "--task multiclass --losses cross_entropy," in said.replace("\r\n", "\n")
    assert "wrong labels" in said
