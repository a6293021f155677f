"""``perdita choose``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perdita.cli.output import Json, open_console, print_json, print_table

if TYPE_CHECKING:
    from perdita.catalogue.choose import Answers, Choice


def choose(
    task: Annotated[str | None, typer.Option(help="What is predicted: a task of `perdita list`.")] = None,
    imbalance: Annotated[bool | None, typer.Option(help="Some classes or targets are much rarer.")] = None,
    noise: Annotated[bool | None, typer.Option(help="Some labels are wrong, or targets outliers.")] = None,
    calibrated: Annotated[bool | None, typer.Option(help="The probabilities must be right.")] = None,
    memory: Annotated[bool | None, typer.Option(help="Batches are small, or memory is short.")] = None,
    limit: Annotated[int, typer.Option(help="How many losses to name.", min=1)] = 6,
    as_json: Json = False,
) -> None:
    """Name the losses for your problem, and why; asks what no option says, where there is a terminal."""
    from perdita.catalogue.choose import QUESTIONS, Answers, tasks
    from perdita.catalogue.choose import choose as shortlist
    from perdita.core.errors import InputError

    given: dict[str, Any] = {"imbalance": imbalance, "noise": noise, "calibrated": calibrated, "memory": memory}
    if sys.stdin.isatty() and not as_json:
        task = task or _ask_task(tasks())
        given = {name: _ask_whether(QUESTIONS[name]) if said is None else said for name, said in given.items()}
    elif task is None and not any(said is not None for said in given.values()):
        options = ", ".join(f"--{name}" for name in given)
        raise InputError(f"no terminal to ask in: give --task, and what matters of {options}")
    answers = Answers(task=task, **given)
    found = shortlist(answers, limit=limit)
    command = _command(answers, found)
    rows = [choice.to_json() for choice in found]
    if as_json:
        return print_json({"answers": vars(answers), "losses": rows, "compare": command})
    shown = [{**row, "why": "\n".join([*(f"+ {r}" for r in row["for"]), *(f"- {r}" for r in row["against"])])}
             for row in rows]  # fmt: skip
    console = open_console()
    print_table(console, shown, {"name": "loss", "summary": "what it is", "why": "for and against"})
    met = {need for choice in found for need in choice.met}
    for need in answers.needs:
        if need not in met:
            console.print(f"no fact of these losses speaks to: {QUESTIONS[need]}", markup=False, highlight=False)
    if command is None and task is None:
        console.print("settle it: name the --task, and this says how `perdita compare` does", soft_wrap=True)
    elif command is None:
        console.print("settle it: `perdita compare` has no data of this task; compare them in your own training")
    else:
        console.print(f"settle it: {command}", markup=False, highlight=False, soft_wrap=True)
    return None


def _ask_task(known: Sequence[str]) -> str | None:
    """One of the tasks, or nothing where the answer is empty."""
    from perdita.core.errors import nearest

    question = f"What is predicted? ({', '.join(known)}; empty: any)"
    while (said := _ask(question)) not in (*known, ""):
        question = f"no task is called {said!r}{nearest(said, known)}"
    return said or None


def _ask(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False)).strip()


def _ask_whether(question: str) -> bool | None:
    """Yes, no, or nothing where the answer is empty."""
    while (said := _ask(f"{question} (y/n, empty: don't care)").lower()) not in ("y", "yes", "n", "no", ""):
        pass
    return None if said == "" else said.startswith("y")


def _command(answers: Answers, found: Sequence[Choice]) -> str | None:
    """The comparison that settles the shortlist; None where no comparison takes such losses."""
    from perdita.catalogue.choose import compare_command
    from perdita.compare.arms import BASELINES, fits

    task = answers.task or next((choice.card.task for choice in found if choice.card.task in BASELINES), None)
    if task not in BASELINES:
        return None
    names = [choice.card.name for choice in found if fits(choice.card, task)]
    return compare_command(answers, names, task, BASELINES[task]) if names else None
