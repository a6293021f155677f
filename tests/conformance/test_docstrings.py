"""Every loss explains itself: each part of its docstring is there, and its example runs."""

from __future__ import annotations

import doctest
import math

import pytest
import torch

import perdita
from perdita.core.card import HEADS, SHARED_ARGS

NAMES = [card.name for card in perdita.cards()]
SHARED = [line.split(":")[0].strip() for line in SHARED_ARGS.splitlines() if line.startswith("    ") and ":" in line]


def faults(card):
    """What is missing or out of order in a card's docstring."""
    found = []
    if not card.summary.endswith(".") or len(card.summary) > 160:
        found.append(f"the summary is no single line that ends in a full stop: {card.summary!r}")
    found += [f"no {head}" for head in ("definition", *map(str.lower, HEADS)) if not card.section(head).strip()]
    order = [line[:-1] for line in card.doc.splitlines() if line.rstrip(":") in HEADS and line.endswith(":")]
    if order != [head for head in HEADS if head in order]:
        found.append(f"its parts come in the order {order}, expected {list(HEADS)}")
    described = {line.split(":")[0] for line in card.section("args").splitlines() if ":" in line and line[:1].strip()}
    described = {name.strip() for entry in described for name in entry.split(",")}
    wanted = {item.name for item in card.signature.fields} | set(card.signature.defaults) | set(SHARED)
    found += [f"Args does not name {name}" for name in sorted(wanted - described)]
    found += [f"Args names {name}, which it does not take" for name in sorted(described - wanted)]
    if "InputError" not in card.section("raises"):
        found.append("Raises names no InputError")
    return found


def run_example(card):
    """The failures of the example as a doctest."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    names = {"torch": torch, "perdita": perdita, "math": math}
    test = doctest.DocTestParser().get_doctest(card.section("example"), names, card.name, None, None)
    said = []
    runner.run(test, out=said.append)
    return len(test.examples), said


@pytest.mark.parametrize("name", NAMES)
def test_docstring_is_complete(name):
    assert faults(perdita.card(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_example_runs(name):
    examples, said = run_example(perdita.card(name))
    assert examples >= 1, "the example shows no call"
    assert said == []
