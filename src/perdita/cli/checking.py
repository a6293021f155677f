"""``perdita check``: a loss, or the log of a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import perdita
from perdita.cli.output import Json, open_console, print_json, print_table

if TYPE_CHECKING:
    from rich.console import Console

    from perdita.testing.doctor import Diagnosis
    from perdita.testing.doctor.price import Price

FORMS = (
    "multiclass, embeddings, regression, binary, probabilities, vectors, soft, multilabel, sign, counts, log_probs, "
    "triplet, pairs, ranking or variance"
)


def check(
    name: Annotated[
        str | None,
        typer.Argument(help="A loss of perdita, or module:name of any function, module or class, as torch.nn:MSELoss."),
    ] = None,
    checks: Annotated[str | None, typer.Option(help="Only these, with commas, as gradcheck,compile.")] = None,
    task: Annotated[str | None, typer.Option(help=f"What a loss that is not perdita's takes: {FORMS}.")] = None,
    arguments: Annotated[
        str | None, typer.Option(help="Of a class's constructor, as JSON: '{\"classes\": 4}'.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="module:function of (generator, n, dtype) that draws the loss's tensors.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the outcome as JUnit XML too.")] = None,
    training: Annotated[Path | None, typer.Option(help="Check a training's log, a CSV file, and no loss.")] = None,
    step: Annotated[str | None, typer.Option(help="The log's column of steps.")] = None,
    columns: Annotated[str | None, typer.Option(help="The log's columns to look at, with commas.")] = None,
    as_json: Json = False,
) -> None:
    """Examine a loss, or a training's log; the exit code is 1 where something is wrong."""
    from perdita.core.errors import InputError

    if (name is None) == (training is None):
        raise InputError("give a loss, or --training with the log of a training")
    of_loss = {"checks": checks, "task": task, "arguments": arguments, "sampler": sampler, "junit": junit}
    other = {"step": step, "columns": columns} if training is None else of_loss
    what = "log: give --training" if training is None else "loss, and not of a log"
    for option, given in other.items():
        if given is not None:
            raise InputError(f"--{option} is of a {what}")
    if training is not None:
        raise typer.Exit(_check_log(training, step, _names(columns), as_json))
    from perdita.testing.doctor import diagnose, locate, to_junit

    loss: Any = locate(str(name)) if ":" in str(name) else _own(str(name))
    with open_console().status(f"examining {name}"):  # some seconds, most of them in torch.compile
        found = diagnose(
            loss,
            _names(checks),
            task=task,
            sampler=locate(sampler) if sampler else None,
            arguments=_arguments(arguments),
        )
    if junit is not None:
        junit.write_text(to_junit(found), encoding="utf-8")
    if as_json:
        print_json(found.to_json())
    else:
        _show(found, open_console())
    raise typer.Exit(1 if found.failures else 0)


def _own(name: str) -> Any:
    """The card of a loss of perdita."""
    from perdita.core.errors import InputError

    if "." in name:
        hint = "one of a module of yours, or of another library, is module:name, as torch.nn:MSELoss"
        raise InputError(f"no loss of perdita is called {name!r}; {hint}")
    return perdita.card(name)


def _names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",")] if text else None


def _arguments(text: str | None) -> dict[str, Any] | None:
    from perdita.core.errors import InputError

    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"arguments must be JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"arguments must be a JSON object, not {text}")
    return found


def _show(found: Diagnosis, console: Console) -> None:
    console.print(found.loss, style="bold", markup=False, highlight=False)
    kind = f"no perdita loss; taken as {found.task}" if found.plain else found.task
    console.print(f"{kind}: {found.takes}", markup=False, highlight=False)
    print_table(console, _rows(found), {"check": "check", "verdict": "verdict", "why": "why, or what holds"})
    for one in found.failures:
        console.print(f"{one.check} fails", style="bold", markup=False, highlight=False)
        parts = {"seen": one.message, "input": one.input, "do": one.advice}
        for head, text in parts.items():
            if text:
                console.print(f"  {head}: {text}", markup=False, highlight=False, soft_wrap=True)
    if found.traits:
        source = "traits that a search did not refute" if found.plain else "traits on the card"
        said = ", ".join(trait.replace("_", " ") for trait, value in found.traits.items() if value is True)
        console.print(f"{source}: {said or 'none'}", markup=False, highlight=False)
    if found.price is not None:
        console.print(_price(found.price), markup=False, highlight=False, soft_wrap=True)
    idle = sum(one.verdict == "not applicable" for one in found.findings)
    failed = len(found.failures)
    console.print(f"{len(found.findings)} checks, {failed} failed, {idle} not applicable", highlight=False)


def _rows(found: Diagnosis) -> list[dict[str, str]]:
    """Failures first, then what passes; checks that do not apply for the same reason share a row."""
    order = {"fail": 0, "limit": 1, "pass": 2}
    told = sorted((one for one in found.findings if one.verdict in order), key=lambda one: order[one.verdict])
    rows = [{"check": one.check, "verdict": one.verdict, "why": one.message or one.asks} for one in told]
    idle: dict[str, list[str]] = {}
    for one in found.findings:
        if one.verdict not in order:
            reason = (
                "the card claims no such trait" if one.message.startswith("the card claims nothing") else one.message
            )
            idle.setdefault(reason, []).append(one.check)
    for reason, checks in idle.items():
        name, listed = (checks[0], "") if len(checks) == 1 else (f"{len(checks)} checks", f": {', '.join(checks)}")
        rows.append({"check": name, "verdict": "not applicable", "why": reason + listed})
    return rows


def _price(price: Price) -> str:
    """What a step costs, beside cross-entropy."""
    text = (
        f"cost on {price.rows} rows of {price.numbers // price.rows}: {price.seconds * 1e3:.3g} ms there and back "
        f"({price.seconds / price.peer_seconds:.2g} times cross-entropy's), {price.kept_bytes / 1024:.4g} KiB kept "
        f"between them ({price.kept_bytes / price.peer_kept_bytes:.2g} times)"
    )
    return text if price.growth is None else f"{text}; memory grows with the rows to the power {price.growth:.2g}"


def _check_log(path: Path, step: str | None, columns: list[str] | None, as_json: bool) -> int:
    """Print what is wrong with a training; gives the exit code."""
    from perdita.judge.log_file import read_log
    from perdita.judge.training_log import FEWEST, examine, too_short

    log = read_log(path, step)
    found = examine(log, columns)
    if as_json:
        print_json([vars(one) for one in found])
    elif found:
        rows = [{"what": one.kind, "column": one.column, "sentence": one.sentence} for one in found]
        print_table(open_console(), rows, {"what": "what", "column": "column", "sentence": "where and how much"})
    else:
        open_console().print(f"nothing found in {path}", markup=False, highlight=False)
    for name, count in () if as_json else too_short({one: log[one] for one in columns or log}).items():
        note = f"{name} has {count} values; in fewer than {FEWEST} only NaN and infinite ones are looked for"
        open_console().print(note, markup=False, highlight=False)
    return 1 if found else 0
