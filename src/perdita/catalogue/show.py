"""A card as text and as JSON: all that is known of a loss, on one page."""

from __future__ import annotations

import re
from typing import Any

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.catalogue.curve import draw, loss_curve
from perdita.catalogue.papers import bibliography
from perdita.core import catalogue
from perdita.core.card import Card, Range
from perdita.core.domains import DOMAINS
from perdita.core.errors import InputError, nearest
from perdita.core.signature import REQUIRED


def describe(card: Card) -> dict[str, Any]:
    """What ``perdita show NAME --json`` prints."""
    paper = bibliography().get(card.paper or "")
    return {
        "name": card.name,
        "class": card.class_name,
        "task": card.task,
        "aliases": list(card.aliases),
        "summary": card.summary,
        "formula": card.formula,
        "source": card.source,
        "paper": None if paper is None else {"slug": paper.slug, "citation": paper.citation},
        "traits": dict(card.traits.items()),
        "hyperparameters": [_hyperparameter(card, name) for name in card.signature.defaults],
        "tensors": [
            {"name": field.name, "expected": field.expected(), "domain": field.domain, "optional": field.optional}
            for field in card.signature.fields
        ],
        "cost": vars(card.cost),
        "example": card.section("example"),
    }


def page(card: Card, unicode: bool = True) -> list[tuple[str, str]]:
    """What ``perdita show NAME`` prints: headings with their text, those without text left out."""
    facts = describe(card)
    curve = loss_curve(card)
    paper = facts["paper"]
    lines = {
        "Also known as": ", ".join(facts["aliases"]),
        "Task": facts["task"],
        "Definition": _readable(facts["formula"]),
        "Inputs": _aligned([(tensor["name"], _input(tensor)) for tensor in facts["tensors"]]),
        "Hyper-parameters": _aligned([(own["name"], _setting(own)) for own in facts["hyperparameters"]]),
        "Traits": ", ".join(_trait(name, value) for name, value in facts["traits"].items()),
        "Cost": "time O({time}), memory O({memory}), {passes} passes over the first argument".format(**facts["cost"]),
        "Shape": "" if curve is None else "\n".join(draw(curve, unicode=unicode)),
        "Example": facts["example"],
        "Source": facts["source"],
        "Paper": "" if paper is None else f"{paper['slug']}: {paper['citation']}",
    }
    return [(f"{card.name} ({card.class_name})", card.summary), *((head, text) for head, text in lines.items() if text)]


def list_rows(task: str | None = None) -> list[dict[str, Any]]:
    """One row for each loss, or each of a task. Raises `InputError` for a task that no loss has."""
    tasks = sorted({card.task for card in catalogue.cards()})
    if task is not None and task not in tasks:
        raise InputError(f"no loss has the task {task!r}{nearest(task, tasks)}; tasks: {', '.join(tasks)}")
    return brief(catalogue.cards(task))


def brief(cards: Any) -> list[dict[str, Any]]:
    """Name, class, task, paper and summary of each card."""
    return [
        {"name": card.name, "class": card.class_name, "task": card.task, "paper": card.paper, "summary": card.summary}
        for card in cards
    ]


def _hyperparameter(card: Card, name: str) -> dict[str, Any]:
    default, allowed = card.signature.defaults[name], card.ranges.get(name)
    required = default is REQUIRED
    return {
        "name": name,
        "required": required,
        "default": None if required else default,
        "range": None if allowed is None else str(allowed),
        "search": list(allowed.search) if isinstance(allowed, Range) and allowed.search else None,
    }


def _setting(own: dict[str, Any]) -> str:
    parts = ["required" if own["required"] else f"default {own['default']!r}", own["range"] or ""]
    if own["search"]:
        parts.append("searched in {:g} to {:g}".format(*own["search"]))
    return ", ".join(part for part in parts if part)


def _input(tensor: dict[str, Any]) -> str:
    domain = "" if tensor["domain"] in ("real", "labels") else f", {DOMAINS[tensor['domain']].phrase}"
    return f"{tensor['expected']}{domain}{', optional' if tensor['optional'] else ''}"


def _trait(name: str, value: Any) -> str:
    words = name.replace("_", " ")
    return words if value is True else f"not {words}" if value is False else f"{words}: {value}"


def _aligned(rows: list[tuple[str, str]]) -> str:
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _readable(definition: str) -> str:
    """The definition without its mark-up: the formula stays, indented."""
    return re.sub(r"^\.\. math::[ \t]*\n?[ \t]*", "    ", definition, flags=re.MULTILINE).replace("``", "")
