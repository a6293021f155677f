"""The tables of other libraries' losses are evaluated: every name exists, and every value is what its row says."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from pytorch_metric_learning import distances, losses, miners, reducers
from torch import Tensor, nn

from perdita.losses.embedding.similarity import resolve_similarity
from tests.docs.peer_formulas import LISTS, SENTENCES

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/from-embedding-libraries.md").read_text()
PACKAGES = {"losses": losses, "miners": miners, "distances": distances, "reducers": reducers}
VALUES = ("same", "value", "differs", "other")


class Row(NamedTuple):
    there: str
    here: str
    value: str
    how: str


def code(cell: str) -> str:
    return cell.strip().strip("`")


def rows(heading: str) -> list[Row]:
    """The table below a heading."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(heading)]
    lines = [line.strip()[1:-1].split("|") for line in text.splitlines() if line.startswith("| ")]
    return [Row(code(a), code(b), c.strip(), d.strip()) for a, b, c, d in lines[1:] if set(a.strip()) != {"-"}]


LOSSES, MINERS = rows("pytorch-metric-learning 2.9: losses"), rows("pytorch-metric-learning 2.9: miners")
FORMULAS = [(row, SENTENCES) for row in rows("sentence-transformers")] + [(row, LISTS) for row in rows("allRank")]


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """The package makes some tensors of the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def names(seed: int = 0) -> dict[str, Any]:
    """The names of the page's first block, and the peer's modules."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    torch.manual_seed(seed)
    given: dict[str, Any] = dict(PACKAGES)
    exec(block, given)
    for name in ("x", "z", "w", "s"):
        given[name] = given[name].detach().requires_grad_()
    return given


def build(expression: str, given: dict[str, Any]) -> Any:
    with warnings.catch_warnings():  # theirs calls SciPy and indexes in ways that NumPy and PyTorch deprecate
        warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
        warnings.filterwarnings("ignore", "Using a non-tuple sequence", UserWarning)
        return eval(expression, given)


def module_of(found: Any) -> Any:
    return found.func if isinstance(found, partial) else found


def both(row: Row, given: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The values of both sides; modules get the same parameters, and are called with the embeddings and labels."""
    theirs, ours = (build(side, given) for side in (row.there, row.here))
    if isinstance(ours, nn.Module) and isinstance(module_of(theirs), nn.Module):
        peer, own = module_of(theirs).double(), ours.double()
        for parameter, vectors in zip(peer.parameters(), own.parameters(), strict=True):
            with torch.no_grad():
                parameter.copy_(vectors if parameter.shape == vectors.shape else vectors.T)
        theirs = theirs(given["x"]) if isinstance(theirs, partial) else theirs(given["x"], given["y"])
    return theirs, ours(given["x"], given["y"]) if isinstance(ours, nn.Module) else ours


def expect(row: Row, theirs: Tensor, ours: Tensor, leaf: Tensor) -> None:
    close = {"rtol": 1e-6, "atol": 1e-8}
    if row.value == "differs":
        assert torch.isfinite(ours).all()
        assert not torch.allclose(theirs, ours, rtol=1e-6, atol=1e-8), "marked as different, but it is the same"
        return
    assert theirs.item() != 0
    torch.testing.assert_close(ours, theirs, **close)
    if row.value == "same":
        expected, found = (torch.autograd.grad(value, leaf)[0] for value in (theirs, ours))
        assert expected.abs().sum() > 0
        torch.testing.assert_close(found, expected, **close)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("row", [row for row in LOSSES if row.value != "other"], ids=lambda row: row.there)
def test_losses_of_the_metric_learning_package(row: Row, seed: int) -> None:
    given = names(seed)
    expect(row, *both(row, given), given["x"])


@pytest.mark.parametrize("row", [row for row in MINERS if row.value != "other"], ids=lambda row: row.there)
def test_miners_of_the_metric_learning_package(row: Row) -> None:
    given = names()
    miner, select = build(row.there, given), build(row.here, given)
    x, y = nn.functional.normalize(given["x"].detach(), dim=1), given["y"]
    scores = resolve_similarity("cosine" if miner.distance.is_inverted else "euclidean")(x, x)
    same = y.unsqueeze(0) == y.unsqueeze(1)
    found = select(scores, same & ~torch.eye(len(y), dtype=torch.bool), ~same)
    mined = miner(x, y)
    pairs = (mined[:2], mined[2:]) if len(mined) == 4 else (mined[:2], (mined[0], mined[2]))
    expected = [torch.zeros_like(same).index_put(tuple(kind), torch.tensor(True)) for kind in pairs]
    assert all(mask.any() for mask in found)
    if row.value == "same":
        assert all(torch.equal(mask, other) for mask, other in zip(found, expected, strict=True))
    else:
        assert not all(torch.equal(mask, other) for mask, other in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("row", "formulas"),
    [pair for pair in FORMULAS if pair[0].value != "other"],
    ids=lambda part: getattr(part, "there", ""),
)
def test_formulas_of_packages_that_are_not_installed(row: Row, formulas: dict[str, Any]) -> None:
    given = names()
    formula = formulas[row.there]
    needs = inspect.signature(formula).parameters
    ours = build(row.here, given)
    theirs = formula(
        **{name: given[name] for name, part in needs.items() if name in given and _wanted(name, part, row)}
    )
    expect(row, theirs, ours, given["s" if formulas is LISTS or "s" in needs else "x"])


def _wanted(name: str, parameter: inspect.Parameter, row: Row) -> bool:
    """An optional tensor comes where the row has it."""
    words = {node.id for node in ast.walk(ast.parse(row.here)) if isinstance(node, ast.Name)}
    return parameter.default is parameter.empty or name in words


def public(package: Any) -> set[str]:
    return {name for name, thing in vars(package).items() if inspect.isclass(thing)}


@pytest.mark.parametrize(("package", "table"), [(losses, LOSSES), (miners, MINERS)])
def test_every_public_name_of_the_package_has_a_row(package: Any, table: list[Row]) -> None:
    kind = package.__name__.rpartition(".")[2]
    named = {name for row in table for name in re.findall(rf"\b{kind}\.(\w+)", row.there)}
    assert public(package) - named == set()


def test_rows_say_one_of_four_things() -> None:
    for row in [*LOSSES, *MINERS, *(row for row, _ in FORMULAS)]:
        assert row.value in VALUES, row
        assert bool(row.here) == (row.value != "other"), row
        assert row.how or row.value == "same", row


def test_formulas_and_rows_are_the_same_set() -> None:
    for formulas in (SENTENCES, LISTS):
        assert set(formulas) == {row.there for row, own in FORMULAS if own is formulas and row.value != "other"}


def test_names_in_words_exist() -> None:
    """What a row without code sends the reader to is there."""
    given = names()
    found = [
        text for row in [*LOSSES, *MINERS, *(row for row, _ in FORMULAS)] for text in re.findall(r"`([^`]+)`", row.how)
    ]
    for text in found:
        if text.startswith("perdita.losses."):
            module, _, name = text.rpartition(".")
            assert hasattr(__import__(module, fromlist=[name]), name), text
        elif match := re.match(r"(P|perdita)\.(\w+)", text):
            assert hasattr(given[match[1]], match[2]), text


def test_a_wrong_row_is_seen() -> None:
    given = names()
    wrong = Row("losses.SupConLoss()(x, y)", "P.sup_con(x, y, temperature=0.2)", "same", "")
    with pytest.raises(AssertionError):
        expect(wrong, *both(wrong, given), given["x"])
    equal = Row("losses.SupConLoss()(x, y)", "P.sup_con(x, y)", "differs", "it does not")
    with pytest.raises(AssertionError, match="the same"):
        expect(equal, *both(equal, given), given["x"])
