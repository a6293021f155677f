"""Naive Bayes and logistic heads."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import perdita
from perdita.nn.linear_heads import NaiveBayesHead, fit_logistic


def rows(n=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(n) % 3
    return torch.randn(n, 4, generator=generator, dtype=torch.float64) + target.unsqueeze(1), target


def fitted(**options):
    return NaiveBayesHead(4, 3, **options).partial_fit(*rows())


def test_the_softmax_is_the_posterior_of_normal_classes():
    x, y = rows()
    head = fitted()
    means = np.stack([x[y == k].numpy().mean(0) for k in range(3)])
    variance = sum(x[y == k].numpy().var(0) / 3 for k in range(3)) + 1e-9
    density = np.exp(-((x.numpy()[:, None] - means) ** 2 / variance).sum(2) / 2)
    np.testing.assert_allclose(head(x).softmax(1).numpy(), density / density.sum(1, keepdims=True), rtol=1e-9)
    torch.testing.assert_close(head.joint_log_score(x).softmax(1), head(x).softmax(1))
    torch.testing.assert_close(head.to_linear()(x).detach(), head(x))


@pytest.mark.parametrize("chunks", [2, 7, 60])
def test_chunks_change_nothing(chunks):
    x, y = rows()
    head = NaiveBayesHead(4, 3)
    for some, labels in zip(x.chunk(chunks), y.chunk(chunks), strict=True):
        head.partial_fit(some, labels)
    for name, expected in fitted().state_dict().items():
        torch.testing.assert_close(head.state_dict()[name], expected, msg=name)


def test_half_precision_features_are_widened():
    x, y = rows()
    half = NaiveBayesHead(4, 3).partial_fit(x.bfloat16(), y)
    assert half(x.bfloat16()).dtype is torch.bfloat16
    torch.testing.assert_close(half.pooled_var, NaiveBayesHead(4, 3).partial_fit(x.bfloat16().double(), y).pooled_var)


def test_a_constant_feature_decides_nothing():
    x, y = rows()
    extended = torch.cat([x, torch.full((60, 1), 3.0)], 1)
    head = NaiveBayesHead(5, 3).partial_fit(extended, y)
    torch.testing.assert_close(head.joint_log_score(extended), fitted().joint_log_score(x))


def test_a_class_without_rows_is_refused_at_use():
    x, y = rows()
    head = NaiveBayesHead(4, 3).partial_fit(x[y < 2], y[y < 2])
    with pytest.raises(perdita.InputError, match="no row of class 2"):
        head(x)
    head.partial_fit(x[y == 2], y[y == 2])
    torch.testing.assert_close(head(x), fitted()(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NaiveBayesHead(4, 1), "classes must be at least 2"),
        (lambda: NaiveBayesHead(4, 3, var_epsilon=0.0), "var_epsilon positive"),
        (lambda: NaiveBayesHead(5, 3).partial_fit(*rows()), r"input must have shape \(n, 5\)"),
        (lambda: NaiveBayesHead(4, 2).partial_fit(*rows()), "target must hold class indices from 0 to 1"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(perdita.InputError, match=message):
        call()


def test_logistic_equals_scikit_learn():
    x, y = rows()
    layer, converged = fit_logistic(x, y, 3, tolerance=1e-6)
    peer = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8).fit(x.numpy(), y.numpy())
    assert converged
    np.testing.assert_allclose(layer(x).softmax(1).numpy(), peer.predict_proba(x.numpy()), atol=1e-4)
    assert not fit_logistic(x, y, 3, iterations=1)[1]
