"""Write docs/which-loss.md: for each kind of inputs and labels, the losses that take them, and which serve which need.

``python -m tools.which_loss_page``, from the repository root, after a loss or a claim has changed.
"""

from __future__ import annotations

from pathlib import Path

from perdita.catalogue.choose import QUESTIONS, Answers, choose
from perdita.core import catalogue
from perdita.core.card import Card
from perdita.core.domains import DOMAINS
from perdita.core.signature import Field

PAGE = Path(__file__).resolve().parent.parent / "docs" / "which-loss.md"
SHOWN = 3  # losses in a cell
HEAD = """\
# Which loss?

Find the row of what your model gives and what your labels are. A column names the losses whose facts speak to a need,
best first, as `perdita choose` does; without a need, any loss of the row will train. Facts are traits that the
conformance battery tests, arguments, costs, and verdicts of the papers' claims; `perdita show NAME` has them all.
`perdita choose` asks the same questions for a task and gives the reasons, with the `perdita compare` command that
settles it on your data.

Written by `python -m tools.which_loss_page` from the cards.
"""
COLUMNS = {"imbalance": "rare classes or targets", "noise": "wrong labels, outliers",
           "calibrated": "probabilities that are right", "memory": "small batches, little memory"}  # fmt: skip


def page() -> str:
    """The page's text."""
    rows = grouped()
    common = {key: cards for key, cards in rows.items() if len(cards) > 1}
    text = HEAD + "\n" + _table(common)
    single = {key: cards for key, cards in rows.items() if len(cards) == 1}
    return text + "\n## Inputs that one loss alone takes\n\n" + _short_table(single)


def grouped() -> dict[tuple[str, str], list[Card]]:
    """(inputs, labels) → the losses that need these and nothing else, the most frequent kinds first."""
    found: dict[tuple[str, str], list[Card]] = {}
    for card in catalogue.cards():
        first, *rest = [item for item in card.signature.fields if not item.optional]
        key = (describe(first), "; ".join(map(describe, rest)) or "none")
        found.setdefault(key, []).append(card)
    return dict(sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0])))


def describe(item: Field) -> str:
    """A tensor argument in a few words: its first shape, and what its numbers may be."""
    shape = item.shapes[0]
    dims = f"({', '.join(shape.dims)}{',' if len(shape.dims) == 1 else ''})"
    what = "boolean" if shape.kind == "Bool" else DOMAINS[item.domain].phrase
    return f"{item.name} {dims}: {what}"


def _table(rows: dict[tuple[str, str], list[Card]]) -> str:
    heads = ["inputs", "labels and other tensors", *COLUMNS.values(), "all losses"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    for (inputs, labels), cards in rows.items():
        serving = [_serving(cards, need) for need in COLUMNS]
        lines.append(_line([inputs, labels, *serving, _folded(cards)]))
    return "".join(lines)


def _short_table(rows: dict[tuple[str, str], list[Card]]) -> str:
    heads = ["inputs", "labels and other tensors", "loss", "what it is"]
    lines = [_line(heads), _line(["---"] * len(heads))]
    lines += [_line([inputs, labels, _names(cards), cards[0].summary]) for (inputs, labels), cards in rows.items()]
    return "".join(lines)


def _serving(cards: list[Card], need: str) -> str:
    """The best of a row for a need; nothing where all serve it, for that is no reason to choose."""
    assert need in QUESTIONS
    met = [choice.card for choice in choose(Answers(**{need: True}), cards=cards, limit=None) if need in choice.met]
    return "all" if len(met) == len(cards) else _names(met[:SHOWN])


def _folded(cards: list[Card]) -> str:
    """Names; many of them are unfolded by a click, so that a row is not as long as a page."""
    names = _names(cards)
    few = len(cards) <= 2 * SHOWN
    return names if few else f"<details><summary>{len(cards)} losses</summary>{names}</details>"


def _names(cards: list[Card]) -> str:
    return ", ".join(f"`{card.name}`" for card in cards)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells) + " |\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
