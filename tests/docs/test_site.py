"""The documentation: its pages' code runs, it builds without a warning, and a reader in a browser finds a loss."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from perdita.core import cards
from tools import reference_pages

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts)
ROOMS = ("tutorials", "explanation", "how-to")
WITH_CODE = [path for path in PAGES if "```python\n" in path.read_text() and path.parent.name in ROOMS]
SHOWN_ONLY = {"pair_losses.md", "balancing.md"}  # their blocks are excerpts; the tests of those rooms run such code
SHOWN_ONLY |= {"integrations.md"}  # whose blocks run one by one, in the tests of its room


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages; the build fails on the first warning, and so on every broken link between pages."""
    folder = tmp_path_factory.mktemp("site")
    source = folder / "docs"
    shutil.copytree(ROOT / "docs", source, ignore=shutil.ignore_patterns("reference"))
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(ROOT / "benchmarks" / "results", folder / "benchmarks" / "results")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(source), str(folder / "html")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "html"


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [path for path in WITH_CODE if path.name not in SHOWN_ONLY], ids=lambda path: path.stem
)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL))
    code = "from __future__ import annotations\n" + code.replace("from __future__ import annotations\n", "")
    command = [sys.executable, "-W", "error", "-c", code]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


@pytest.mark.slow
def test_every_loss_has_its_page(site: Path) -> None:
    for card in cards():
        if card.per_example.__module__.startswith("perdita."):
            text = (site / "reference" / "losses" / f"{card.name}.html").read_text()
            assert f"perdita.{card.class_name}" in re.sub("<[^>]+>", "", text)


@pytest.mark.slow
def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    text = (site / "reference" / "losses" / "focal.html").read_text()
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">' in text
    assert "mathjax" not in " ".join(re.findall(r"<script[^>]*>", text)).lower()


def test_a_page_escapes_what_is_no_markup() -> None:
    assert reference_pages.inline("(n, *d) and w[target] of `focal`, a_b") == (
        r"(n, \*d) and w\[target\] of [`focal`](project:/reference/losses/focal.md), a\_b"
    )
    assert reference_pages.prose("One.\n\n.. math:: a\n    + b") == "One.\n\n```{math}\na\n    + b\n```"


def test_a_picture_has_the_loss_and_its_slope() -> None:
    import perdita

    drawn = reference_pages.picture(reference_pages.loss_curve(perdita.card("mse")))
    assert drawn.count("<polyline") == 2
    values = [float(pair.split(",")[1]) for pair in re.search(r'class="value".*?points="([^"]+)"', drawn)[1].split()]
    assert values[len(values) // 2] == max(values)  # the least square, at the target; y grows downwards
    assert values[0] == values[-1] == min(values)  # the farthest errors cost most
    assert reference_pages.picture(None) == ""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium, in which a reader searches, is not installed")
def test_a_reader_searches_and_finds(site: Path, tmp_path: Path) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/search.html?q=squentropy"
        quiet = ["no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"]
        flags = ["headless", "no-sandbox", "disable-gpu", "disable-quic", f"user-data-dir={tmp_path / 'profile'}"]
        asked = ["virtual-time-budget=15000", "dump-dom"]
        command = ["chromium", *(f"--{flag}" for flag in quiet + flags + asked), address]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    assert 'href="reference/losses/squentropy.html' in shown.stdout
