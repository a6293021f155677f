"""Losses whose gradient is written by hand as cross-entropy's is: which they are, and what they give there."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from perdita import InputError
from perdita.kernels import fused_linear
from perdita.kernels.cross_entropy_blocks import log_odds, split_evenly
from perdita.kernels.linear import DIRECT, OF_TARGET
from tests.kernels.test_fused_linear import CARDS, criterion, draw, leaves, with_gradients


def by_log_odds_alone(name: str) -> bool:
    """Whether two classes with the target's log-odds give what all classes give."""
    loss = criterion(CARDS[name])
    loss.reduction = "none"
    logits = 2 * torch.randn(40, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    target = torch.arange(40) % 7
    odds = log_odds(F.cross_entropy(logits, target, reduction="none"))
    try:
        pair = loss(torch.stack([odds, torch.zeros_like(odds)], 1), torch.zeros_like(target))
    except InputError:  # classes that mean something
        return False
    return not list(loss.parameters()) and torch.allclose(loss(logits, target), pair, rtol=1e-9)


def test_the_list_has_every_one_and_no_other() -> None:
    assert {name for name in CARDS if by_log_odds_alone(name)} == {"cross_entropy", *OF_TARGET}


@pytest.mark.parametrize("name", [*OF_TARGET, *DIRECT])
@pytest.mark.parametrize("options", [{}, {"z_penalty": 0.1}, {"z_penalty": 0.1, "return_lse": True}, {"softcap": 2.0}])
def test_equal_to_the_definition(name: str, options: dict[str, object]) -> None:
    batch = draw()
    found = []
    for impl in ("auto", "blocked"):
        own = fused_linear(
            criterion(CARDS[name]), batch["hidden"], batch["weight"], batch["target"], bias=batch["bias"], impl=impl,
            block_rows=4, **options,
        )  # fmt: skip
        value = own[0] + own[1].square().sum() if isinstance(own, tuple) else own
        found.append(with_gradients(value, *leaves(batch)))
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", [*OF_TARGET, *DIRECT])
def test_certain_rows_stay_finite(name: str) -> None:
    """A probability of 1, and one of 0, in float32."""
    hidden = torch.tensor([[200.0], [-200.0]], requires_grad=True)
    weight = torch.tensor([[1.0], [0.0], [-1.0]], requires_grad=True)
    value = fused_linear(criterion(CARDS[name]).float(), hidden, weight, torch.tensor([0, 0]))
    assert all(part.isfinite().all() for part in (value, *torch.autograd.grad(value, [hidden, weight])))


ROWS = [{}, {"z_penalty": 0.1}, {"softcap": 150.0}, {"z_penalty": 0.1, "return_lse": True}]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, options) for name in ("cross_entropy", "comp_sum") for options in ROWS),
        ("cross_entropy", {"label_smoothing": 0.1}),
    ],
)
def test_targets_of_no_probability_in_float32(name: str, options: dict[str, object]) -> None:
    """Beside one that is likely, some whose probability is 0 or too small for its precision."""
    target, found = torch.tensor([0, 1, 1, 2, 2]), []
    for dtype, impl in ((torch.float32, "auto"), (torch.float64, "reference")):
        hidden = torch.tensor([[1.0], [90.0], [102.0], [60.0], [300.0]], dtype=dtype, requires_grad=True)
        weight = torch.tensor([[1.0], [0.0], [-1.0], [0.5]], dtype=dtype, requires_grad=True)
        own = fused_linear(name, hidden, weight, target, impl=impl, block_rows=4, **options)
        value = own[0] + own[1].sum() if isinstance(own, tuple) else own
        found.append([part.double() for part in with_gradients(value, hidden, weight)])
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


def test_blocks_are_few_and_even() -> None:
    for rows, at_most in ((512, 112), (2048, 448), (7, 7), (8, 7), (1, 5), (0, 5)):
        size = split_evenly(rows, at_most)
        parts = [min(size, rows - start) for start in range(0, rows, size)]
        assert 1 <= size <= at_most
        assert len(parts) == -(-rows // at_most)
        assert not parts or parts[-1] > size - len(parts)
