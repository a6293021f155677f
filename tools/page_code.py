"""A page's code, run from top to bottom, with what each block printed; the tutorials show it, and reports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"```python\n(.*?)```\n", re.DOTALL)
REPORT = re.compile(r'src="reports/(.+?)\.html"')  # reports/NAME.html is perdita-runs/NAME/report.html
FUTURE = "from __future__ import annotations\n"
END = "\x1e"  # printed after each block


Run = Callable[[str, Path], subprocess.CompletedProcess[str]]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in a fresh interpreter, where a warning is an error."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def printed(page: str, folder: Path, run: Run = run) -> list[str]:
    """What each Python block of a page prints, all run as one script in ``folder``.

    Raises RuntimeError with the script's last words where it fails.
    """
    blocks = [block.replace(FUTURE, "") for block in BLOCK.findall(page)]
    code = FUTURE + "".join(f"{block}\nprint({END!r}, flush=True)\n" for block in blocks)
    found = run(code, folder)
    if found.returncode:
        raise RuntimeError(found.stderr)
    return [part.strip("\n") for part in found.stdout.split(END)[: len(blocks)]]


def with_outputs(page: str, outputs: list[str]) -> str:
    """The page, with what each block printed under it."""
    following = iter(outputs)
    return BLOCK.sub(lambda block: block[0] + shown(next(following)), page)


def shown(output: str) -> str:
    return f"\n```{{code-block}} text\n:class: output\n\n{output}\n```\n" if output else ""


def run_tutorial(app: Any, name: str, source: list[str]) -> None:
    """Sphinx's source-read: run a tutorial, show what it prints, and keep the reports that it shows."""
    if not name.startswith("tutorials/") or not app.config.run_tutorials:
        return
    with tempfile.TemporaryDirectory() as folder:
        source[0] = with_outputs(source[0], printed(source[0], Path(folder)))
        for run in REPORT.findall(source[0]):
            kept = Path(app.outdir) / "tutorials" / "reports" / f"{run}.html"
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(folder) / "perdita-runs" / run / "report.html", kept)
