"""The battery's outcomes on any loss, as a diagnosis: what fails, on which input, what to do, traits and price."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from perdita.core.errors import InputError, nearest
from perdita.testing.battery import Outcome, run_checks, subject_of
from perdita.testing.doctor.advice import advice
from perdita.testing.doctor.inputs import ARGUMENTS, SAMPLERS
from perdita.testing.doctor.price import Price, price
from perdita.testing.forms import reason
from perdita.testing.registry import CHECKS, ConformanceError
from perdita.testing.search.traits import SEARCHES
from perdita.testing.subject import Subject

INPUT = "; input: "  # stands in a message before the input that shows the fault


@dataclass(frozen=True)
class Finding:
    """One check: its verdict (pass, fail, not applicable, limit) and, of a failure, its input and what to do."""

    check: str
    verdict: str
    asks: str
    message: str
    input: str
    advice: str
    seconds: float


@dataclass(frozen=True)
class Diagnosis:
    """All that was found of a loss.

    Args:
        loss: its name.
        task: of the card, or the form of input that a plain loss was given.
        plain: whether it is no perdita loss.
        takes: its tensors, in words.
        findings: one for each check.
        traits: trait → True or False, as the card claims; of a plain loss: whether a search found no counter-example.
        price: beside cross-entropy; None where only some checks were asked for, or its call fails.
    """

    loss: str
    task: str
    plain: bool
    takes: str
    findings: tuple[Finding, ...]
    traits: Mapping[str, Any]
    price: Price | None

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that fail."""
        return tuple(finding for finding in self.findings if finding.verdict == "fail")

    def to_json(self) -> dict[str, Any]:
        """What ``perdita check NAME --json`` prints."""
        found = asdict(self)
        return {**found, "findings": list(found["findings"]), "failed": len(self.failures)}


def locate(name: str) -> Any:
    """What ``module:name`` stands for. Raises `InputError` where there is no such module or attribute."""
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise InputError(f"give a loss as module:name, not {name!r}")
    if module.endswith(".py"):
        raise InputError(f"{module} is a file; name its module, as {Path(module).stem}:{attribute}")
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{module} cannot be imported: {error}") from error
    except Exception as error:  # what a module of the user's raises
        raise InputError(f"{module} cannot be imported: {reason(error)}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module} has no {attribute!r}{nearest(part, dir(found))}")
        found = getattr(found, part)
    return found


def diagnose(
    loss: Any,
    checks: Iterable[str] | None = None,
    *,
    task: str | None = None,
    sampler: Any = None,
    arguments: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Run the battery on a loss and say what its outcomes mean.

    Args:
        loss, checks, task, sampler, arguments: as in `run_battery`; those of the catalogue's own losses are known.
    """
    subject = subject_of(loss, sampler=sampler, arguments=arguments, task=task)
    card = subject.card
    if card.per_example.__module__.startswith("perdita.losses."):
        sampler, arguments = sampler or SAMPLERS.get(card.name), arguments or ARGUMENTS.get(card.name)
        subject = replace(subject, sampler=sampler, arguments=arguments)
    outcomes = run_checks(subject, checks)
    traits: Mapping[str, Any] = dict(card.traits.items())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if subject.plain else "default")  # the check ``silent`` has told them
        if subject.plain is not None and checks is None:
            refuses = any(outcome.check == "vmap" and outcome.status == "fail" for outcome in outcomes)
            traits = seen_traits(replace(subject, card=replace(card, limits={"vmap": "fails"})) if refuses else subject)
        cost = _price(subject) if checks is None else None
    return Diagnosis(
        loss=card.name,
        task=card.task,
        plain=subject.plain is not None,
        takes="; ".join(f"{item.name}: {item.expected()}" for item in card.signature.fields if not item.optional),
        findings=tuple(map(finding, outcomes)),
        traits=traits,
        price=cost,
    )


def finding(outcome: Outcome) -> Finding:
    """An outcome with its message and input apart, and with what to do where it fails."""
    message, _, shown = outcome.message.partition(INPUT)
    asks = (CHECKS[outcome.check].run.__doc__ or "").split("\n")[0]
    to_do = advice(outcome.check, message) if outcome.status == "fail" else ""
    return Finding(outcome.check, outcome.status, asks, message, shown, to_do, outcome.seconds)


def seen_traits(subject: Subject) -> dict[str, bool]:
    """Trait → whether a search found no counter-example; traits that cannot be searched are left out."""
    seen = {}
    for trait, (_, search) in SEARCHES.items():
        with contextlib.suppress(ConformanceError, RuntimeError, ValueError, IndexError, TypeError):
            seen[trait] = not search(subject, 1)
    return seen


def _price(subject: Subject) -> Price | None:
    with contextlib.suppress(Exception):  # its failures are among the findings
        return price(subject)
    return None
