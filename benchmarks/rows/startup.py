"""How long it takes until perdita answers, in fresh interpreters."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.race import Measured, race
from benchmarks.registry import row


def python(*arguments: str) -> None:
    """A fresh interpreter that may keep compiled files, as an installed package does."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True, env=environment)


@row(
    "import-time",
    peer="import torch",
    shape="import perdita; perdita.CrossEntropy",
    unit="s",
    target="ours - theirs <= 0.3",
)
def import_time() -> Measured:
    return race(
        lambda: python("-c", "import torch, perdita; perdita.CrossEntropy"),
        lambda: python("-c", "import torch"),
        unit="s",
        repeats=8,
        warmups=1,
    )


@row("cli-help", peer="python -c pass", shape="perdita --help", unit="s", target="ours <= 0.5")
def cli_help() -> Measured:
    return race(lambda: python("-m", "perdita", "--help"), lambda: python("-c", "pass"), unit="s", repeats=8)
