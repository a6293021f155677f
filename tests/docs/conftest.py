"""The documentation, built once for all tests of a run."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The pages, built by the first worker that asks for them."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "html" / "objects.inv").exists():
            build(folder)
    return folder / "html"


def build(folder: Path) -> None:
    """The build fails on the first warning, and so on every broken link between pages."""
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "docs"
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("reference"))
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "benchmarks" / "results", folder / "benchmarks" / "results")
    options = ["-W", "-q", "-b", "html", "-D", "run_tutorials=0"]  # what they print has a test of its own
    command = [sys.executable, "-m", "sphinx", *options, str(source), str(folder / "html")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert built.returncode == 0, built.stderr


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Where the pages are served."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
