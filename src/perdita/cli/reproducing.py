"""``perdita reproduce``."""

from __future__ import annotations

from typing import Annotated

import typer

from perdita.cli.output import Json, open_console, print_json, print_table


def reproduce(
    slug: Annotated[str | None, typer.Argument(help="Paper whose claim is measured again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every claim.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Number of seeds; each claim has its own.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Store the results for papers and the docs.")] = False,
    as_json: Json = False,
) -> None:
    """Measure a paper's claim again, at small scale, and judge it by a rule fixed beforehand."""
    from perdita.claims import harness
    from perdita.compare.terminal import progress
    from perdita.core.errors import InputError

    if everything == (slug is not None):
        raise InputError("give the slug of a paper, or --all")
    rows, remarks = [], []
    chosen = list(harness.slugs()) if everything else [str(slug)]
    with progress(len(chosen), text=chosen[0]) as bar:
        for name, following in zip(chosen, [*chosen[1:], ""], strict=True):
            result = harness.reproduce(name, seeds)
            rows.append(result.to_json())
            remarks += [f"{name}: {remark}" for remark in result.evidence.details.get("remarks", [])]
            if write:
                harness.store_results([result])
            bar.advance(text=following)
    if as_json:
        return print_json(rows if everything else rows[0])
    console = open_console()
    if not everything:
        console.print(f"{rows[0]['statement']}\n\n{rows[0]['rule']}\n", markup=False, highlight=False)
    columns = ("slug", "verdict", "effect", "interval", "baseline", "measured", "n", "seconds")
    print_table(console, rows, {column: column for column in columns})
    for remark in remarks:
        console.print(remark, markup=False, highlight=False)
    return None
