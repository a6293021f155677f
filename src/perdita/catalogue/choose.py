"""Which loss? Answers to five questions, and for each loss of the task what its card and its paper's claim say to them.

Nothing is known here of any single loss: reasons are read from traits, arguments, rooms, costs and verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.catalogue.behaviour import background_is_free, pulls_evenly
from perdita.core import catalogue
from perdita.core.card import Card
from perdita.core.errors import InputError, nearest

QUESTIONS = {  # after the task; each is answered yes, no, or not at all
    "imbalance": "Are some classes or targets much rarer than others?",
    "noise": "Are some labels wrong, or some targets outliers?",
    "calibrated": "Must the predicted probabilities be right, not only their order?",
    "memory": "Are batches small, or is memory short?",
}
FEW = 5  # losses of one paper; the claim of a survey of more speaks of no single one
OWN_PRIOR = ("class_weight", "class_counts", "class_prior", "positive_weight")
METRICS = {"imbalance": "balanced_accuracy", "calibrated": "log_loss"}  # that a need asks a comparison of classes for


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What is known of a problem; None is "don't care"."""

    task: str | None = None
    imbalance: bool | None = None
    noise: bool | None = None
    calibrated: bool | None = None
    memory: bool | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The questions answered with yes."""
        return tuple(item.name for item in fields(self) if getattr(self, item.name) is True)


@dataclass(frozen=True)
class Reason:
    """One fact for a loss (a positive weight) or against it, and the need it speaks to ("" where to any)."""

    weight: float
    text: str
    need: str = ""


@dataclass(frozen=True)
class Choice:
    """A loss of the shortlist, with every reason for and against it."""

    card: Card
    reasons: tuple[Reason, ...]

    @property
    def score(self) -> float:
        """The sum of the weights."""
        return sum(reason.weight for reason in self.reasons)

    @property
    def met(self) -> tuple[str, ...]:
        """The needs for which more is said in its favour than against it."""
        needs = dict.fromkeys(reason.need for reason in self.reasons if reason.need)
        return tuple(need for need in needs if sum(r.weight for r in self.reasons if r.need == need) > 0)

    def to_json(self) -> dict[str, Any]:
        """A row of ``perdita choose --json``."""
        ordered = sorted(self.reasons, key=lambda reason: -reason.weight)
        return {
            "name": self.card.name,
            "task": self.card.task,
            "summary": self.card.summary,
            "score": round(self.score, 2),
            "answers": list(self.met),
            "for": [reason.text for reason in ordered if reason.weight > 0],
            "against": [reason.text for reason in ordered if reason.weight < 0],
        }


def tasks() -> list[str]:
    """The tasks of the catalogue."""
    return sorted({card.task for card in catalogue.cards()})


def choose(
    answers: Answers,
    *,
    cards: Iterable[Card] | None = None,
    results: Mapping[str, Mapping[str, Any]] | None = None,
    limit: int | None = 6,
) -> list[Choice]:
    """The shortlist for a problem, best first; equal ones by name.

    Args:
        answers: to the five questions.
        cards: among which to choose; None means the whole catalogue.
        results: slug → stored result of a claim; None takes those that perdita comes with.
        limit: how many at most; None gives all.

    Returns:
        The losses of the task: those that answer more of the needs first, then those with the higher sum of weights.

    Raises:
        InputError: a task that no loss has.
    """
    known = tasks()
    if answers.task is not None and answers.task not in known:
        raise InputError(
            f"no loss has the task {answers.task!r}{nearest(answers.task, known)}; tasks: {', '.join(known)}"
        )
    if results is None:
        from perdita.claims.harness import stored_results

        results = stored_results()
    searched = catalogue.cards() if cards is None else cards
    brought = Counter(card.paper for card in catalogue.cards())
    told = {slug: result for slug, result in results.items() if brought[slug] <= FEW}
    found = [
        Choice(card, tuple(reasons(card, answers, told)))
        for card in searched
        if answers.task is None or card.task == answers.task
    ]
    return sorted(found, key=lambda choice: (-len(choice.met), -choice.score, choice.card.name))[:limit]


def reasons(card: Card, answers: Answers, results: Mapping[str, Mapping[str, Any]]) -> Iterator[Reason]:
    """Every fact of a card that speaks to the answers, and those that speak in any case."""
    speak = {"imbalance": _imbalance, "noise": _noise, "calibrated": _calibrated, "memory": _memory}
    for need in answers.needs:
        for weight, text in speak[need](card):
            yield Reason(weight, text, need)
    if not answers.needs and card.traits.proper:
        yield Reason(0.5, "proper: its expectation is least at the true probabilities")
    if not answers.needs and card.traits.convex and card.rowwise:
        yield Reason(0.5, "convex in what the model gives, and each value is its own row's")
    if card.traits.classification_calibrated is False:
        yield Reason(-2.0, "not classification calibrated: its minimiser may put a wrong class first")
    if further := [item.name for item in card.signature.fields if not item.optional][2:]:
        yield Reason(-1.0 * len(further), f"needs {', '.join(further)} too")
    if card.limits:
        yield Reason(-0.25 * len(card.limits), f"does not support {', '.join(card.limits)}")
    if (result := results.get(card.paper or "")) is not None:
        weight = {"holds": 0.5, "does not hold": -0.5}.get(str(result["verdict"]), 0.0)
        if weight:
            yield Reason(weight, f"its paper's claim {result['verdict']} when measured again: {result['statement']}")


Facts = Iterator[tuple[float, str]]


def _room(card: Card) -> str:
    parts = card.per_example.__module__.split(".")
    return parts[2] if parts[:2] == ["perdita", "losses"] else ""


def _imbalance(card: Card) -> Facts:
    if _room(card) == "imbalance":
        yield 2.0, "made for classes or targets of unequal frequency"
    if card.task == "segmentation" and background_is_free(card):
        yield 2.0, "background that is predicted right counts for nothing, however much there is of it"
    named = {*card.signature.defaults, *(item.name for item in card.signature.fields)}
    if own := [name for name in OWN_PRIOR if name in named]:
        yield 1.0, f"takes {', '.join(own)}"


def _labelled(card: Card) -> bool:
    """Whether what is learned is no number."""
    return card.task not in ("regression", "forecasting", "depth", "value")


def _noise(card: Card) -> Facts:
    if card.traits.symmetric:
        yield 2.0, "symmetric: labels that are wrong at random do not move its minimiser"
    if card.traits.minimizer in ("median", "quantile"):
        yield 2.0, f"its best constant is the {card.traits.minimizer}, which outliers hardly move"
    if pulls_evenly(card):
        yield 1.0, "an outlier pulls no harder, however far it lies"
    if card.traits.bounded:
        yield 1.0, f"bounded: {'a wrong label' if _labelled(card) else 'an outlier'} costs only so much"
    if _room(card) == "noise":
        yield 1.0, "made for wrong labels"
    if card.traits.minimizer == "mean" and card.traits.bounded is False:
        yield -1.0, "its best constant is the mean, which a single outlier moves"


def _calibrated(card: Card) -> Facts:
    if card.traits.proper:
        yield 3.0, "proper: its expectation is least at the true probabilities"
    if card.traits.proper is False:
        yield -2.0, "not proper: its probabilities have to be calibrated afterwards"
    if _room(card) == "calibration":
        yield 1.0, "made for calibration"


def _memory(card: Card) -> Facts:
    if card.rowwise:
        yield 1.0, "each value is its own row's: batches of any size, and accumulated gradients are exact"
    else:
        yield -1.0, "its values depend on the other rows: small batches change it"
    if squared(card.cost.memory):
        yield -1.0, f"its memory grows with the square of the batch: O({card.cost.memory})"
    else:
        yield 0.5 / card.cost.passes, f"memory O({card.cost.memory}), {card.cost.passes} passes over its input"


def squared(cost: str) -> bool:
    """Whether a term of a cost has the number of rows more than once."""
    return any(term.split().count("n") > 1 or "n^" in term for term in cost.replace(",", " + ").split("+"))


def compare_command(answers: Answers, names: Iterable[str], task: str, baseline: str, data: str = "DATA") -> str:
    """The command that settles a shortlist on one's own data.

    Args:
        answers: what is needed decides the metric.
        names: of the losses, all of which fit the task.
        task, baseline: of the comparison.
        data: name of a data set or file.
    """
    losses = ",".join(dict.fromkeys([baseline, *names]))
    classes = task not in ("regression", "embedding")
    metric = next((METRICS[need] for need in answers.needs if need in METRICS and classes), None)
    if task == "regression" and answers.noise:
        metric = "mae"
    return (
        f"perdita compare {data} --task {task} --losses {losses} --baseline {baseline}"
        f"{'' if metric is None else f' --metric {metric}'}"
    )
