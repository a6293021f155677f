"""Params and signs of losses of numbers that the vectors at hand do not use, in plain NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import norm

from tests.golden.adapters import load_adapters
from tests.golden.reader import UnreadError

DRAW = np.random.default_rng(11)


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return {name: own.detach().numpy() for name, own in load_adapters()[slug](plain, params).items()}


def test_a_series_of_either_sign() -> None:
    x, t = DRAW.normal(size=(2, 30)) - 0.5
    got = run("timeseries-survey", {"input": x, "target": t}, q=0.9)
    e = x - t
    assert t.mean() < 0
    np.testing.assert_allclose(got["nrmse_mean"], np.sqrt((e**2).mean()) / t.mean())
    np.testing.assert_allclose(got["rae"], np.abs(e).sum() / np.abs(t - t.mean()).sum())
    np.testing.assert_allclose(got["rrmse"], np.sqrt((e**2).mean() / (x**2).sum()))
    np.testing.assert_allclose(got["mape"], 100 * np.abs(e / t).mean())
    np.testing.assert_allclose(got["huber"], np.where(np.abs(e) <= 1, e**2 / 2, np.abs(e) - 0.5).mean())
    risk = 2 * np.where(e < 0, -0.9 * e, 0.1 * e).mean() / np.abs(t).mean()
    np.testing.assert_allclose(got["q_risk"], risk)
    np.testing.assert_allclose(got["grad_input_log_cosh"], np.tanh(e) / 30)
    assert "msle" not in got


@pytest.mark.parametrize("shape", [(6,), (2, 3), (2, 2, 2)])
@pytest.mark.parametrize("clamp", [True, False])
def test_targets_outside_of_the_support(shape: tuple[int, ...], clamp: bool) -> None:
    bins, low, high, sigma = 9, -1.0, 2.0, 0.4
    target, logits = 1.5 * DRAW.normal(size=shape), DRAW.normal(size=(*shape, bins))
    target.flat[0] = 2.7
    got = run(
        "hl-gauss", {"input": logits, "target": target},
        v_min=low, v_max=high, num_bins=bins, sigma=sigma, clamp_to_range=clamp,
    )  # fmt: skip
    center = np.clip(target, low, high) if clamp else target
    edges = np.linspace(low, high, bins + 1)
    z = (edges - center[..., None]) / sigma
    above = z[..., 1:] + z[..., :-1] > 0  # the smaller tail does not cancel
    mass = np.where(above, -np.diff(norm.sf(z)), np.diff(norm.cdf(z)))
    probs = mass / mass.sum(-1, keepdims=True)
    np.testing.assert_allclose(got["target_probs"], probs, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(got["loss"], -(probs * log_softmax(logits, -1)).sum(-1).mean())
    centers = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(got["decoded_target"], probs @ centers)
    nearness = 1 - np.abs(np.clip(target, centers[0], centers[-1])[..., None] - centers) / (centers[1] - centers[0])
    np.testing.assert_allclose(got["two_hot_probs"], np.maximum(nearness, 0), atol=1e-14)


@pytest.mark.parametrize("alpha", [3.0, -3.0, 0.0])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_large_errors_under_the_exponential(alpha: float, reduction: str) -> None:
    x, t = np.array([9.0, -8.0, 0.1, 2.0]), np.array([-2.0, 3.0, 0.1, 2.5])
    got = run("itakura-saito", {"input": x, "target": t}, alpha=alpha, reduction=reduction)
    reduce = {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction]
    d = x - t
    values = (np.exp(alpha * d) - alpha * d - 1) / alpha**2 if alpha else d**2 / 2
    np.testing.assert_allclose(got["loss"], reduce(values), rtol=1e-12)
    slope = 2 * d / (1 + np.exp(-alpha * d)) / (len(x) if reduction == "mean" else 1)
    np.testing.assert_allclose(got["grad_softplus"], slope, rtol=1e-12, atol=1e-15)
    certain = -np.log(np.exp(-alpha * t).mean()) / alpha if alpha else t.mean()
    np.testing.assert_allclose(got["entropic_certainty_equivalent"], certain)


@pytest.mark.parametrize("weight", [0.0, 3.0])
@pytest.mark.parametrize("kind", ["mse", "l1"])
def test_regression_with_labels_that_are_all_left_out(weight: float, kind: str) -> None:
    """The released code has NaN for the missing cross-entropy; the dossier of the paper wants 0."""
    x, t, logits = DRAW.normal(size=(5, 1)), DRAW.normal(size=(5, 1)), DRAW.normal(size=(5, 3))
    edges, e = np.linspace(t.min(), t.max(), 4), (x - t)[:, 0]
    inputs = {"pred_reg": x, "pred_cls": logits, "target": t, "bin_edges": edges, "label": [-1] * 5}
    got = run("classification-helps-regression", inputs, reg_weight=weight, reg_loss=kind)
    alone = (e**2).mean() if kind == "mse" else np.abs(e).mean()
    np.testing.assert_allclose(got["loss"], weight * alone if weight else alone)
    assert got["loss_cls"] == 0


@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_the_error_beside_the_correlation(normalized: bool, weighted: bool) -> None:
    x, t = DRAW.normal(size=(2, 12))
    w, v = DRAW.uniform(size=(2, 12)) if weighted else (np.full(12, 1 / 12 if normalized else 1.0), np.ones(12))
    w = w / w.sum() if normalized else w
    inputs = {"pred": x, "target": t} | ({"mse_weight": w, "pcc_weight": v} if weighted else {})
    got = run("cisir", inputs, kind="cmse", lambda_=0.3, normalized_weights=normalized)
    a, b = t - t.mean(), x - x.mean()
    correlation = (v * a * b).sum() / (np.sqrt((v * a * a).sum() * (v * b * b).sum()) + 1e-7)
    square = (w * (x - t) ** 2).sum() if normalized else (w * (x - t) ** 2).mean()
    np.testing.assert_allclose(got["loss"], square + 0.3 * (1 - correlation))


def test_importances_without_a_tail() -> None:
    labels = np.append(DRAW.normal(size=15), [4.0, 4.0])
    got = run("cisir", {"labels": labels}, kind="mdi", alpha=0.5, bandwidth=0.3)
    width = 0.3 * labels.std(ddof=1)
    density = norm.pdf((labels[:, None] - labels) / width).mean(1) / width
    np.testing.assert_allclose(got["density_after_tail_smoothing"], density)
    share = density / (density.max() + 1e-3)
    importance = (1 - share**0.5) ** 2
    np.testing.assert_allclose(got["importance"], importance / importance.sum())


@pytest.mark.parametrize(
    ("slug", "inputs", "params"),
    [
        ("hl-gauss", {"input": [[0.0, 0.0]], "target": [0.0]}, {"sigma": 3.0, "sigma_to_bin_ratio": 1.0}),
        ("cisir", {"labels": [0.0, 1.0]}, {"kind": "mdi", "epsilon": 0.5}),
        ("itakura-saito", {"input": [0.0], "target": [0.0]}, {"gamma": 1.0}),
        ("timeseries-survey", {"input": [0.0], "target": [1.0]}, {"horizon": 3}),
    ],
)
def test_what_a_paper_does_not_define_is_refused(slug: str, inputs: dict[str, Any], params: dict[str, Any]) -> None:
    support = {"v_min": 0.0, "v_max": 1.0, "num_bins": 2} if slug == "hl-gauss" else {}
    with pytest.raises(UnreadError):
        run(slug, inputs, **support, **params)
