"""The command line as a user runs it: in a process of its own, with neither a terminal nor its width."""

import json
import os
import subprocess
import sys

import pytest

from perdita.__main__ import main
from tests.interpreter import python

# One process, many commands: PyTorch is loaded once. Each command's exit code, stdout and stderr come back as JSON.
EACH = """
import contextlib, io, json, sys
from perdita.__main__ import main
found = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(arguments)
    found.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(found))
"""


class CommandLine:
    """Runs commands in an empty folder; what comes back is (exit code, stdout, stderr)."""

    def __init__(self, folder):
        self.folder = folder

    def environment(self, **changes):
        dropped = ("COLUMNS", "LINES", "TERM", "NO_COLOR")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**kept, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1", **changes}

    def python(self, *arguments, **changes):
        done = python(*arguments, folder=self.folder, environment=self.environment(**changes), timeout=120)
        return done.returncode, done.stdout, done.stderr

    def fresh(self, *arguments):
        """The same in a fresh interpreter, which has imported nothing."""
        command, environment = [sys.executable, *arguments], self.environment()
        done = subprocess.run(command, capture_output=True, cwd=self.folder, env=environment, timeout=120)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def __call__(self, *arguments, **changes):
        return self.python("-m", "perdita", *arguments, **changes)

    def each(self, *commands, before=""):
        code, out, err = self.python("-c", before + EACH, json.dumps(commands))
        assert (code, err) == (0, "")
        return [tuple(found) for found in json.loads(out)]


@pytest.fixture
def run(tmp_path):
    return CommandLine(tmp_path)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The same in this process, which has PyTorch already: for what is no matter of the process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # to which the command adds its folder

    def command(*arguments):
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return command
