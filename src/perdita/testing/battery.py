"""The conformance battery: every check, run on one loss."""

from __future__ import annotations

import inspect
import re
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from perdita.core.card import Card
from perdita.core.errors import InputError, nearest
from perdita.testing import (  # noqa: F401 (importing a module of checks registers them)
    class_checks,
    input_checks,
    numerics_checks,
    object_checks,
    reduction_checks,
    rejection_checks,
    row_checks,
    transform_checks,
)
from perdita.testing.plain import plain_card
from perdita.testing.registry import CHECKS, Check, ConformanceError
from perdita.testing.sample import Sampler
from perdita.testing.search import traits  # noqa: F401
from perdita.testing.subject import Subject

ACCIDENTS = (AssertionError, AttributeError, IndexError, KeyError, NameError, TypeError, ZeroDivisionError)

REPORT_IT = re.compile(r"\s*We don't support that yet, please file an issue at \S+( \.)?")  # torch's, of its vmap
UNBATCHED = "There is a performance drop because"  # of torch's own vmap, whose value is right


@dataclass(frozen=True)
class Outcome:
    """What one check found: status is pass, fail, not applicable or limit (a declared one that was proved)."""

    check: str
    status: str
    message: str
    seconds: float


def subject_of(
    loss: Any,
    *,
    sampler: Sampler | None = None,
    arguments: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> Subject:
    """The subject of a card, a public function, a `Criterion` class or module, or of any other callable."""
    found = loss if isinstance(loss, Card) else getattr(loss, "card", None)
    if isinstance(found, Card):
        _check_given(found, arguments or {}, task)
        return Subject(found, sampler, arguments)
    card, plain = plain_card(loss, task, arguments, sampler)
    return Subject(card, sampler, plain=plain)


def _check_given(card: Card, arguments: Mapping[str, Any], task: str | None) -> None:
    if task is not None:
        raise InputError(f"task is of a loss that is not perdita's; {card.name} takes its own")
    known = inspect.signature(card.criterion).parameters
    for name in arguments:
        if name not in known:
            raise InputError(f"{card.name} has no argument {name!r}{nearest(name, known)}")


def run_battery(
    loss: Any,
    checks: Iterable[str] | None = None,
    *,
    sampler: Sampler | None = None,
    arguments: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> list[Outcome]:
    """Run the battery on one loss.

    Args:
        loss: a card, a public function, a `Criterion` class or module; or any function, module or class of another
            library, called as it is: what the contract alone asks does not apply to it.
        checks: names of checks; all of them unless given.
        sampler: function of (generator, n, dtype) that draws inputs, where the signature cannot tell them.
        arguments: of the constructor, where the loss is a class.
        task: what such a callable takes, a key of `perdita.testing.forms.FORMS`; guessed unless given.

    Returns:
        One outcome for each check, in the order of the registry.

    Raises:
        InputError: no loss, or no such check.
    """
    return run_checks(subject_of(loss, sampler=sampler, arguments=arguments, task=task), checks)


def run_checks(subject: Subject, checks: Iterable[str] | None = None) -> list[Outcome]:
    """Run checks, all of them unless some are named, on one subject."""
    names = list(CHECKS) if checks is None else list(checks)
    for name in [*names, *subject.card.limits]:
        if name not in CHECKS:
            raise InputError(f"unknown check {name!r}{nearest(name, CHECKS)}")
    return [run_check(CHECKS[name], subject) for name in names]


def assert_loss_conforms(loss: Any, checks: Iterable[str] | None = None, **given: Any) -> None:
    """Raise one `ConformanceError` that lists every check a loss fails; arguments as in `run_battery`."""
    failed = [outcome for outcome in run_battery(loss, checks, **given) if outcome.status == "fail"]
    if failed:
        raise ConformanceError(
            failed[0].check, "\n".join([failed[0].message, *(f"{o.check}: {o.message}" for o in failed[1:])])
        )


def run_check(check: Check, subject: Subject) -> Outcome:
    """Run one check; where the card declares it as a limit, prove that the limit is real and its error clear."""
    start = time.perf_counter()
    status, message = _verdict(check, subject)
    return Outcome(check.name, status, message, time.perf_counter() - start)


def _verdict(check: Check, subject: Subject) -> tuple[str, str]:
    declared = subject.card.limits.get(check.name)
    if reason := check.reason_against(subject):
        if declared is not None:
            return "fail", f"the card declares a limit that is not needed: the check does not apply ({reason})"
        return "not applicable", reason
    error = _error(check, subject)
    if declared is None:
        return ("pass", "") if error is None else ("fail", _message(check, _smallest(check, subject, error)))
    if error is None:
        return "fail", f"the card declares a limit that is not needed: the check passes ({declared!r})"
    if fault := _unclear(check, error):
        return "fail", f"declared as a limit ({declared!r}), but {fault}: {_message(check, error)}"
    return "limit", f"{declared} [{_message(check, error)}]"


def _error(check: Check, subject: Subject) -> Exception | None:
    """What a check raises; a warning counts, each time and not only at its first occurrence in a process."""
    always = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for known in (*subject.plain.warns, UNBATCHED) if subject.plain else ():
                warnings.filterwarnings("ignore", re.escape(known))  # the check ``silent`` tells it, once
            check.run(subject)
    except Exception as error:
        return error
    finally:
        torch.set_warn_always(always)
    return None


def _smallest(check: Check, subject: Subject, error: Exception) -> Exception:
    """The same failure on the fewest rows, then the fewest classes, then with rounded numbers."""
    for way in ("rows", "classes", "digits") if check.shrinks and isinstance(error, ConformanceError) else ():
        for smaller in subject.smaller(way):
            found = _error(check, smaller)
            if isinstance(found, ConformanceError):
                subject, error = smaller, found
                break
    return error


def _message(check: Check, error: Exception) -> str:
    if isinstance(error, ConformanceError):
        return str(error).removeprefix(f"{check.name}: ")
    return f"{type(error).__name__}: {REPORT_IT.sub('', str(error)).strip()}"


def _unclear(check: Check, error: Exception) -> str:
    """What is wrong with the error of a declared limit, or ""."""
    raised = error.__cause__ if isinstance(error, ConformanceError) else error
    if raised is None:
        return "nothing is raised: the number is wrong without a word" if check.must_raise else ""
    if isinstance(raised, ACCIDENTS) or not str(raised).strip():
        return f"its error is an accident ({type(raised).__name__})"
    return ""
