"""The documentation: its pages' code runs, it builds without a warning, and a reader in a browser finds a loss."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import perdita
from perdita.core import cards
from perdita.core.catalogue import components
from tests.interpreter import python
from tools import module_pages, page_code, reference_pages
from tools.pictures import batch_curve, curve_of

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "reference" not in path.parts)
WITH_CODE = [path for path in PAGES if "```python\n" in path.read_text()]
SHOWN_ONLY = {  # the first two are excerpts, such as the tests of those rooms run; the third has tests of its own
    "pair_losses.md", "balancing.md", "integrations.md",
}  # fmt: skip


def forked(code: str, folder: Path) -> CompletedProcess[str]:
    return python("-W", "error", "-c", code, folder=folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [path for path in WITH_CODE if path.name not in SHOWN_ONLY], ids=lambda path: path.stem
)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    outputs = page_code.printed(text, tmp_path, forked)
    assert len(outputs) == text.count("```python\n")
    shown = page_code.with_outputs(text, outputs)
    assert shown.count(":class: output") == sum(bool(output) for output in outputs)
    for run in page_code.REPORT.findall(text):
        assert (tmp_path / "perdita-runs" / run / "report.html").exists()


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


def test_every_public_name_of_the_modules_has_its_entry_and_its_words() -> None:
    pages = module_pages.pages()
    for room in module_pages.ROOMS:
        text = pages[f"modules/{room}.md"]
        for module, names in module_pages.public_names(room).items():
            for name in names:
                body = text.split(f"\n### {name}\n", 1)[1].split("\n### ")[0]
                words = re.sub(r"```.*?```", "", body, flags=re.DOTALL).strip()
                assert len(words.split()) >= 3, f"{module}.{name} has no docstring to show"


def test_no_public_name_is_left_out() -> None:
    """What the source defines at the top of a module, read without importing it, and what the package promises."""
    shown = {room: set().union(*module_pages.public_names(room).values()) for room in module_pages.ROOMS}
    for room, names in shown.items():
        for path in (ROOT / "src" / "perdita" / room).rglob("*.py") if room not in module_pages.LISTED else ():
            defined = [node for node in ast.parse(path.read_text()).body if isinstance(node, DEFINITIONS)]
            assert {node.name for node in defined if node.name[0] != "_"} <= names, path
    everywhere = set().union(*shown.values())
    for room in ("kernels", "compound", "testing"):
        exported = importlib.import_module(f"perdita.{room}").__all__
        callables = {name for name in exported if callable(getattr(importlib.import_module(f"perdita.{room}"), name))}
        assert callables <= everywhere, room
    assert set(perdita._PLACES) <= everywhere
    homes = {card.name for card in cards()} | {card.class_name for card in cards()} | everywhere
    rooms = homes_of()
    whole = module_pages.ROOMS.keys() - {"losses"}  # where a component of a paper stands on its loss's page
    own = {name for name in components() if rooms.get(name) in whole}
    assert own <= homes, sorted(own - homes)


def homes_of() -> dict[str, str]:
    """Name of a function or class at the top of a module → its room."""
    source, found = ROOT / "src" / "perdita", {}
    for path in source.rglob("*.py"):
        defined = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, DEFINITIONS)]
        found |= dict.fromkeys(defined, path.relative_to(source).parts[0])
    return found


def test_every_loss_has_a_picture_or_says_why_not() -> None:
    without = [card.name for card in cards() if ours(card) and not reference_pages.picture(curve_of(card))]
    # grpo's ratios are 1 at the batch's own policy, and its advantages add up to 0; the random batch of
    # online_contrastive has no hard pair with a gradient
    assert without == ["grpo", "online_contrastive"]
    assert "No picture: " in reference_pages.loss_page(perdita.card("grpo"))
    assert "moved along its gradient" in reference_pages.loss_page(perdita.card("triplet_margin"))


def ours(card: perdita.Card) -> bool:
    """Not one that another test has registered."""
    return card.per_example.__module__.startswith("perdita.")


def test_a_curve_along_the_gradient_rises_to_the_right_of_the_batch() -> None:
    found = batch_curve(perdita.card("sup_con"))
    middle = len(found.x) // 2
    assert abs(found.x[middle]) < 1e-9
    assert found.y[middle - 1] < found.y[middle] < found.y[middle + 1]


def test_the_table_of_benchmarks_has_the_last_line_of_every_result() -> None:
    text = reference_pages.benchmarks_page()
    results = [path for path in reference_pages.RESULTS.glob("*.jsonl") if path.read_text().strip()]
    assert results
    assert text.count("\n| ") == len(results) + 2  # the head, and the line under it
    for path in results:
        row = json.loads(path.read_text().splitlines()[-1])
        assert f"| {reference_pages.cell(row['row'])} |" in text
        assert f"| {'yes' if row['met'] else 'no'} | {row['date'][:10]} |" in text


def test_links_that_lead_out_are_of_a_known_form() -> None:
    """No test goes to the network: what can be checked is that an address is whole, and an arXiv number one."""
    written = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
    links = [link for path in written for link in re.findall(r"\]\((\w+://[^)\s]*)\)", path.read_text())]
    links += re.findall(r"\((https?://[^)]*)\)", " ".join(reference_pages.loss_page(card) for card in cards()))
    assert any("arxiv.org" in link for link in links)
    for link in links:
        assert re.fullmatch(r"https://[a-z0-9.-]+\.[a-z]+(/[\w./#?=&%-]*)?", link), link
        if "arxiv.org" in link:
            assert re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}", link), link


def test_a_page_escapes_what_is_no_markup() -> None:
    assert reference_pages.inline("(n, *d) and w[target] of `focal`, a_b") == (
        r"(n, \*d) and w\[target\] of [`focal`](project:/reference/losses/focal.md), a\_b"
    )
    assert reference_pages.prose("One.\n\n.. math:: a\n    + b") == "One.\n\n```{math}\na\n    + b\n```"


def test_a_picture_has_the_loss_and_its_slope() -> None:
    drawn = reference_pages.picture(curve_of(perdita.card("mse")))
    assert drawn.count("<polyline") == 2
    values = [float(pair.split(",")[1]) for pair in re.search(r'class="value".*?points="([^"]+)"', drawn)[1].split()]
    assert values[len(values) // 2] == max(values)  # the least square, at the target; y grows downwards
    assert values[0] == values[-1] == min(values)  # the farthest errors cost most
    assert reference_pages.picture(None) == ""
