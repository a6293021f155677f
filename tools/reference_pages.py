"""The reference of the documentation: a page for each loss, their index, and the benchmarks' table.

Everything is drawn from the cards, the claims' results and the benchmarks' results; `docs/conf.py` writes the pages
anew with every build, and they are not kept.
"""

from __future__ import annotations

import json
import math
import re
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.catalogue.curve import Curve
from perdita.catalogue.papers import bibliography
from perdita.core import cards
from perdita.core.contract import public_signature
from tools import module_pages
from tools.pictures import curve_of

if TYPE_CHECKING:
    from perdita.core import Card

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WIDTH, HEIGHT, MARGIN = 640, 220, 34
NO_PICTURE = "*No picture: the loss of a random batch does not change along its own gradient.*"
ORPHAN = "---\norphan: true\n---"  # no entry in the sidebar, whose 300 lines would stand on every page
FILTER = (
    '<input type="search" class="filter" placeholder="Words, as: rare segmentation" '
    'aria-label="Only the losses with these words" hidden><span role="status"></span>'
)
ARTICLES = ("args", "returns", "raises")
INLINE = re.compile(r"(``[^`]+``|`[^`]+`|:math:`[^`]+`)")


def write(folder: Path) -> None:
    """Every page, into ``folder``; pages whose text is the same stay untouched, so that a second build is quick."""
    wanted = {f"losses/{card.name}.md": loss_page(card) for card in cards()}
    wanted |= {"index.md": index_page(), "benchmarks.md": benchmarks_page(), **module_pages.pages()}
    for path in folder.rglob("*.md"):
        if str(path.relative_to(folder)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def index_page() -> str:
    """All losses, by task."""
    ordered = sorted(cards(), key=lambda card: (card.task, card.name))
    parts = ["# Losses", "", f"{len(ordered)} losses, each with its picture, its definition and its source.", ""]
    others = {card.name: [card.class_name, *card.aliases] for card in ordered}
    parts += [
        "```{raw} html",
        FILTER,
        f'<script type="application/json" id="other-names">{json.dumps(others)}</script>',
    ]
    parts += ["```", ""]
    for task, members in groupby(ordered, key=lambda card: card.task):
        parts += [f"## {task}", "", "| loss | what it is |", "| --- | --- |"]
        parts += [f"| [{card.name}](losses/{card.name}.md) | {cell(card.summary)} |" for card in members]
        parts.append("")
    return "\n".join(parts)


def loss_page(card: Card) -> str:
    """One loss: what it is, how it is called, its picture, its definition and where it comes from."""
    drawn = picture(curve_of(card)) or NO_PICTURE
    home = f"[Losses](../index.md) › {card.task}"
    parts = [ORPHAN, f"# {card.name}", home, prose(card.summary), call(card), drawn, prose(card.formula)]
    for head in ARTICLES:
        text = card.section(head)
        if text:
            parts += [f"## {head.capitalize()}", listing(text)]
    if card.section("example"):
        parts += ["## Example", f"```pycon\n{card.section('example')}\n```"]
    facts = [f"{name.replace('_', ' ')}: {str(value).lower()}" for name, value in card.traits.items()]
    price = (
        f"Time O({card.cost.time}), memory O({card.cost.memory}), {card.cost.passes} passes over the first argument."
    )
    parts += ["## Properties", prose("; ".join(facts).capitalize() + "." if facts else "None claimed."), prose(price)]
    parts += ["## Source", linked(prose(card.source))]
    paper = bibliography().get(card.paper or "")
    if paper is not None:
        parts += [f"Paper `{paper.slug}`: what of its claim holds up stands in [the table of claims](../../claims.md)."]
    return "\n\n".join(part for part in parts if part) + "\n"


def call(card: Card) -> str:
    """The function and the module, as they are called."""
    own = [
        name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
        for name, parameter in public_signature(card).parameters.items()
        if name in card.signature.defaults or parameter.default is parameter.empty
    ]
    lines = [f"perdita.functional.{card.name}({', '.join(own)})"] if card.function is not None else []
    made = "(...)" if card.function is not None else module_pages.signature(card.criterion)
    return "```python\n" + "\n".join([*lines, f"perdita.{card.class_name}{made}"]) + "\n```"


def picture(curve: Curve | None) -> str:
    """The value and the slope of a loss, as a drawing; nothing where it has no such picture."""
    if curve is None:
        return ""
    step = curve.x[1] - curve.x[0]
    slopes = [(b - a) / step for a, b in zip(curve.y, curve.y[1:], strict=False)]
    middles = [x + step / 2 for x in curve.x[:-1]]
    low, high = min(min(curve.y), min(slopes), 0.0), max(max(curve.y), max(slopes))
    if not math.isfinite(low + high) or low == high:
        return ""
    across, down = (WIDTH - 2 * MARGIN) / (curve.x[-1] - curve.x[0]), (HEIGHT - 2 * MARGIN) / (high - low)

    def place(x: float, y: float) -> tuple[float, float]:
        return MARGIN + (x - curve.x[0]) * across, HEIGHT - MARGIN - (y - low) * down

    def line(kind: str, xs: list[float], ys: list[float]) -> str:
        points = " ".join("{:.1f},{:.1f}".format(*place(*pair)) for pair in zip(xs, ys, strict=True))
        return f'<polyline class="{kind}" fill="none" stroke-width="2" points="{points}"/>'

    zero = place(curve.x[0], 0.0)[1]
    label = escape(f"The loss (line) and its slope (dashes) against the {curve.axis}")
    return "\n".join([
        "```{raw} html",
        f'<svg class="loss-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        f'<line class="axis" x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{zero:.1f}" y2="{zero:.1f}"/>',
        line("slope", middles, slopes),
        line("value", list(curve.x), list(curve.y)),
        f'<text x="{MARGIN}" y="{HEIGHT - 10}">{curve.x[0]:g}</text>',
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(curve.axis)}</text>',
        f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 10}" text-anchor="end">{curve.x[-1]:g}</text>',
        f'<text x="{MARGIN}" y="16">value (line) and slope (dashes), from {low:.3g} to {high:.3g}</text>',
        "</svg>",
        "```",
    ])  # fmt: skip


def benchmarks_page() -> str:
    """The latest figure of every row that was kept."""
    parts = [
        "# Benchmarks",
        "Ratios of medians, interleaved in one run; `python -m benchmarks ROW` measures a row again. "
        "A row is met or not by its own target; those that are not stand here too.",
        "| row | against | ours | theirs | target | met | date | shape |\n" + "| --- " * 8 + "|",
    ]
    for path in sorted(RESULTS.glob("*.jsonl")):
        row = json.loads(path.read_text().splitlines()[-1])
        figures = [f"{row[side]:.4g} {row['unit']}" for side in ("ours", "theirs")]
        met = "yes" if row["met"] else "no"
        cells = [row["row"], row["peer"], *figures, row["target"], met, row["date"][:10], row["shape"]]
        parts[-1] += "\n| " + " | ".join(map(cell, cells)) + " |"
    return "\n\n".join(parts) + "\n"


def prose(text: str) -> str:
    """A docstring's paragraphs as Markdown: displayed formulas, code, links to other losses, nothing else read as
    markup."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        found = re.match(r"\s*\.\. math::(.*)", block, flags=re.DOTALL)
        parts.append(f"```{{math}}\n{found[1].strip()}\n```" if found else inline(block))
    return "\n\n".join(parts)


def linked(text: str) -> str:
    """Text whose arXiv numbers lead to their papers."""
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", text)


def inline(text: str) -> str:
    """One paragraph."""
    pieces = INLINE.split(" ".join(line.strip() for line in text.splitlines()))
    return "".join(code(piece) if INLINE.fullmatch(piece) else _plain(piece) for piece in pieces)


def listing(text: str) -> str:
    """``name: what it is`` lines as a list; text without names as prose."""
    entries = re.split(r"\n(?=\S)", text)
    if not all(re.match(r"[\w, *]+: ", entry) for entry in entries):
        return prose(text)
    named = [entry.split(": ", 1) for entry in entries]
    return "\n".join(f"- **{_plain(name)}**: {inline(what)}" for name, what in named)


def cell(text: str) -> str:
    """Text for one cell of a table."""
    return inline(str(text)).replace("|", "\\|")


def code(piece: str) -> str:
    """Code between backticks: a formula, a link where it is the name of a loss, or code as it is."""
    if piece.startswith(":math:"):
        return f"${piece[7:-1]}$"
    name = piece.strip("`")
    known = {card.name for card in cards()}
    return f"[`{name}`](project:/reference/losses/{name}.md)" if name in known else f"`{name}`"


def _plain(text: str) -> str:
    return re.sub(r"([\\*_<>\[\]$#{}~^])", r"\\\1", text)
