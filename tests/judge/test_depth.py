"""Measures of depth: by hand, and what they forget."""

from __future__ import annotations

import math

import pytest
import torch

import perdita
from perdita.judge.depth import depth_errors, ordinal_disagreement, outlier_share, threshold_accuracy

PREDICTION, TARGET = torch.tensor([2.0, 1.0, 4.0]), torch.tensor([1.0, 1.0, 5.0])


def test_errors_by_hand() -> None:
    found = depth_errors(PREDICTION, TARGET)
    assert found["abs_rel"].item() == pytest.approx((1 + 0 + 0.2) / 3)
    assert found["rmse"].item() == pytest.approx(math.sqrt(2 / 3))
    assert found["rmse_log"].item() == pytest.approx(math.sqrt((math.log(2) ** 2 + math.log(0.8) ** 2) / 3))
    assert found["log10"].item() == pytest.approx((math.log10(2) + math.log10(1.25)) / 3)
    assert depth_errors(7 * PREDICTION, TARGET)["scale_invariant"].item() == pytest.approx(
        found["scale_invariant"].item(), rel=1e-5
    )


def test_shares_of_pixels() -> None:
    assert threshold_accuracy(PREDICTION, TARGET) == pytest.approx(1 / 3)  # 5 / 4 is not below 1.25
    assert threshold_accuracy(PREDICTION, TARGET, power=2) == pytest.approx(2 / 3)
    assert threshold_accuracy(PREDICTION, TARGET, power=4) == 1
    assert outlier_share(PREDICTION, TARGET, threshold=0.1) == pytest.approx(2 / 3)


def test_order_of_points() -> None:
    first, second = torch.tensor([2.0, 1.0, 1.0]), torch.tensor([1.0, 1.05, 2.0])
    assert ordinal_disagreement(first, second, torch.tensor([1, 0, -1])) == 0
    wrong = ordinal_disagreement(first, second, torch.tensor([1, 0, 1]), weight=torch.tensor([1.0, 1.0, 2.0]))
    assert wrong == 0.5


def test_bad_input_is_named() -> None:
    with pytest.raises(perdita.InputError, match="target must hold depths > 0"):
        depth_errors(PREDICTION, torch.tensor([1.0, 0.0, 1.0]))
    with pytest.raises(perdita.InputError, match="one shape"):
        outlier_share(PREDICTION, TARGET[:2], threshold=0.1)
    with pytest.raises(perdita.InputError, match="relation"):
        ordinal_disagreement(PREDICTION, TARGET, torch.tensor([2, 0, 0]))
