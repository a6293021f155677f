"""Sizes and params of layers, bottlenecks and ordered classes that the vectors at hand do not use, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import norm

from tests.golden.adapters import load_adapters
from tests.golden.reader import UnreadError

DRAW = np.random.default_rng(7)


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return dict(load_adapters()[slug](plain, params))


def number(value: Any) -> Any:
    return value.detach().numpy() if hasattr(value, "detach") else value


@pytest.mark.parametrize(("n", "c"), [(7, 4), (4, 7), (1, 3), (3, 1)])
@pytest.mark.parametrize("tau", [0.5, 2.0])
def test_a_batch_may_be_larger_than_the_list_of_concepts(n: int, c: int, tau: float) -> None:
    z, backbone, noise, other = DRAW.normal(size=(4, n, c))
    weight = DRAW.normal(size=(c, c))
    arrays = {"cbl_logits": z, "backbone_logits": backbone, "cbl_weight": weight}
    got = run("sparse-cbm", {**arrays, "gumbel_noise_dim0": noise, "gumbel_noise_dim1": other}, tau=tau, l1_lambda=0.01)
    plain = log_softmax(z, 0), log_softmax(z, 1)
    noisy = log_softmax((z + noise) / tau, 0), log_softmax((z + other) / tau, 1)
    diagonal = np.arange(min(n, c))
    for name, both in (("contrastive", plain), ("gumbel_diagonal_only", noisy)):
        expected = -0.5 * sum(own[diagonal, diagonal].mean() for own in both)
        np.testing.assert_allclose(number(got[name]), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(number(got["gumbel_all_entries"]), -0.5 * (noisy[0].mean() + noisy[1].mean()))
    np.testing.assert_allclose(number(got["l1_over_num_concepts"]), 0.01 / c * np.abs(weight).sum())


@pytest.mark.parametrize("power", [1, 2])
def test_the_hinge_of_either_power_leaves_ignored_rows_out(power: int) -> None:
    features, weight, bias = DRAW.normal(size=(6, 4)), DRAW.normal(size=(4, 3)), DRAW.normal(size=3)
    target = np.array([0, 2, -100, 1, 1, 0])
    inputs = {"features": features, "weight": weight, "bias": bias, "target": target}
    got = run("gru-svm", inputs, C=2.0, **({"power": power} if power == 1 else {}))
    signs = np.where(target[:, None] == np.arange(3), 1.0, -1.0)
    hinge = (np.maximum(0, 1 - signs * (features @ weight + bias)) ** power)[target >= 0].sum()
    np.testing.assert_allclose(number(got["hinge_only"]), hinge)
    np.testing.assert_allclose(number(got["loss"]), 0.5 * (weight**2).sum() + 2.0 * hinge)


def test_an_epsilon_of_zero_is_relu_and_may_be_an_input() -> None:
    x, upstream = DRAW.normal(size=(2, 5)), DRAW.normal(size=(2, 5))
    got = run("crrelu", {"input": x, "grad_output": upstream, "epsilon": 0.0})
    np.testing.assert_array_equal(number(got["output"]), np.maximum(x, 0))
    np.testing.assert_allclose(number(got["grad_epsilon"]), (upstream * x * np.exp(-(x**2) / 2)).sum())


def test_a_class_that_has_vanished() -> None:
    counts, decay = [40, 20, 4], 0.05
    target = np.repeat(np.arange(3), counts)
    features, weight = DRAW.normal(size=(64, 5)), DRAW.normal(size=(3, 5))
    inputs = {"features": features, "target": target, "classifier_weight": weight}
    got = run("neural-collapse", inputs, class_counts=counts, depth_M=1, weight_decay=decay, feature_decay=decay)
    square = np.sqrt(np.array(counts, float)) - 64 * decay  # sqrt(n lh / lw) - N lh
    square = np.maximum(square, 0)
    assert square[2] == 0 < square[1]
    np.testing.assert_allclose(number(got["s"]), np.sqrt(square), atol=1e-12)
    gram, frame = weight @ weight.T, np.diag(square)
    off = gram / np.linalg.norm(gram) - frame / np.linalg.norm(frame)
    np.testing.assert_allclose(got["nc2_gof_W"], np.linalg.norm(off))
    means = np.stack([features[target == k].mean(0) for k in range(3)])
    centred = means - features.mean(0)
    for name, rows, ideal in (
        ("nc2_of_H", means, np.eye(3) / np.sqrt(3)),
        ("nc2_etf_H", centred, (np.eye(3) - 1 / 3) / np.sqrt(2)),
    ):
        inner = rows @ rows.T
        np.testing.assert_allclose(got[name], np.linalg.norm(inner / np.linalg.norm(inner) - ideal))
    spread = features - means[target]
    between = centred.T @ centred / 3
    nc1 = np.trace(spread.T @ spread / 64 @ np.linalg.pinv(between, rcond=1e-10)) / 3
    np.testing.assert_allclose(got["nc1"], nc1)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_ordered_classes_with_ignored_rows(reduction: str) -> None:
    z, target = 2 * DRAW.normal(size=(6, 3)), np.array([0, 3, -1, 1, 2, 3])
    kept, inputs = target >= 0, {"input": z, "target": target}
    options = {"num_classes": 4, "ignore_index": -1, "reduction": reduction}
    passed = (target[:, None] > np.arange(3)).astype(float)
    terms = np.logaddexp(0, z) - z * passed
    divisor = kept.sum() if reduction == "mean" else 1
    importance = [0.5, 1.0, 3.0]
    got = run("ordinal-rasch", inputs, kind="coral_ordinal_cross_entropy", importance_weights=importance, **options)
    np.testing.assert_allclose(number(got["loss"]), (terms * importance)[kept].sum() / divisor)
    got = run("ordinal-rasch", inputs, kind="corn", **options)
    asked = (target[:, None] > np.arange(3) - 1) & kept[:, None]
    divisor = asked.sum() if reduction == "mean" else 1  # questions, as in coral-pytorch
    np.testing.assert_allclose(number(got["loss"]), terms[asked].sum() / divisor)
    rank = (np.cumprod(1 / (1 + np.exp(-z)), 1) > 0.5).sum(1)
    np.testing.assert_array_equal(number(got["predicted_rank"]), rank)


@pytest.mark.parametrize(("days", "breaches"), [(250, 250), (600, 3)])
def test_backtests_at_their_ends(days: int, breaches: int) -> None:
    hits = np.arange(days) < breaches
    got = run("lstm-mdn", {"hits": hits.astype(int)}, expected_rate=0.05)

    def terms(quiet: int, hit: int, rate: float) -> float:
        return (quiet * np.log(1 - rate) if quiet else 0.0) + (hit * np.log(rate) if hit else 0.0)

    share = breaches / days
    coverage = -2 * (terms(days - breaches, breaches, 0.05) - terms(days - breaches, breaches, share))
    np.testing.assert_allclose(got["LR_uc"], coverage)
    (n00, n01), (n10, n11) = got["transition_counts"]
    assert (n00 + n01 + n10 + n11, n11) == (days - 1, breaches - 1)
    pooled = terms(n00 + n10, n01 + n11, (n01 + n11) / (days - 1))
    apart = terms(n00, n01, n01 / max(n00 + n01, 1)) + terms(n10, n11, n11 / max(n10 + n11, 1))
    np.testing.assert_allclose(got["LR_ind"], -2 * (pooled - apart), atol=1e-12)


@pytest.mark.parametrize("start", [None, 2e-4])
def test_a_variance_that_follows_returns(start: float | None) -> None:
    returns = 0.01 * DRAW.normal(size=40)
    options = {} if start is None else {"initial_variance": start}
    got = run("lstm-mdn", {"returns": returns}, omega=2e-6, alpha=0.05, beta=0.9, **options)
    variance = [returns.var() if start is None else start]
    for value in returns:
        variance.append(2e-6 + 0.05 * value**2 + 0.9 * variance[-1])
    np.testing.assert_allclose(got["conditional_variance"], variance[:-1])
    np.testing.assert_allclose(got["var_0_99_loss"], norm.ppf(0.99) * np.sqrt(variance[-1]))
    past = np.array(variance[:-1])
    np.testing.assert_allclose(got["log_likelihood"], -0.5 * (np.log(2 * np.pi * past) + returns**2 / past).sum())


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_rolling_forecasts_at_another_level(level: float) -> None:
    returns = DRAW.normal(size=30)
    named = {"window": 20, "confidence": level, "quantile": "linear interpolation (type 7)"}
    got = run("lstm-mdn", {"returns": returns}, **named)
    past = np.stack([returns[day - 20 : day] for day in range(20, 30)])
    rank = (1 - level) * 19
    low = np.sort(past, 1)[:, :2]  # both ranks lie between the two lowest
    expected = low[:, 0] + rank * (low[:, 1] - low[:, 0])
    np.testing.assert_allclose(got["historical_simulation"], expected)
    np.testing.assert_allclose(got["constant_mean_normal"], past.mean(1) + norm.ppf(1 - level) * past.std(1, ddof=1))


@pytest.mark.parametrize(
    ("slug", "inputs", "params"),
    [
        ("gru-svm", {"features": [[1.0]], "weight": [[1.0, 2.0]], "bias": [0.0, 0.0], "target": [0]}, {"power": 3}),
        ("ordinal-rasch", {"input": [[0.0]], "target": [0]}, {"num_classes": 2, "kind": "probit"}),
        (
            "ordinal-rasch",
            {"input": [[0.0]], "target": [0]},
            {"num_classes": 2, "kind": "corn", "importance_weights": [1.0]},
        ),
    ],
)
def test_what_a_paper_does_not_define_is_refused(slug: str, inputs: dict[str, Any], params: dict[str, Any]) -> None:
    with pytest.raises(UnreadError):
        run(slug, inputs, **params)
