"""Borders of regions: agreement within a tolerance, and regions without a border."""

from __future__ import annotations

import pytest
import torch

import perdita
from perdita.judge.boundaries import boundary, boundary_f1


def square(low: int, high: int) -> torch.Tensor:
    region = torch.zeros(12, 12, dtype=torch.bool)
    region[low:high, low:high] = True
    return region


def test_the_border_of_a_square_is_its_rim() -> None:
    rim = boundary(square(3, 7))
    assert rim.sum() == 12
    assert not rim[4:6, 4:6].any()
    assert boundary(torch.ones(3, 3, dtype=torch.bool)).sum() == 8


def test_a_shift_within_the_tolerance_is_forgiven() -> None:
    assert boundary_f1(square(3, 7), square(3, 7), tolerance=0) == 1
    assert boundary_f1(square(4, 8), square(3, 7), tolerance=1.5) == 1
    assert 0 < boundary_f1(square(4, 8), square(3, 7), tolerance=0) < 0.5


def test_regions_without_a_border() -> None:
    empty = square(0, 0)
    assert boundary_f1(empty, empty) == 1
    assert boundary_f1(square(3, 7), empty) == boundary_f1(empty, square(3, 7)) == 0


def test_bad_input_is_named() -> None:
    with pytest.raises(perdita.InputError, match="boolean"):
        boundary_f1(square(3, 7).float(), square(3, 7))
    with pytest.raises(perdita.InputError, match="tolerance"):
        boundary_f1(square(3, 7), square(3, 7), tolerance=-1)
