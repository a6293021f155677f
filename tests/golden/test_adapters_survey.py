"""Cases of the survey with other numbers than those of the vectors at hand, in plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.adapters import load_adapters
from tests.golden.compare import read_cases

CASES = {case.name: case for case in read_cases(Path(__file__).parents[1] / "vectors" / "loss-metric-survey.json")}
DRAW = np.random.default_rng(3)


def run(name: str, params: dict[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    """A case at hand with other inputs and params."""
    given = {key: own.tolist() if isinstance(own, np.ndarray) else own for key, own in inputs.items()}
    case = CASES[name]
    got = load_adapters()[case.slug]({**case.inputs, **given}, {**case.params, **(params or {})})
    return {key: own.detach().numpy() if hasattr(own, "detach") else own for key, own in got.items()}


def test_targets_below_zero_have_every_loss_but_that_of_counts() -> None:
    x, t = DRAW.normal(size=(2, 4, 3))
    got = run("regression", {"beta_or_delta": 0.4}, input=x, target=t)
    size = np.abs(x - t)
    np.testing.assert_allclose(got["smooth_l1"], np.where(size < 0.4, size**2 / 0.8, size - 0.2).mean())
    np.testing.assert_allclose(got["huber"], np.where(size < 0.4, size**2 / 2, 0.4 * (size - 0.2)).mean())
    np.testing.assert_allclose(got["berhu"], np.where(size <= 0.4, size, (size**2 + 0.16) / 0.8).mean())
    np.testing.assert_allclose(got["smape_percent"], 200 * (size / (np.abs(x) + np.abs(t))).mean())
    assert "poisson_log_input" not in got


def test_libra_with_other_constants() -> None:
    x, t = 2 * DRAW.normal(size=(2, 8))
    a, g, b = 0.3, 2.0, 0.5
    got = run("regression", {"libra": {"alpha": a, "gamma": g, "beta": b}}, input=x, target=t)
    size, base = np.abs(x - t), np.exp(g / a) - 1
    near = a / base * (base * size + 1) * np.log(base * size / b + 1) - a * size
    np.testing.assert_allclose(got["balanced_l1_libra"], np.where(size < b, near, g * size + g / base - a * b).mean())


def test_whole_weights_of_classes() -> None:
    logits, target = DRAW.normal(size=(5, 3)), np.array([0, 1, 2, 2, 0])
    got = run("classification", input=logits, target=target, class_weight=[1, 2, 3])
    own = np.logaddexp.reduce(logits, 1) - logits[np.arange(5), target]
    weight = np.array([1, 2, 3])[target]
    np.testing.assert_allclose(got["weighted_cross_entropy_mean_by_weight"], (weight * own).sum() / weight.sum())


@pytest.mark.parametrize("name", ["apart", "equal", "flat"])
def test_boxes_at_their_ends(name: str) -> None:
    given = {"apart": [5.0, 5, 6, 7], "equal": [0.0, 0, 1, 2], "flat": [0.5, 0.5, 0.5, 0.5]}[name]
    got = run("boxes", input=[given], target=[[0.0, 0, 1, 2]])
    if name == "apart":  # the hull is 6 by 7, the centres 5 and 5 apart
        np.testing.assert_allclose([got["iou"], got["giou"]], [1, 1 + (42 - 4) / 42])
        np.testing.assert_allclose([got["diou"], got["ciou"]], 1 + 50 / 85)
    elif name == "equal":
        np.testing.assert_allclose([got[key] for key in ("iou", "giou", "diou", "ciou")], 0, atol=1e-12)
    assert all(np.isfinite(own).all() for own in got.values())


def test_an_image_of_depths() -> None:
    depth, truth = DRAW.uniform(1, 5, size=(2, 3, 4))
    got = run("depth", {"lam": 0.5}, input=depth, target=truth)
    ratio = np.log(depth / truth)
    np.testing.assert_allclose(got["silog_eigen"], (ratio**2).mean() - 0.5 * ratio.mean() ** 2)
    np.testing.assert_allclose(got["silog_survey_eq139"], (ratio**2).sum() / 2 - 0.5 / 144 * ratio.sum() ** 2)
    scale, shift = np.linalg.lstsq(np.stack([depth.ravel(), np.ones(12)], 1), truth.ravel(), rcond=None)[0]
    np.testing.assert_allclose(got["ssi_mse"], ((scale * depth + shift - truth) ** 2).mean() / 2)
    largest = np.maximum(depth / truth, truth / depth)
    np.testing.assert_allclose([got[f"delta{k}"] for k in (1, 2, 3)], [(largest < 1.25**k).mean() for k in (1, 2, 3)])


def test_rates_of_texts_that_no_float32_holds() -> None:
    said, meant = ["the", "the", "cat"], ["the", "cat", "sat"]
    got = run(
        "text_and_ranking_metrics", hypothesis=said, reference=meant, relevant=[0, 1, 1], ap_scores=[0.5, 0.9, 0.5]
    )
    assert (got["wer"], got["rouge1_recall"], got["rouge_l_recall"]) == (2 / 3, 2 / 3, 2 / 3)
    assert got["context_precision_at_3"] == (1 + 2 / 3) / 2  # of equal scores the first one leads
