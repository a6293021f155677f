"""Find losses by words: a full-text index over the cards, made in memory when it is asked."""

from __future__ import annotations

import difflib
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import perdita.losses  # noqa: F401 (fills the catalogue)
from perdita.catalogue.papers import bibliography
from perdita.core import catalogue
from perdita.core.card import Card
from perdita.core.errors import InputError, nearest

# Column of the index → its weight in the ranking (bm25).
COLUMNS = {
    "name": 12.0, "aliases": 8.0, "task": 5.0, "room": 5.0, "summary": 4.0, "title": 3.0, "traits": 2.0,
    "definition": 1.0, "source": 1.0, "arguments": 0.5,
}  # fmt: skip

COMMON = {
    "a",
    "an",
    "and",
    "for",
    "in",
    "loss",
    "losses",
    "of",
    "on",
    "or",
    "the",
    "to",
    "with",
}  # left out where other words are asked


@dataclass(frozen=True)
class Found:
    """What a search gave: the cards, best first, and what it did with words that no card has."""

    cards: tuple[Card, ...]
    corrected: dict[str, tuple[str, ...]]  # unknown word → the known words searched for in its place
    hint: str  # where nothing was found: the nearest names, or nothing


def words_of(card: Card) -> dict[str, str]:
    """What the index knows of a card, column by column."""
    paper = bibliography().get(card.paper or "")
    return {
        "name": f"{card.name} {card.class_name}",
        "aliases": " ".join(card.aliases),
        "task": card.task,
        "room": _folders(card) + ("" if paper is None else f" {paper.room} {paper.slug}"),
        "summary": card.summary,
        "title": "" if paper is None else f"{paper.title} {paper.authors} {paper.note}",
        "traits": " ".join(
            name if value is True else f"{name} {value}" for name, value in card.traits.items() if value
        ),
        "definition": card.formula,
        "source": card.source,
        "arguments": card.section("args"),
    }


def find(query: str, cards: Sequence[Card] | None = None, limit: int = 20) -> Found:
    """The cards that fit a query best.

    A word matches from its beginning and in all its inflections; a word that no card has is replaced by the known
    words nearest to it. Cards with all of the words come first, then those with some.

    Args:
        query: any text; all but its letters and digits is ignored.
        cards: what to search; None means the whole catalogue.
        limit: how many cards to give at most.

    Raises:
        InputError: a query without a letter or digit.
    """
    searched = list(catalogue.cards()) if cards is None else list(cards)
    words = _terms(query)
    terms = [word for word in words if word not in COMMON] or words
    if not terms:
        raise InputError(f"the query must have a letter or digit, but is {query!r}")
    table = {card.name: words_of(card) for card in searched}
    vocabulary = {word for words in table.values() for text in words.values() for word in _terms(text)}
    database = _index(table)
    corrected: dict[str, tuple[str, ...]] = {}
    for term in terms:
        if not _matches(database, f'"{term}"*', 1):
            corrected[term] = tuple(difflib.get_close_matches(term, vocabulary, n=3, cutoff=0.75))
    # Words hold letters and digits alone, and each is quoted: nothing of the query is read as FTS5 syntax.
    asked = [" OR ".join(f'"{word}"*' for word in corrected.get(term, (term,))) for term in terms]
    parts = [f"({alternatives})" for alternatives in asked if alternatives]
    names = [name for joint in (" AND ", " OR ") if parts for name in _matches(database, joint.join(parts), limit)]
    database.close()
    by_name = {card.name: card for card in searched}
    exact = [card for card in searched if query.strip() in (card.name, card.class_name, *card.aliases)]
    ranked = list(dict.fromkeys([*exact, *(by_name[name] for name in names)]))
    hint = (
        "" if ranked else nearest(" ".join(terms), [name for card in searched for name in (card.name, *card.aliases)])
    )
    return Found(tuple(ranked[:limit]), corrected, hint)


def _terms(text: str) -> list[str]:
    """The words of a text, each once, lower case; digits count, punctuation does not."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", text.lower())))


def _index(table: dict[str, dict[str, str]]) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    columns = ", ".join(COLUMNS)
    tokens = "tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3 4'"
    database.execute(f"CREATE VIRTUAL TABLE cards USING fts5(card UNINDEXED, {columns}, {tokens})")
    rows = [(name, *(words[column] for column in COLUMNS)) for name, words in table.items()]
    database.executemany(f"INSERT INTO cards VALUES ({', '.join('?' * (len(COLUMNS) + 1))})", rows)
    return database


def _matches(database: sqlite3.Connection, expression: str, limit: int) -> list[str]:
    weights = ", ".join(str(weight) for weight in (0.0, *COLUMNS.values()))
    ranked = f"SELECT card FROM cards WHERE cards MATCH ? ORDER BY bm25(cards, {weights}), card LIMIT ?"
    return [name for (name,) in database.execute(ranked, (expression, limit))]


def _folders(card: Card) -> str:
    return " ".join(card.per_example.__module__.split(".")[1:])
