"""What goes wrong is told in one line on stderr, with exit code 2; a traceback means a defect."""

import pytest

BAD = {
    "lst": "No such command 'lst'",
    "list --tsk x": "No such option: --tsk",
    "find": "Missing argument",
    "compare": "Missing argument",
    "compare digits --seeds many": "Invalid value for '--seeds'",
    "compare digits --seeds 0": "seeds must be an integer >= 1, not 0",
    "compare missing.csv": "no such file: missing.csv",
    "compare digits --target price": "digits has no column 'price'; its columns are pixel_0_0, pixel_0_1,",
    "compare digits --workers -1": "workers must be an integer >= 0, not -1",
    "compare digits --losses ,": "losses must name at least one loss",
    "compare digits --losses broken.yaml": "broken.yaml is no valid YAML",
    "compare digits --losses broken.json": "broken.json is no valid JSON",
    "compare digits --model perdita:__version__": "model 'perdita:__version__' must be a function of the features'",
    "compare digits --out broken.yaml": "broken.yaml: File exists",
    "compare digits --losses squentrop": "unknown loss 'squentrop'; did you mean 'squentropy'",
    "find ?!": "the query must have a letter or digit, but is '?!'",
    "show squentrop": "unknown loss 'squentrop'; did you mean 'squentropy'",
    "show squentrop --json": "unknown loss 'squentrop'; did you mean 'squentropy'",
    "list --task multclass": "no loss has the task 'multclass'; did you mean 'multiclass'",
    "reproduce": "give the slug of a paper, or --all",
    "reproduce squentropy --all": "give the slug of a paper, or --all",
    "reproduce squentrop": "no claim 'squentrop'; did you mean 'squentropy'",
    "reproduce squentropy --seeds 1": "seeds must be at least 2",
}


def test_bad_input_is_one_line_and_exit_code_2(call, tmp_path):
    for name in ("broken.yaml", "broken.json"):
        (tmp_path / name).write_text("{")
    for command, message in BAD.items():
        code, out, err = call(*command.split())
        assert (code, out) == (2, ""), command
        assert err.startswith("perdita: "), command
        assert err.count("\n") == 1, command
        assert message in err, command


def test_the_exit_code_of_the_process_is_2(run):
    code, out, err = run.fresh("-m", "perdita", "lst")
    assert (code, out) == (2, "")
    assert err == "perdita: No such command 'lst'. Did you mean 'list'?\n"


@pytest.mark.parametrize(
    ("library", "arguments", "extra"),
    [("typer", ["--help"], "cli"), ("rich", ["list"], "cli"), ("sklearn", ["reproduce", "squentropy"], "compare")],
)
def test_without_an_optional_library_it_says_which_extra_to_install(run, library, arguments, extra):
    script = (
        f"import sys; sys.modules[{library!r}] = None;from perdita.__main__ import main; sys.exit(main({arguments!r}))"
    )
    code, out, err = run.fresh("-c", script)
    assert (code, out) == (2, "")
    assert err == f"perdita: {library} is not installed; run: pip install 'perdita[{extra}]'\n"


def test_a_defect_keeps_its_traceback(run):
    script = (
        "import sys; from perdita.claims import harness; harness.slugs = lambda: 1 / 0;"
        "from perdita.__main__ import main; sys.exit(main(['reproduce', 'squentropy']))"
    )
    code, out, err = run.python("-c", script)
    assert (code, out) == (1, "")
    assert "ZeroDivisionError" in err


def test_an_interrupt_is_exit_code_130_without_a_traceback(run):
    script = (
        "import os, signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler);"  # not as inherited
        "from perdita.claims import harness;"
        "harness.reproduce = lambda *given: (os.kill(os.getpid(), signal.SIGINT), time.sleep(60));"
        "from perdita.__main__ import main; sys.exit(main(['reproduce', 'squentropy']))"
    )
    code, out, err = run.python("-c", script)
    assert code == 130
    assert out == ""
    assert "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_traceback(run):
    script = (
        "import subprocess, sys;"
        "command = [sys.executable, '-m', 'perdita', 'papers', '--json'];"
        "p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE);"
        "p.stdout.read(10); p.stdout.close(); sys.stdout.write(p.stderr.read().decode()); p.wait()"
    )
    code, out, err = run.python("-c", script)
    assert code == 0, err
    assert "Traceback" not in out
