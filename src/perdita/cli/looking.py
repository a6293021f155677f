"""Commands that look things up: ``perdita find``, ``show``, ``list`` and ``papers``."""

from __future__ import annotations

from typing import Annotated

import typer

from perdita.cli.output import Json, open_console, print_json, print_table, speaks_unicode

WIDE = 120  # columns


def find(
    query: Annotated[list[str], typer.Argument(help='Words, as "imbalanced segmentation".')], as_json: Json = False
) -> None:
    """Search the losses."""
    from perdita.catalogue.search import find as search
    from perdita.catalogue.show import brief

    words = " ".join(query)
    found = search(words)
    if as_json:
        return print_json(brief(found.cards))
    console = open_console()
    for word, instead in found.corrected.items():
        note = f"searching for {' or '.join(instead)} instead of {word}" if instead else f"no loss mentions {word}"
        console.print(note, style="dim", markup=False)
    if found.cards:
        print_table(console, brief(found.cards), {"name": "loss", "task": "task", "summary": "what it is"})
    else:
        console.print(f"nothing found for {words!r}{found.hint}", markup=False)
    return None


def show(
    name: Annotated[str, typer.Argument(help="Name, class name or alias of a loss.")], as_json: Json = False
) -> None:
    """Show all that is known of a loss."""
    from perdita.catalogue.show import describe, page
    from perdita.core import catalogue

    card = catalogue.card(name)
    if as_json:
        return print_json(describe(card))
    console = open_console()
    for index, (heading, text) in enumerate(page(card, unicode=speaks_unicode())):
        console.print(heading if index == 0 else f"\n{heading}", style="bold", markup=False)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    return None


def list_(
    task: Annotated[str | None, typer.Option(help="Only the losses of this task.")] = None, as_json: Json = False
) -> None:
    """List the losses."""
    from perdita.catalogue.show import list_rows

    rows = list_rows(task)
    if as_json:
        return print_json(rows)
    return print_table(
        open_console(), rows, {"name": "loss", "task": "task", "paper": "paper", "summary": "what it is"}
    )


def papers(as_json: Json = False) -> None:
    """List the papers, what of each is here, and what became of its claim."""
    from perdita.catalogue.papers import paper_rows

    rows = paper_rows()
    if as_json:
        return print_json(rows)
    shown = [{**row, "claim": row["claim"] and row["claim"]["verdict"]} for row in rows]
    console = open_console()
    more = {"room": "room", "components": "components", "vectors": "vectors"} if console.width >= WIDE else {}
    print_table(console, shown, {"slug": "paper", **more, "claim": "claim", "title": "title"})
    if not more:
        console.print(
            f"rooms, components and vectors are shown from {WIDE} columns on, and by --json",
            style="dim",
            highlight=False,
        )
    return None
