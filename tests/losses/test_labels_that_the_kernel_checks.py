"""Cross-entropy leaves the check of its labels to its kernel; under `perdita.debug` they are looked at first."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import perdita.functional as P
from perdita import InputError, debug

LABELS = [[0, 2, 1, 2], [0, -100, 1, -100], [1, 1, 2, 0]]


@pytest.fixture(autouse=True)
def looked_at_before() -> None:
    """The first call of a loss looks at its logits, and so at everything."""
    P.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1]))


def logits(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_()


def value_and_slope(x: Tensor, target: Tensor, **options: object) -> tuple[Tensor, Tensor]:
    value = P.cross_entropy(x, target, **options)
    return value, torch.autograd.grad(value.sum(), x)[0]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("ignore_index", [None, -100, -1, 0, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "batchmean"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_as_if_looked_at_first(labels: list[int], ignore_index: int | None, reduction: str, dtype: torch.dtype) -> None:
    options = {"ignore_index": ignore_index, "reduction": reduction, "label_smoothing": 0.1}
    x, target = logits(4, 3), torch.tensor(labels, dtype=dtype)
    if ignore_index != -100 and -100 in labels:
        with pytest.raises(InputError, match=r"target must hold class indices from 0 to 2.*target\[1\] = -100"):
            P.cross_entropy(x, target, **options)
        return
    with debug():
        expected = value_and_slope(x, target, **options)
    torch.testing.assert_close(value_and_slope(x, target, **options), expected)


@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 5), (2, 3, 2, 2)])
@pytest.mark.parametrize("label", [3, 10**9, -1])
def test_a_label_out_of_range_is_named(shape: tuple[int, ...], label: int) -> None:
    target = torch.zeros(shape[0], *shape[2:], dtype=torch.int64)
    target.view(-1)[-1] = label
    with pytest.raises(InputError, match=r"target must hold class indices from 0 to 2 .* = (3|1e\+09|-1)$"):
        P.cross_entropy(logits(*shape), target)


def test_everything_ignored_is_a_zero_with_a_zero_slope() -> None:
    value, slope = value_and_slope(logits(4, 3), torch.full((4,), -100))
    assert value == 0
    assert (slope == 0).all()


def test_a_logit_that_is_no_number_is_named() -> None:
    x = logits(4, 3).detach()
    x[2, 1] = float("nan")
    with pytest.raises(InputError, match=r"logits must be finite; logits\[2, 1\] = nan"):
        P.cross_entropy(x, torch.tensor([0, 1, 2, 0]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_an_ignored_logit_that_is_no_number_reaches_no_gradient(reduction: str) -> None:
    x = logits(4, 3).detach()
    x[1] = float("nan")
    value, slope = value_and_slope(x.requires_grad_(), torch.tensor([0, -100, 1, 2]), reduction=reduction)
    assert value.isfinite().all()
    assert (slope[1] == 0).all()
    assert slope.isfinite().all()
