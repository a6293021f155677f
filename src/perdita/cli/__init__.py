"""The commands. They hold no logic: each calls one function and prints what it gives. PyTorch is loaded by none of the
help, only by a command that runs."""

from __future__ import annotations

from typing import Annotated

import typer

import perdita
from perdita.cli.checking import check
from perdita.cli.choosing import choose
from perdita.cli.comparing import compare
from perdita.cli.looking import find, list_, papers, show
from perdita.cli.reproducing import reproduce

app = typer.Typer(add_completion=False, rich_markup_mode=None)


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


for command in (find, show, choose, compare, check, list_, papers, reproduce):
    head = str(command.__doc__).split("\n")[0]
    app.command(name=command.__name__.rstrip("_"), short_help=head)(command)
