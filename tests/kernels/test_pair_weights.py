"""The weight of each pair: by hand, by the paper's formula, and as what carries a loss's gradient."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest
import torch

import perdita
import perdita.functional as P
from perdita.core.errors import InputError, MissingExtraError
from perdita.kernels.pair_weights import pair_weights

X = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]], dtype=torch.float64)
Y = torch.tensor([0, 0, 1, 1])


def test_contrastive_by_hand() -> None:
    found = pair_weights(P.contrastive, X, Y)  # 1 positive and 2 negatives for each of 4 anchors; 0.6, 0.96 above 0.5
    expected = torch.tensor([[0, -2, 1, 0], [-2, 0, 1, 1], [1, 1, 0, -2], [0, 1, -2, 0]], dtype=torch.float64) / 8
    torch.testing.assert_close(found.weight, expected)
    assert found.positive.sum() == 4
    assert found.negative.sum() == 8


def test_multi_similarity_has_the_weights_of_the_paper() -> None:
    x, y = torch.randn(12, 5, dtype=torch.float64), torch.arange(12) // 3
    found = pair_weights(P.multi_similarity, x, y, mining=False)
    s = found.similarity
    pull, push = (torch.where(mask, e, 0.0) for mask, e in (
        (found.positive, (-2 * (s - 0.5)).exp()), (found.negative, (50 * (s - 0.5)).exp())
    ))  # fmt: skip
    expected = push / (1 + push.sum(1, keepdim=True)) - pull / (1 + pull.sum(1, keepdim=True))
    torch.testing.assert_close(found.weight, expected / 12)
    mined = pair_weights(P.multi_similarity, x, y)
    assert ((mined.weight == 0) & (found.weight != 0)).any()


@pytest.mark.parametrize("name", [card.name for card in perdita.cards() if hasattr(card.per_example, "pairs")])
def test_weights_carry_the_gradient(name: str) -> None:
    """The embeddings' gradient is that of the similarities, each times its weight."""
    loss, x, y = getattr(P, name), torch.randn(9, 5, dtype=torch.float64), torch.arange(9) // 3
    x.requires_grad_()
    if loss.pairs.views:
        z = torch.randn(9, 5, dtype=torch.float64)
        weights, value = pair_weights(loss, x, reference=z, symmetric=True), loss(x, z, symmetric=True)
    else:
        z, weights, value = x, pair_weights(loss, x, y), loss(x, y)
    options = {"similarity": loss.card.signature.defaults["similarity"]}
    similarity = loss.pairs.compare(loss.pairs.prepare(x, options), loss.pairs.prepare(z, options), y, y, **options)[0]
    torch.testing.assert_close(weights.similarity, similarity)
    (found,) = torch.autograd.grad((similarity * weights.weight).sum(), x)
    torch.testing.assert_close(found, torch.autograd.grad(value, x)[0])


def test_a_criterion_with_parameters() -> None:
    criterion, z = perdita.LearnedInfoNce(symmetric=False).double(), torch.randn(4, 2, dtype=torch.float64)
    torch.testing.assert_close(
        pair_weights(criterion, X, reference=z).weight, pair_weights(P.info_nce, X, reference=z).weight
    )


def test_the_plot_shows_every_pair() -> None:
    figure = pair_weights(P.multi_similarity, X, Y, mining=False).plot()
    assert [len(trace.x) for trace in figure.data] == [4, 8]
    assert all(min(trace.y) >= 0 for trace in figure.data)


def test_without_plotly_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("plotly"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    weights = pair_weights(P.sup_con, X, Y)
    monkeypatch.delitem(sys.modules, "plotly.graph_objects", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match="compare"):
        weights.plot()


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="loss"):
        pair_weights(P.squentropy, X, Y)
    with pytest.raises(InputError, match="label"):
        pair_weights(P.sup_con, X)
