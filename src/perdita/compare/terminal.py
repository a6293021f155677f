"""A comparison in the terminal: the progress while it trains, and the ranked tables when it is done."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from perdita.compare.result import Comparison, Interval, Row, Standing
from perdita.compare.verdict.conclusion import decimals_for, number, p_text
from perdita.core.errors import MissingExtraError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

QUIET = 30.0  # seconds between two lines of progress where there is no terminal


class Advances(Protocol):
    """What the runner tells of each finished unit."""

    def advance(self, n: int = 1, text: str = "") -> None:
        """So many more units are done; ``text`` says what is under way."""


@contextmanager
def progress(total: int, *, text: str = "training", console: Console | None = None) -> Iterator[Advances]:
    """Show how far ``total`` units are, with the time left, on stderr.

    On a terminal this is a bar. Elsewhere it is a plain line, at most one in thirty seconds: nothing for a short run.
    """
    if console is None and not sys.stderr.isatty():
        yield _Lines(total, text, sys.stderr)
        return
    try:
        from rich import progress as rich_progress
        from rich.console import Console
    except ImportError as error:
        raise MissingExtraError("rich", "cli") from error
    console = console or Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _Lines(total, text, console.file)
        return
    bar = rich_progress.Progress(
        rich_progress.TextColumn("{task.description}", markup=False),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TextColumn("left", markup=False),
        rich_progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=24 * 3600.0,  # a unit may take minutes
    )
    task = bar.add_task(clean(text), total=total)

    class _Bar:
        def advance(self, n: int = 1, text: str = "") -> None:
            bar.update(task, advance=n, description=clean(text) if text else None)

    with bar:
        yield _Bar()


class _Lines:
    def __init__(self, total: int, text: str, file: TextIO | Any, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.text, self.file, self.clock = total, text, file, clock
        self.done = 0
        self.started = self.told = clock()

    def advance(self, n: int = 1, text: str = "") -> None:
        self.done += n
        self.text = text or self.text
        now = self.clock()
        if self.done < self.total and now - self.told >= QUIET:
            self.told = now
            left = (now - self.started) * (self.total - self.done) / self.done
            print(
                f"{clean(self.text)}: {self.done} of {self.total}, about {left:.0f} s left", file=self.file, flush=True
            )


def clean(text: str) -> str:
    """The text with every control character replaced, so that no name in the data can steer the terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)


def encodable(text: str, encoding: str) -> str:
    """The text in characters that the encoding has: a file need not be UTF-8, and the result must still be readable."""
    if encoding.startswith("utf"):
        return text
    for sign, plain in (("±", "+-"), ("−", "-"), ("—", "-")):
        text = text.replace(sign, plain)
    return text.encode(encoding, "replace").decode(encoding)


def show(comparison: Comparison, console: Console | None = None) -> None:
    """Print each condition's ranked table, the conclusion, and where the report is.

    The columns are those that fit the console's width: first the primary metric, the difference to the baseline and its
    p-value, then the time, then the other metrics.
    """
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError as error:
        raise MissingExtraError("rich", "cli") from error
    console = console or Console()

    def line(text: str, style: str = "", soft_wrap: bool = False) -> None:
        console.print(Text(encodable(clean(text), console.encoding), style=style), soft_wrap=soft_wrap, highlight=False)

    for place, standing in enumerate(comparison.standings):
        if place:
            console.print()
        rows = [row for row in comparison.rows if row.condition == standing.condition]
        line(f"{comparison.dataset}, {comparison.task}, {standing.condition}: {_runs(rows)}", "bold")
        console.print(_table(comparison, standing, rows, console))
        for note in dict.fromkeys(row.note for row in rows if row.note):
            noted = [row for row in rows if row.note == note]
            line(f"{', '.join(row.loss for row in noted)}: {note}", "yellow" if noted[0].failed else "dim")
    if any(standing.best for standing in comparison.standings):
        line("* the best, and those that cannot be told apart from it", "dim")
    line(
        f"in brackets and by ±: the 95 % interval; p of the difference to {comparison.baseline}: "
        f"{comparison.standings[0].test}",
        "dim",
    )
    console.print()
    line(comparison.conclusion, "bold")
    if comparison.report_path is not None:
        line(f"Report: {comparison.report_path}", soft_wrap=True)


def _runs(rows: Sequence[Row]) -> str:
    most = max(row.runs for row in rows)
    return "one run of each loss" if most == 1 else f"{most} runs of each loss"


@dataclass(frozen=True)
class _Column:
    title: str
    cells: list[str]
    right: bool = True

    @property
    def width(self) -> int:
        from rich.cells import cell_len

        return max(map(cell_len, [self.title, *self.cells])) + 3  # the space on either side, and one between columns


def _table(comparison: Comparison, standing: Standing, rows: Sequence[Row], console: Console) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    columns = _fitting(comparison, standing, rows, console.width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=True, header_style="bold")
    for column in columns:
        table.add_column(
            Text(encodable(column.title, console.encoding)),
            justify="right" if column.right else "left",
            overflow="fold",
            no_wrap=False,
        )
    for index, row in enumerate(rows):
        style = "green" if row.loss in standing.best else "red" if row.failed == row.runs else ""
        table.add_row(*(Text(encodable(column.cells[index], console.encoding)) for column in columns), style=style)
    return table


def _fitting(comparison: Comparison, standing: Standing, rows: Sequence[Row], width: int) -> list[_Column]:
    """The columns in the order shown, with the less important left out, from the last on, until the rest fit."""
    primary = comparison.primary
    means = [row.metrics[primary.name] for row in rows]
    changes = [row.difference for row in rows]
    places = decimals_for(max((abs(mean.mean) for mean in means if math.isfinite(mean.mean)), default=0.0))
    rank = _Column("", [f"{row.rank}{'*' if row.loss in standing.best else ' '}" for row in rows])
    loss = _Column("loss", [clean(row.loss) for row in rows], right=False)
    quality = _Column(clean(primary.title), [_with_ends(mean, places) for mean in means])
    bare = _Column(clean(primary.title), [number(mean.mean, places) for mean in means])
    shift = "− baseline"
    wide = _Column(shift, ["baseline" if c is None else _with_reach(c, places) for c in changes])
    slim = _Column(shift, ["baseline" if c is None else _signed(c.mean, places) for c in changes])
    p_value = _Column("p", ["" if row.difference is None else p_text(row.p_value) for row in rows])
    seconds = _Column("s/run", [number(row.seconds, 2) for row in rows])
    others = [
        _Column(clean(metric.title), _aligned([row.metrics[metric.name].mean for row in rows]))
        for metric in comparison.metrics
        if metric.name != primary.name and all(metric.name in row.metrics for row in rows)
    ]
    candidates = [[rank, loss, quality, wide, p_value, *others[:kept], seconds] for kept in range(len(others), -1, -1)]
    candidates += [
        [rank, loss, quality, wide, p_value],
        [rank, loss, bare, wide, p_value],
        [rank, loss, bare, slim, p_value],
        [rank, loss, bare, p_value],
    ]
    narrowest = [rank, loss, bare]  # where even this is too wide, the names fold
    return next((columns for columns in candidates if sum(c.width for c in columns) - 1 <= width), narrowest)


def _aligned(values: Sequence[float]) -> list[str]:
    places = decimals_for(max((abs(value) for value in values if math.isfinite(value)), default=0.0))
    return [number(value, places) for value in values]


def _with_ends(interval: Interval, places: int) -> str:
    mean, low, high = (number(value, places) for value in (interval.mean, interval.low, interval.high))
    return f"{mean} ({low} to {high})" if math.isfinite(interval.high - interval.low) else mean


def _with_reach(interval: Interval, places: int) -> str:
    mean, reach = _signed(interval.mean, places), max(interval.high - interval.mean, interval.mean - interval.low)
    return f"{mean} ± {number(reach, places)}" if math.isfinite(reach) else mean


def _signed(value: float, places: int) -> str:
    text = number(abs(value), places)
    return text if text == "—" else f"{'−' if value < 0 else '+'}{text}"
