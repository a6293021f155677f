"""One number and the logits of its bins."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.nn.regression_heads import RegressionClassificationHead


def test_both_heads_read_the_same_features():
    torch.manual_seed(0)
    head = RegressionClassificationHead(4, 3)
    features = torch.randn(6, 4, requires_grad=True)
    prediction, logits = head(features)
    assert prediction.shape == (6,)
    assert logits.shape == (6, 3)
    labels = torch.tensor([0, 1, 2, 0, 1, -1])
    P.regression_with_classification(prediction, torch.zeros(6), logits, labels, regression_weight=0.0).backward()
    assert (features.grad[:5].abs().sum(1) > 0).all()
    assert (features.grad[5] == 0).all()


def test_one_class_is_refused():
    with pytest.raises(InputError, match="classes"):
        RegressionClassificationHead(4, 1)
