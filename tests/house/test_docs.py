"""What the documents show, runs; what they name, exists; and no file speaks of one machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.interpreter import python

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "docs").rglob("*.md")
    if "reference" not in path.relative_to(ROOT).parts
)
# a path on somebody's machine, or the address or options of somebody's package index
MACHINE = re.compile(
    r"(?<![\w.:/-])/(?:work|root|home|Users|opt)/[\w.]|pypi\.org|pythonhosted\.org|--(?:extra-)?index-url|--find[-]links"
)


def blocks(document: str, language: str) -> list[str]:
    """The code of a document in one language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", (ROOT / document).read_text(), flags=re.DOTALL | re.MULTILINE)


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-W", "error", "-c", code, folder=folder)


@pytest.mark.parametrize("code", blocks("README.md", "python"))
def test_examples_run(code: str, tmp_path: Path) -> None:
    found = run(code, tmp_path)
    assert found.returncode == 0, found.stderr


def test_a_broken_example_is_seen(tmp_path: Path) -> None:
    assert run("import perdita\nperdita.CrossEntropy(smoothing=1)", tmp_path).returncode == 1


def commands(text: str, program: str) -> list[list[str]]:
    """Every call of a program in a document's shell blocks and inline code, as its words."""
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [line.partition("#")[0] for line in [*shell, *inline]]
    return [
        words[1:] for line in lines if (words := line.split()) and words[0].rpartition("/")[2] == program and words[1:]
    ]


def unknown_targets(text: str) -> set[str]:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    return {word for words in commands(text, "make") for word in words} - targets


def unknown_commands(text: str) -> set[str]:
    """Commands and options that the command line does not have."""
    from typer.main import get_command

    from perdita.cli import app

    top = get_command(app)
    known = top.commands  # type: ignore[attr-defined]
    faults = set()
    for name, *rest in commands(text, "perdita"):
        command = top if name.startswith("--") else known.get(name)
        if command is None:
            faults.add(name)
            continue
        options = {option for parameter in command.params for option in parameter.opts}
        faults |= {word for word in (name, *rest) if word.startswith("--")} - options
    return faults


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_shown(document: str) -> None:
    text = (ROOT / document).read_text()
    assert commands(text, "make")
    assert commands(text, "perdita")


@pytest.mark.parametrize("document", [*DOCUMENTS, *PAGES])
def test_commands_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    assert unknown_targets(text) == set()
    assert unknown_commands(text) == set()


def test_an_unknown_command_is_seen() -> None:
    assert unknown_targets("Run `make tea`.") == {"tea"}
    assert unknown_commands("```sh\nperdita brew x  # comment\n```\nand `perdita compare digits --milk 2`") == {
        "brew",
        "--milk",
    }


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_links_lead_somewhere(document: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / document).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def machine_words(text: str) -> list[str]:
    return [line for line in text.splitlines() if MACHINE.search(line)]


def test_no_file_speaks_of_one_machine() -> None:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "Makefile" in names
    texts = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}
    found = {name: words for name, text in texts.items() if (words := machine_words(text.decode("utf-8", "replace")))}
    assert found == {}


@pytest.mark.parametrize(
    "text", ["see /" + "home/ann/x", '"/' + 'root/.cache"', "pip --" + "index-url x", "https://pypi" + ".org/simple"]
)
def test_a_machine_word_is_seen(text: str) -> None:
    assert machine_words(f"fine\n{text}\n") == [text]


def test_a_path_in_an_address_is_none() -> None:
    assert machine_words("https://example.org/home/page, src/work/x, ./root/a") == []


def undocumented(namespace: object, names: list[str]) -> list[str]:
    return [
        name for name in names if not name.startswith("__") and not (getattr(namespace, name).__doc__ or "").strip()
    ]


def test_public_names_are_documented() -> None:
    import perdita

    assert "CrossEntropy" in dir(perdita)
    assert undocumented(perdita, dir(perdita)) == []
    assert undocumented(perdita.functional, dir(perdita.functional)) == []


def test_a_missing_docstring_is_seen() -> None:
    from types import SimpleNamespace

    assert undocumented(SimpleNamespace(bare=lambda: None, told=len), ["bare", "told"]) == ["bare"]
