"""The papers: what each is, which components bring it here, and what became of its claim."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import pkgutil
from dataclasses import dataclass
from importlib import resources
from typing import Any

ROOMS = ("losses", "kernels", "compound", "nn", "training", "laws", "theory", "risk", "judge", "language", "systems")


@dataclass(frozen=True)
class Paper:
    """A row of the bibliography: facts alone; what is done of it is read from the code's own registrations."""

    slug: str
    title: str
    authors: str
    venue: str
    year: int | None
    arxiv: str | None
    room: str
    vectors: bool
    note: str

    @property
    def citation(self) -> str:
        """Authors, title, venue, year and arXiv number, on one line."""
        year = "" if self.year is None else f" {self.year}"
        arxiv = "" if self.arxiv is None else f", arXiv {self.arxiv}"
        venue = "arXiv" if self.venue == "arXiv" and arxiv == "" else "" if self.venue == "arXiv" else self.venue
        return f'{self.authors}, "{self.title}", {(venue + year).strip()}{arxiv}'


@functools.cache
def bibliography() -> dict[str, Paper]:
    """Every paper under its slug, in the order of the data file."""
    text = resources.files("perdita.catalogue").joinpath("bibliography.json").read_text("utf-8")
    return {row["slug"]: Paper(**row) for row in json.loads(text)}


def components() -> dict[str, list[str]]:
    """Slug → names of what the code registers for it: losses by their cards, and components that are no losses."""
    from perdita.core import catalogue

    _import_rooms()
    registered = catalogue.components()  # name → slug, of layers and functions
    found: dict[str, list[str]] = {}
    for name, slug in [*((card.name, card.paper) for card in catalogue.cards()), *registered.items()]:
        if slug is not None:
            found.setdefault(slug, []).append(name)
    return {slug: sorted(names) for slug, names in found.items()}


def paper_rows() -> list[dict[str, Any]]:
    """One row for each paper: slug, title, room, components, vectors, and the last result of its claim or None."""
    from perdita.claims.harness import stored_results

    found, results = components(), stored_results()
    return [
        {
            "slug": paper.slug,
            "title": paper.title,
            "room": paper.room,
            "components": found.get(paper.slug, []),
            "vectors": paper.vectors,
            "claim": _claim(results.get(paper.slug)),
        }
        for paper in bibliography().values()
    ]


def _claim(result: dict[str, Any] | None) -> dict[str, Any] | None:
    keys = ("statement", "verdict", "effect", "interval", "n", "seconds")
    return None if result is None else {key: result[key] for key in keys}


def _import_rooms() -> None:
    """Import every module that may register a component. Optional libraries stay unloaded: rooms import them late."""
    for room in ROOMS:
        if importlib.util.find_spec(f"perdita.{room}") is None:
            continue
        package = importlib.import_module(f"perdita.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
