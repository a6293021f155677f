"""Values of params that the vectors at hand do not use, against the rules written out in plain PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.golden.adapters import load_adapters
from tests.golden.reader import UnreadError

GENERATOR = torch.Generator().manual_seed(5)
LOGITS = torch.randn(6, 4, generator=GENERATOR, dtype=torch.float64)
TARGET = torch.tensor([0, 3, 1, 2, 2, 0])
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {"input": LOGITS.tolist(), "target": TARGET.tolist(), **inputs}
    return dict(load_adapters()[slug](given, params))


def square_terms(target: Tensor = TARGET) -> Tensor:
    right = F.one_hot(target, 4).bool()
    return LOGITS.masked_fill(right, 0).square().sum(1) / 3


@pytest.mark.parametrize(("place", "name"), [("inputs", "square_weight"), ("params", "resquare")])
def test_squentropy_with_weights_and_a_square_weight(place: str, name: str) -> None:
    inputs = {"weight": WEIGHT.tolist()} | ({name: 0.25} if place == "inputs" else {})
    got = run("squentropy", inputs, **({name: 0.25} if place == "params" else {}))
    values = F.cross_entropy(LOGITS, TARGET, reduction="none") + 0.25 * square_terms()
    weights = WEIGHT[TARGET]
    torch.testing.assert_close(got["loss"].detach(), (weights * values).sum() / weights.sum())
    torch.testing.assert_close(got["loss_none"].detach(), weights * values)
    torch.testing.assert_close(got["loss_sum"].detach(), (weights * values).sum())


@pytest.mark.parametrize("ignored", [-100, 2])
def test_squentropy_leaves_out_what_is_ignored(ignored: int) -> None:
    target = TARGET.masked_fill(TARGET == 2, ignored)
    params = {} if ignored == -100 else {"ignore_index": ignored}
    got = run("squentropy", {"target": target.tolist()}, **params)
    kept = TARGET != 2
    values = F.cross_entropy(LOGITS, TARGET, reduction="none") + square_terms()
    torch.testing.assert_close(got["loss"].detach(), values[kept].mean())
    assert (got["grad_input"][~kept] == 0).all()


def poly_values(epsilon: float, weight: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    truth = F.one_hot(TARGET, 4).double() * (1 - smoothing) + smoothing / 4
    missing = 1 - (truth * LOGITS.softmax(1)).sum(1)
    return (
        F.cross_entropy(LOGITS, TARGET, weight=weight, label_smoothing=smoothing, reduction="none") + epsilon * missing
    )


def test_poly_cross_entropy_weighs_the_entropy_alone_and_divides_by_the_items() -> None:
    got = run("polyloss", {"weight": WEIGHT.tolist()}, kind="poly1_cross_entropy", epsilon=2.0, reduction="mean")
    torch.testing.assert_close(got["loss"].detach(), poly_values(2.0, WEIGHT).mean())


def test_poly_cross_entropy_with_smoothing_sums_and_soft_targets() -> None:
    got = run("polyloss", {}, epsilon=2.0, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(got["loss"].detach(), poly_values(2.0, smoothing=0.1).sum())
    soft = (F.one_hot(TARGET, 4).double() * 0.9 + 0.1 / 4).tolist()
    again = run("polyloss", {"target": soft}, epsilon=2.0, reduction="none")
    torch.testing.assert_close(again["loss"].detach(), poly_values(2.0, smoothing=0.1))


def test_poly_n_and_its_truncation() -> None:
    missing = 1 - LOGITS.softmax(1).gather(1, TARGET[:, None]).squeeze(1)
    got = run("polyloss", {}, kind="poly_n_cross_entropy", epsilon=[1.0, -0.5])
    expected = F.cross_entropy(LOGITS, TARGET) + (missing - 0.5 * missing**2).mean()
    torch.testing.assert_close(got["loss"].detach(), expected)
    dropped = run("polyloss", {}, kind="poly_drop", terms=2)
    torch.testing.assert_close(dropped["loss"].detach(), (missing + missing**2 / 2).mean())
    focal = run("polyloss", {}, kind="poly1_softmax_focal", epsilon=3.0, gamma=1.0)
    expected = (missing * F.cross_entropy(LOGITS, TARGET, reduction="none") + 3 * missing**2).mean()
    torch.testing.assert_close(focal["loss"].detach(), expected)


@pytest.mark.parametrize("alpha", [0.25, 0.9, -1.0])
@pytest.mark.parametrize("onehot", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_poly_sigmoid_focal(alpha: float, onehot: bool, weighted: bool) -> None:
    labels = F.one_hot(TARGET, 4).double()
    options: dict[str, Any] = {"weight": WEIGHT, "pos_weight": WEIGHT.flip(0)} if weighted else {}
    entropy = F.binary_cross_entropy_with_logits(LOGITS, labels, reduction="none", **options)
    p = LOGITS.sigmoid()
    missing = labels * (1 - p) + (1 - labels) * p
    balance = 1.0 if alpha < 0 else alpha * labels + (1 - alpha) * (1 - labels)
    expected = balance * missing**1.5 * entropy + 0.5 * missing**2.5
    inputs = {key: value.tolist() for key, value in options.items()} | ({"target": labels.tolist()} if onehot else {})
    given = {"label_is_onehot": True} if onehot else {}
    got = run("polyloss", inputs, kind="poly1_sigmoid_focal", epsilon=0.5, alpha=alpha, gamma=1.5, **given)
    torch.testing.assert_close(got["loss"].detach(), expected.mean())
    torch.testing.assert_close(got["loss_none"].detach(), expected)


@pytest.mark.parametrize(
    ("slug", "params"),
    [
        ("squentropy", {"label_smoothing": 0.1}),
        ("squentropy", {"square_weight": 1.0, "resquare": 1.0}),
        ("polyloss", {"kind": "poly7"}),
        ("polyloss", {"kind": "poly1_cross_entropy", "gamma": 2.0}),
        ("polyloss", {"kind": "poly1_sigmoid_focal", "label_smoothing": 0.1}),
    ],
)
def test_what_a_paper_does_not_define_is_refused(slug: str, params: dict[str, Any]) -> None:
    with pytest.raises(UnreadError):
        run(slug, {}, **params)
