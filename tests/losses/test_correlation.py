"""The correlation term against NumPy's, and where it has nothing to say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import perdita.functional as P

GENERATOR = torch.Generator().manual_seed(0)
PREDICTION, TARGET = torch.randn(2, 50, generator=GENERATOR, dtype=torch.float64)


def test_it_is_one_minus_the_correlation_of_numpy():
    expected = 1 - np.corrcoef(PREDICTION.numpy(), TARGET.numpy())[0, 1]
    assert P.correlation(PREDICTION, TARGET).item() == pytest.approx(expected, abs=1e-8)


def test_neither_scale_nor_level_matter():
    expected = P.correlation(PREDICTION, TARGET)
    torch.testing.assert_close(P.correlation(7 * PREDICTION - 3, TARGET), expected, atol=1e-8, rtol=0)
    assert P.correlation(-2 * TARGET, TARGET).item() == pytest.approx(2, abs=1e-7)


def test_large_numbers_in_single_precision_keep_their_correlation():
    expected = P.correlation(PREDICTION.float(), TARGET.float())
    prediction = (1e14 * PREDICTION).float().requires_grad_()
    value = P.correlation(prediction, (1e14 * TARGET).float())
    torch.testing.assert_close(value, expected)
    value.backward()
    assert (prediction.grad * 1e14).abs().max() > 1e-3


@pytest.mark.parametrize("flat", ["prediction", "target", "one item"])
def test_where_one_is_constant_it_is_one_without_a_gradient(flat):
    prediction, target = PREDICTION[:4].clone(), TARGET[:4].clone()
    if flat == "one item":
        prediction, target = prediction[:1], target[:1]
    else:
        (prediction if flat == "prediction" else target).fill_(3.0)
    prediction.requires_grad_()
    value = P.correlation(prediction, target)
    value.backward()
    assert value.item() == 1
    assert (prediction.grad == 0).all()


def test_its_gradient_adds_up_to_zero():
    prediction = PREDICTION.clone().requires_grad_()
    P.correlation(prediction, TARGET).backward()
    assert prediction.grad.sum().abs() < 1e-12
    assert prediction.grad.abs().max() > 1e-3
