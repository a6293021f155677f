"""The reference of the rooms besides the losses: a page for each, with every public name and its docstring.

`tools.reference_pages.write` puts them beside the losses' pages with every build of the documentation.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from functools import cache
from types import ModuleType
from typing import Any

from perdita.core.card import sections

ROOMS = {
    "losses": "define", "kernels": "compute", "compound": "combine", "nn": "build", "training": "train",
    "theory": "bound", "risk": "price", "judge": "judge", "compare": "choose", "testing": "check",
    "integrations": "use elsewhere",
}  # fmt: skip
LISTED = {  # rooms whose other modules are their own affair: only these
    "kernels": tuple(
        f"perdita.kernels.{name}"
        for name in (
            "linear", "rows", "row_loss", "one_pass", "tiled_cross_entropy", "vocabulary_parallel", "pairs",
            "pair_weights", "gradient_cache", "gather", "responses.log_probabilities", "responses.preference",
        )
    ),
    "losses": tuple(  # the losses themselves have pages of their own
        f"perdita.losses.{name}"
        for name in (
            "embedding.similarity", "embedding.selection", "embedding.mining.batch", "embedding.mining.triplets",
            "embedding.wrapping.memory", "embedding.wrapping.nested", "sequence.aggregation",
        )
    ),
    "compare": ("perdita.compare.run", "perdita.compare.result", "perdita.compare.verdict.statistics"),
    "testing": ("perdita.testing", "perdita.testing.doctor"),
}  # fmt: skip
ARTICLES = ("args", "returns", "raises")
ROLE = re.compile(r":\w+:`([^`]+)`")


def pages() -> dict[str, str]:
    """File name → text, the index among them."""
    found = {f"modules/{room}.md": page(room) for room in ROOMS}
    rows = [
        f"| [perdita.{room}](modules/{room}.md) | {verb} | {_head(importlib.import_module(f'perdita.{room}'))} |"
        for room, verb in ROOMS.items()
    ]
    table = "\n".join(["| module | verb | what is in it |", "| --- | --- | --- |", *rows])
    listed = "\n".join(f"modules/{room}" for room in ROOMS)
    text = "# Modules\n\nEvery public function and class besides the losses, from its docstring.\n\n"
    return {**found, "modules.md": f"{text}{table}\n\n:::{{toctree}}\n:hidden:\n\n{listed}\n:::\n"}


def page(room: str) -> str:
    """A room: its modules, and the public names of each."""
    parts = [f"# perdita.{room}", _prose(_doc(importlib.import_module(f"perdita.{room}")))]
    for module, names in public_names(room).items():
        if names:
            parts += [f"## {module}", _prose(_doc(importlib.import_module(module)))]
            parts += [entry(module, name) for name in names]
    return "\n\n".join(part for part in parts if part) + "\n"


@cache
def public_names(room: str) -> dict[str, tuple[str, ...]]:
    """Module → its public functions and classes: those that a module lists, else those that it defines."""
    found = {}
    for name in LISTED.get(room) or _modules(importlib.import_module(f"perdita.{room}")):
        module = importlib.import_module(name)
        if room in LISTED and hasattr(module, "__all__"):
            names = [own for own in module.__all__ if callable(getattr(module, own))]
        else:
            names = [own for own, what in vars(module).items() if _is_public(own, what, module)]
        found[name] = tuple(names)
    return found


def entry(module: str, name: str) -> str:
    """One function or class: how it is called, what it does, its example and source."""
    what = getattr(importlib.import_module(module), name)
    read = sections(_doc(what))
    parts = [f"### {name}", f"```python\n{module}.{name}{signature(what)}\n```", _prose(read["summary"])]
    parts.append(_prose(read["definition"]))
    parts += [f"**{head.capitalize()}**\n\n{_listing(read[head])}" for head in ARTICLES if read.get(head)]
    if inspect.isclass(what):
        parts.append(_methods(what))
    if read.get("example"):
        parts.append(f"```pycon\n{read['example']}\n```")
    if read.get("source"):
        parts.append(f"*Source*: {_prose(read['source'])}")
    return "\n\n".join(part for part in parts if part)


def signature(what: Any) -> str:
    """The call without annotations: shapes and types stand with the arguments."""
    try:
        found = inspect.signature(what)
    except (TypeError, ValueError):
        return "(...)"
    bare = [own.replace(annotation=own.empty, default=_short(own.default)) for own in found.parameters.values()]
    return str(found.replace(parameters=bare, return_annotation=found.empty))


class _Shown:
    """A default as a reader writes it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _short(default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return default
    text = repr(default)
    return _Shown("..." if " at 0x" in text or "<" in text or len(text) > 40 else text)


def _methods(what: type) -> str:
    rows = [
        f"- `{name}`: {_prose(_head(member))}"
        for name, member in vars(what).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)) and _doc(member)
    ]
    return "\n".join(rows)


def _is_public(name: str, what: Any, module: ModuleType) -> bool:
    own = getattr(what, "__module__", None) == module.__name__
    return own and not name.startswith("_") and (inspect.isfunction(what) or inspect.isclass(what))


def _modules(package: ModuleType) -> list[str]:
    """A package and all below it, by name."""
    below = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package.__name__, *sorted(one.name for one in below if not one.name.rpartition(".")[2].startswith("_"))]


def _doc(what: Any) -> str:
    return inspect.cleandoc(getattr(what, "__doc__", None) or "")


def _head(what: Any) -> str:
    return " ".join(_doc(what).split("\n\n")[0].split())


def _prose(text: str) -> str:
    from tools.reference_pages import prose

    return prose(ROLE.sub(lambda found: found[0] if found[0].startswith(":math:") else f"`{found[1]}`", text))


def _listing(text: str) -> str:
    from tools.reference_pages import listing

    return listing(text)
