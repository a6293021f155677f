"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


def open_console() -> Console:
    """The terminal; 160 columns where there is none, so that what is piped is neither cut nor folded early."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def speaks_unicode() -> bool:
    """Whether the terminal shows more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def print_table(console: Console, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
    """Print rows as a table; ``columns`` maps keys of the rows to heads."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, head in enumerate(columns.values()):
        table.add_column(head, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row[key])) for key in columns))
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def print_json(value: Any) -> None:
    """JSON that every reader takes: what is not finite is null, and every character is ASCII."""
    from perdita.claims.harness import finite

    print(json.dumps(finite(value), indent=2, allow_nan=False))
