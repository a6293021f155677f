"""The commands. They hold no logic: each calls one function and prints what it gives. PyTorch is loaded by none of the
help, only by a command that runs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import perdita

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


@app.callback(invoke_without_command=True)
def perdita_(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    """The loss a model is trained on: find losses, compare them on your data, and check what papers claim of them."""
    if version:
        typer.echo(f"perdita {perdita.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def compare(
    source: Annotated[str, typer.Argument(help="digits, wine, …, a CSV, Parquet or NPZ file, or a folder of images.")],
    target: Annotated[str | None, typer.Option(help="Column to predict.")] = None,
    task: Annotated[str | None, typer.Option(help="multiclass, binary, ordinal or regression; inferred if not given.")] = None,
    losses: Annotated[
        str | None, typer.Option(help="Names and patterns, as focal,poly*; all; or a YAML/JSON file.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Loss that the others are compared with.")] = None,
    seeds: Annotated[int, typer.Option(help="Repetitions, each with its own split and initial weights.")] = 10,
    folds: Annotated[int, typer.Option(help="Cross-validation folds; 0 draws a hold-out split for each seed.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training part.")] = None,
    model: Annotated[str, typer.Option(help="mlp, cnn, gru, or module:factory.")] = "mlp",
    stress: Annotated[
        str, typer.Option(help="Conditions, as clean,noise=0.3,imbalance=50,outliers=0.1,few=10.")
    ] = "clean",
    tune: Annotated[int, typer.Option(help="Configurations that each loss may try first.")] = 0,
    metric: Annotated[str | None, typer.Option(help="Primary metric.")] = None,
    test: Annotated[str, typer.Option(help="Of the paired differences: t (corrected), wilcoxon or permutation.")] = "t",
    batch_size: Annotated[int | None, typer.Option(help="Rows in a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="The same for every loss.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0 is one for each core.")] = 0,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Take what an earlier run has finished.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of the report and tables.")] = None,
    as_json: Json = False,
) -> None:
    """Train every loss on your data under the same conditions, and say which can be told apart."""
    from perdita.compare.run import compare as run
    from perdita.compare.terminal import progress, show

    console = _console()
    comparison = run(
        model, source, losses, target=target, task=task, baseline=baseline, seeds=seeds, folds=folds, epochs=epochs,
        batch_size=batch_size, learning_rate=learning_rate, stress=stress, tune=tune, metric=metric, test=test,
        workers=workers, resume=resume, out=out, progress=None if as_json else progress,
        command=shlex.join(["perdita", *sys.argv[1:]]),
    )  # fmt: skip
    if as_json:
        _print_json(comparison.to_json())
    else:
        show(comparison, console)


@app.command()
def find(
    query: Annotated[list[str], typer.Argument(help='Words, as "imbalanced segmentation".')], as_json: Json = False
) -> None:
    """Search the losses."""
    from perdita.catalogue.search import find as search
    from perdita.catalogue.show import brief

    words = " ".join(query)
    found = search(words)
    if as_json:
        return _print_json(brief(found.cards))
    console = _console()
    for word, instead in found.corrected.items():
        note = f"searching for {' or '.join(instead)} instead of {word}" if instead else f"no loss mentions {word}"
        console.print(note, style="dim", markup=False)
    if found.cards:
        _print_table(console, brief(found.cards), {"name": "loss", "task": "task", "summary": "what it is"})
    else:
        console.print(f"nothing found for {words!r}{found.hint}", markup=False)
    return None


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name, class name or alias of a loss.")], as_json: Json = False
) -> None:
    """Show all that is known of a loss."""
    from perdita.catalogue.show import describe, page
    from perdita.core import catalogue

    card = catalogue.card(name)
    if as_json:
        return _print_json(describe(card))
    console = _console()
    for index, (heading, text) in enumerate(page(card, unicode=_speaks_unicode())):
        console.print(heading if index == 0 else f"\n{heading}", style="bold", markup=False)
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    return None


@app.command(name="list")
def list_(
    task: Annotated[str | None, typer.Option(help="Only the losses of this task.")] = None, as_json: Json = False
) -> None:
    """List the losses."""
    from perdita.catalogue.show import list_rows

    rows = list_rows(task)
    if as_json:
        return _print_json(rows)
    return _print_table(_console(), rows, {"name": "loss", "task": "task", "paper": "paper", "summary": "what it is"})


@app.command()
def papers(as_json: Json = False) -> None:
    """List the papers, what of each is here, and what became of its claim."""
    from perdita.catalogue.papers import paper_rows

    rows = paper_rows()
    if as_json:
        return _print_json(rows)
    shown = [{**row, "claim": row["claim"] and row["claim"]["verdict"]} for row in rows]
    heads = {"slug": "paper", "room": "room", "components": "components", "vectors": "vectors", "claim": "claim"}
    return _print_table(_console(), shown, {**heads, "title": "title"})


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of a loss, or module:loss for one of your own.")],
    checks: Annotated[str | None, typer.Option(help="Only these, with commas.")] = None,
    as_json: Json = False,
) -> None:
    """Run the conformance battery on a loss; the exit code is 1 where a check fails."""
    from perdita.testing import run_battery

    outcomes = run_battery(perdita.card(name), checks.split(",") if checks else None)
    rows = [vars(outcome) for outcome in outcomes]
    failed = sum(outcome.status == "fail" for outcome in outcomes)
    if as_json:
        _print_json(rows)
    else:
        console = _console()
        shown = [row for row in rows if row["status"] != "pass"]
        if shown:
            _print_table(console, shown, {"check": "check", "status": "status", "message": "why"})
        console.print(f"{len(rows)} checks, {failed} failed", highlight=False)
    raise typer.Exit(1 if failed else 0)


@app.command()
def reproduce(
    slug: Annotated[str | None, typer.Argument(help="Paper whose claim is measured again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every claim.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds; each claim has its own.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Store the results for papers and the docs.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a paper's claim again, at small scale, and judge it by a rule fixed beforehand."""
    from perdita.claims import harness
    from perdita.core.errors import InputError

    if everything == (slug is not None):
        raise InputError("give the slug of a paper, or --all")
    rows, remarks = [], []
    for result in harness.reproduce_all(seeds) if everything else [harness.reproduce(str(slug), seeds)]:
        rows.append(result.to_json())
        remarks += [f"{result.claim.slug}: {remark}" for remark in result.evidence.details.get("remarks", [])]
        if write:
            harness.store_results([result])
    if as_json:
        return _print_json(rows if everything else rows[0])
    console = _console()
    if not everything:
        console.print(f"{rows[0]['statement']}\n\n{rows[0]['rule']}\n", markup=False, highlight=False)
    columns = ("slug", "verdict", "effect", "interval", "baseline", "measured", "n", "seconds")
    _print_table(console, rows, {column: column for column in columns})
    for remark in remarks:
        console.print(remark, markup=False, highlight=False)
    return None


def _console() -> Console:
    """The terminal; 160 columns where there is none, so that what is piped is neither cut nor folded early."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def _speaks_unicode() -> bool:
    return (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")


def _print_table(console: Console, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
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


def _print_json(value: Any) -> None:
    """JSON that every reader takes: what is not finite is null, and every character is ASCII."""
    from perdita.claims.harness import finite

    print(json.dumps(finite(value), indent=2, allow_nan=False))
