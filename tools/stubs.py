"""Write the type stubs of the public names from the catalogue, so that editors and type checkers see what is derived.

``python -m tools.stubs`` writes ``src/perdita/__init__.pyi`` and ``src/perdita/functional.pyi``.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import perdita
from perdita.core.contract import public_signature
from perdita.core.criterion import module_signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdita.core import Card

SOURCE = Path(__file__).resolve().parent.parent / "src" / "perdita"
HEAD = """\
# Written by `make stubs` from the catalogue; not to be edited.
# mypy: disable-error-code="override"
# (a loss names its own tensors, where Criterion takes any)
"""
ORIGINS = {  # name in an annotation → module
    "Any": "typing", "Literal": "typing", "Callable": "collections.abc", "Iterable": "collections.abc",
    "Mapping": "collections.abc", "Sequence": "collections.abc", "Tensor": "torch", "Generator": "torch",
}  # fmt: skip
SHAPED = re.compile(r"\b(?:Float|Int|Bool|Num)\[Tensor,\s*[\"'][^\"']*[\"']\]")
Empty = inspect.Parameter.empty


def stubs() -> dict[Path, str]:
    """Each stub's path and text."""
    cards = list(perdita.cards())
    functions = [function_stub(card) for card in cards if card.function is not None]
    classes = [class_stub(card) for card in sorted(cards, key=lambda card: card.class_name)]
    core = perdita._CORE
    rooms = sorted(path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists())
    packages = [room for room in rooms if room != "compare"]  # which is called as a function
    exports = [
        "from perdita import " + ", ".join(f"{name} as {name}" for name in [*packages, "functional"]),
        "from perdita.compare.run import compare as compare",
        "from perdita.core import " + ", ".join(f"{name} as {name}" for name in core),
        *(f"from perdita.{place} import {name} as {name}" for name, place in perdita._PLACES.items()),
        "__version__: str",
    ]
    return {
        SOURCE / "__init__.pyi": tidy("__init__.pyi", [*imports(classes), *exports, *classes]),
        SOURCE / "functional.pyi": tidy("functional.pyi", [*imports(functions), *functions]),
    }


def function_stub(card: Card) -> str:
    """The public function of a loss, under its one-line docstring."""
    shown = parameters(public_signature(card).parameters.values())
    return f'def {card.name}({shown}) -> Tensor:\n    """{line(card)}"""'


def class_stub(card: Card) -> str:
    """The module of a loss: its constructor, and what a call takes."""
    written = card.function is None
    constructor = inspect.signature(card.criterion.__init__) if written else module_signature(card)
    made = parameters(constructor.parameters.values())
    called = parameters([p for p in public_signature(card).parameters.values() if p.name not in constructor_only(card)])
    return (
        f'class {card.class_name}(Criterion):\n    """{line(card)}"""\n'
        f"    def __init__({made}) -> None: ...\n"
        f"    def forward(self, {called}) -> Tensor: ...\n"
        f"    __call__ = forward\n"
    )


def constructor_only(card: Card) -> set[str]:
    """What a module is told when it is made, not when it is called."""
    return {*card.signature.defaults, "reduction", "ignore_index"}


def line(card: Card) -> str:
    return card.summary.replace("\\", "\\\\").replace('"""', "'''")


def parameters(given: Iterable[inspect.Parameter]) -> str:
    """Parameters as source text: tensors plain (a checker knows no shapes), every default spelled out."""
    parts: list[str] = []
    starred = False
    for parameter in given:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred |= parameter.kind is parameter.VAR_POSITIONAL
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        text = f"{stars}{parameter.name}"
        if parameter.name != "self":
            text += f": {annotation(parameter)}"
        parts.append(text if parameter.default is Empty else f"{text} = {default(parameter.default)}")
    return ", ".join(parts)


def annotation(parameter: inspect.Parameter) -> str:
    """The annotation as names that a stub can import; the two shapes of one tensor become one."""
    if parameter.annotation is Empty:
        return "Any"
    written: Any = parameter.annotation
    text = SHAPED.sub("Tensor", written if isinstance(written, str) else inspect.formatannotation(written))
    text = text.replace("torch.", "")
    return " | ".join(dict.fromkeys(part.strip() for part in text.split(" | "))) if "[" not in text else text


def default(value: Any) -> str:
    text = repr(value)
    return text if re.fullmatch(r"-?[\d.e+-]+|None|True|False|'[^']*'|\([\d., ]*\)", text) else "..."


def imports(definitions: Iterable[str]) -> list[str]:
    """The import lines that the annotations need; a type checker names what ORIGINS lacks."""
    signatures = re.sub(r'""".*?"""', "", "\n".join(definitions), flags=re.DOTALL)
    used = set(re.findall(r"[A-Za-z_]\w*", signatures)) & set(ORIGINS)
    return [f"from {ORIGINS[name]} import {name}" for name in sorted(used | {"Tensor"})]


def tidy(name: str, parts: Iterable[str]) -> str:
    """In the house's format, imports sorted."""
    text = HEAD + "\n".join(parts) + "\n"
    for command in (["check", "--select", "I", "--fix", "--quiet"], ["format", "--quiet"]):
        run = [sys.executable, "-m", "ruff", *command, "--stdin-filename", f"src/perdita/{name}", "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True, cwd=SOURCE.parents[1]).stdout
    return text


if __name__ == "__main__":
    for path, text in stubs().items():
        path.write_text(text)
        print(path.relative_to(SOURCE.parents[1]))
