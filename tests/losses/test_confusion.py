"""Confusion-matrix losses: their hard limit, their gradients, and batches that lack a class."""

import pytest
import torch
from sklearn import metrics as sk

import perdita.functional as P
from perdita.losses.imbalance.confusion import METRICS, soft_confusion

ALL = ("f_score", *METRICS)
HARD = {
    "f_score": sk.f1_score,
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "jaccard": sk.jaccard_score,
    "matthews": sk.matthews_corrcoef,
    "g_mean": lambda y, d: (sk.recall_score(y, d) * sk.recall_score(1 - y, 1 - d)) ** 0.5,
}


def batch(n=40):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(n, generator=generator) < 0.3).long()


@pytest.mark.parametrize("metric", ALL)
def test_a_steep_loss_is_the_metric_of_the_decisions(metric):
    logits, target = batch()
    found = P.any_loss(logits, target, metric=metric, steepness=1e6).item()
    assert found == pytest.approx(1 - HARD[metric](target.numpy(), (logits > 0).long().numpy()), abs=1e-9)


def test_the_gradient_of_the_geometric_mean_is_the_true_one():
    logits, target = batch()
    logits.requires_grad_()
    (found,) = torch.autograd.grad(P.any_loss(logits, target, metric="g_mean", steepness=10.0), logits)
    counts = soft_confusion(logits, target, steepness=10.0)
    hits, rejections, positives = counts.true_positive, counts.true_negative, target.sum()
    root = (hits * rejections * positives * (len(target) - positives)).sqrt()
    p = logits.sigmoid()
    amplified = torch.sigmoid(10 * (p - 0.5))
    slope = -(target * rejections + (target - 1) * hits) / (2 * root)
    expected = slope * 10 * amplified * (1 - amplified) * p * (1 - p)
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("logit", [-1e4, 0.0, 1e4])
def test_a_batch_of_one_class_is_finite(metric, label, logit):
    logits = torch.full((4,), logit, requires_grad=True)
    value = P.any_loss(logits, torch.full((4,), label), metric=metric)
    (gradient,) = torch.autograd.grad(value, logits)
    assert 0 <= value.item() <= 2
    assert gradient.isfinite().all()


def test_an_absent_class_leaves_the_means():
    logits = torch.tensor([1.0, 0.2, -0.1], dtype=torch.float64)
    target = torch.ones(3)
    sensitivity = 1 - P.any_loss(logits, target, metric="accuracy")
    for metric in ("balanced_accuracy", "g_mean"):
        torch.testing.assert_close(1 - P.any_loss(logits, target, metric=metric), sensitivity)


def test_no_positives_give_an_f_score_of_nothing():
    logits = torch.tensor([0.3, -0.2], requires_grad=True)
    value = P.any_loss(logits, torch.zeros(2))
    (gradient,) = torch.autograd.grad(value, logits)
    assert value.item() == 1
    assert gradient.tolist() == [0, 0]


def test_a_metric_of_ones_own():
    logits, target = batch()
    counts = soft_confusion(logits, target, steepness=20.0)
    assert torch.stack(counts).sum().item() == pytest.approx(len(target))
    own = 1 - counts.true_positive / (counts.true_positive + counts.false_negative)
    assert own.item() == pytest.approx(P.any_loss(logits, target, beta=1e6, steepness=20.0).item(), abs=1e-9)
