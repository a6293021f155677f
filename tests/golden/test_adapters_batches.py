"""Adapters of losses over batches, bags and draws, against the papers' formulas in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.golden.reader import UnreadError
from tests.golden.test_adapters_families import close, run, slopes, softmax

Array = Any


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def metric_of(metric: str, p: Array, y: Array, steepness: float, beta: float) -> float:
    """From the sums that the paper takes, TP, sy and sh."""
    amplified, n = sigmoid(steepness * (p - 0.5)), len(y)
    tp, sy, sh = (y * amplified).sum(), y.sum(), amplified.sum()
    tn, fp, fn = n - sy - sh + tp, sh - tp, sy - tp
    return {
        "accuracy": (n - sy - sh + 2 * tp) / n,
        "fbeta": (1 + beta**2) * tp / (beta**2 * sy + sh),
        "balanced_accuracy": (n * (tp + sy) - sy * (sh + sy)) / (2 * sy * (n - sy)),
        "gmean": np.sqrt(tp * tn / (sy * (n - sy))),
        "jaccard": tp / (tp + fp + fn),
        "mcc": (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)),
    }[metric]


@pytest.mark.parametrize("metric", ["accuracy", "fbeta", "balanced_accuracy", "gmean", "jaccard", "mcc"])
@pytest.mark.parametrize(("steepness", "beta"), [(10.0, 1.0), (73.0, 2.0)])
def test_any_loss(metric: str, steepness: float, beta: float) -> None:
    logits, y = 0.3 * np.random.default_rng(0).normal(size=12), np.array([1.0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0])
    got = run("anyloss", {"input_logits": logits, "target": y}, metric=metric, L=steepness, beta=beta)
    close(got["loss"], 1 - metric_of(metric, sigmoid(logits), y, steepness, beta))
    expected = slopes(lambda z: -metric_of(metric, sigmoid(z), y, steepness, beta), logits, 1e-6)
    close(got["grad_input_logits"], expected, 1e-6, 1e-8)


def test_any_loss_where_a_class_is_absent() -> None:
    logits = np.array([0.1, -0.2, 0.3])
    rate = 1 - sigmoid(73 * (sigmoid(logits) - 0.5)).mean()  # of the negatives, all there is
    for metric, expected in (("fbeta", 0.0), ("balanced_accuracy", rate), ("gmean", rate)):
        got = run("anyloss", {"input_logits": logits, "target": [0.0, 0.0, 0.0]}, metric=metric)
        close(got["loss"], 1 - expected)
    assert not run("anyloss", {"input_logits": logits, "target": [0.0, 0.0, 0.0]})["grad_input_logits"].any()


@pytest.mark.parametrize(
    ("model", "target", "known"),
    [
        ([0, 1, 1, 2, 0], [1, 1, 2], ("squared_l2_unbiased", "l4_loss_without_target_term")),
        ([0, 1], [1], ("squared_l2_loss_without_target_term",)),
        ([0], [1, 1], ()),
        ([0, 1, 1, 2, 0, 3], [1, 1, 2, 3, 3], ("squared_l2_unbiased", "l4_unbiased")),
    ],
)
def test_estimates_that_have_too_few_draws_are_none(
    model: list[int], target: list[int], known: tuple[str, ...]
) -> None:
    got = run("proper-discrete", {"model_samples": model, "target_samples": target}, num_categories=4)

    def moment(samples: list[int], k: int) -> Array:
        counts, n = np.bincount(samples, minlength=4), len(samples)
        falling = [math.prod(int(h) - i for i in range(k)) / math.prod(n - i for i in range(k)) for h in counts]
        return np.array(falling)

    def distance(power: int, first: int) -> float:
        terms = [
            math.comb(power, j) * (-1) ** (power - j) * moment(model, j) * moment(target, power - j)
            for j in range(first, power + 1)
        ]
        return float(np.sum(terms))

    for name, power, first in (
        ("squared_l2_unbiased", 2, 0),
        ("squared_l2_loss_without_target_term", 2, 1),
        ("l4_unbiased", 4, 0),
        ("l4_loss_without_target_term", 4, 1),
    ):
        if len(model) >= power and len(target) >= power - first:
            close(got[name], distance(power, first))
        else:
            assert got[name] is None
    assert all(got[name] is not None for name in known)


def ranked(z: Array, mixed: Array, shares: Array, kind: str, margin: float) -> float:
    """mixed and shares are (M, B, C)."""
    if kind == "mrl":
        gap = np.maximum(0, mixed[0].max(1) - z.max(1) + margin)
        return float((gap * (shares[0].max(1) < 1)).mean())
    found = []
    for row in range(len(z)):
        relevance = shares[:, row].max(1)
        order = np.argsort(-relevance, kind="stable")
        gained = np.concatenate([[softmax(z[row]).max()], softmax(mixed[:, row]).max(1)[order]])
        discount = np.log2(np.arange(2, len(mixed) + 3))
        d, i = (gained / discount).sum(), (np.concatenate([[1.0], relevance[order]]) / discount).sum()
        found.append(1 - (d / i if i > d else i / d))
    return float(np.mean(found))


@pytest.mark.parametrize(("kind", "mixtures"), [("mrl", 1), ("mndcg", 1), ("mndcg", 4)])
def test_rank_mixup(kind: str, mixtures: int) -> None:
    rng = np.random.default_rng(1)
    z, y, mixed = 3 * rng.normal(size=(6, 4)), np.array([0, 1, 2, 3, 0, 1]), 3 * rng.normal(size=(mixtures, 6, 4))
    z[0], mixed[:, 0] = 9 * np.eye(4)[0], 9 * np.eye(4)[1]  # surer than any share
    lam = rng.beta(2, 2, mixtures)
    partners = np.array([rng.permutation(6) for _ in range(mixtures)])
    partners[:, 0], partners[:, 5] = 4, 5  # of the same class, and the item itself
    hot = np.eye(4)[y]
    shares = lam[:, None, None] * hot + (1 - lam)[:, None, None] * hot[partners]

    def value(z: Array, mixed: Array) -> float:
        entropy = -np.log(softmax(z)[np.arange(6), y]).mean()
        return float(entropy + 0.7 * ranked(z, mixed, shares, kind, 1.5))

    inputs = {"input": z, "target": y, "mixup_input": mixed.reshape(-1, 4), "mixup_target": shares.reshape(-1, 4)}
    got = run("rankmixup", {**inputs, "lam": lam}, kind=kind, alpha=0.7, margin=1.5, num_mixup=mixtures)
    close(got["loss_rank"], ranked(z, mixed, shares, kind, 1.5))
    close(got["loss"], value(z, mixed))
    close(got["grad_input"], slopes(lambda x: value(x, mixed), z), 1e-6, 1e-8)
    close(got["grad_mixup_input"], slopes(lambda x: value(z, x), mixed).reshape(-1, 4), 1e-6, 1e-8)


@pytest.mark.parametrize("kind", ["mrl", "mndcg"])
def test_without_mixtures_rank_mixup_is_cross_entropy(kind: str) -> None:
    inputs = {"input": [[2.0, 1.0]], "target": [0], "mixup_input": [], "mixup_target": [], "lam": []}
    got = run("rankmixup", inputs, kind=kind, num_mixup=0)
    close(got["loss"], math.log1p(math.exp(-1)))
    close(got["loss_rank"], 0.0)


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("right", ["some", "all", "none"])
@pytest.mark.parametrize("scaled", [True, False])
def test_correctness_aware(balanced: bool, right: str, scaled: bool) -> None:
    rng = np.random.default_rng(2)
    v = 2 * rng.normal(size=(7, 4))
    best = v.argmax(1)
    y = {"all": best, "none": (best + 1) % 4, "some": np.where(np.arange(7) < 5, best, (best + 1) % 4)}[right]
    c = (best == y).astype(float)
    weights = np.where(c == 1, 1 - c.mean(), c.mean()) if balanced and right == "some" else np.ones(7)

    def value(t: Array) -> float:
        return float((weights * (softmax(v / t[:, None]).max(1) - c) ** 2).sum() / weights.sum())

    t = rng.uniform(0.1, 3, 7) if scaled else np.ones(7)
    inputs = {"logits": v, "target": y} | ({"temperature": t} if scaled else {})
    got = run("calibration-correctness", inputs, balanced=balanced)
    close(got["loss"], value(t))
    close(got["correct"], c)
    if scaled:
        close(got["grad_temperature"], slopes(value, t, 1e-6), 1e-5, 1e-8)


POINTWISE = {
    "mse": lambda t, p: (t - p) ** 2,
    "bce": lambda t, p: -t * np.log(p) - (1 - t) * np.log(1 - p),
    "ce": lambda t, p: -(t * np.log(p)).sum(-1),
}


@pytest.mark.parametrize("pointwise", POINTWISE)
@pytest.mark.parametrize("by_size", [True, False])
@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
def test_ragged_bags(pointwise: str, by_size: bool, rho: float) -> None:
    """One bag has no member, and one item is left out."""
    rng, index = np.random.default_rng(3), np.array([2, 0, 2, 3, 2, 0, 5, 2])
    counted = np.array([1, 1, 1, 1, 1, 1, 1, 0])
    outputs = rng.normal(size=(8, 3) if pointwise == "ce" else 8)
    target = {"mse": rng.normal(size=6), "bce": rng.uniform(size=6), "ce": rng.dirichlet(np.ones(3), 6)}[pointwise]
    loss, link = POINTWISE[pointwise], {"mse": lambda z: z, "bce": sigmoid, "ce": softmax}[pointwise]

    def value(z: Array, rho: float = rho) -> float:
        total, weights = 0.0, 0.0
        for bag in (0, 2, 3, 5):
            f = link(z[(index == bag) & (counted == 1)])
            own = (1 - rho) * loss(target[bag], f.mean(0)) + rho * loss(target[bag], f).mean()
            weight = len(f) if by_size else 1
            total, weights = total + weight * own, weights + weight
        return float(total / weights)

    inputs = {"input": outputs, "bag_index": index, "bag_target": target, "weight": counted}
    options = {"pointwise": pointwise, "bag_weight": "size" if by_size else "equal"}
    got = run("aggregate-responses", inputs, rho=rho, **options)
    close(got["loss"], value(outputs))
    close(got["bag_loss"], value(outputs, 0.0))
    close(got["instance_loss"], value(outputs, 1.0))
    close(got["grad_input"], slopes(value, outputs), 1e-6, 1e-8)


@pytest.mark.parametrize("pointwise", POINTWISE)
def test_bags_of_one_have_one_level(pointwise: str) -> None:
    outputs = np.array([[1.0, 0.5]]) if pointwise == "ce" else np.array([0.7])
    target = np.array([[0.2, 0.8]]) if pointwise == "ce" else np.array([0.4])
    inputs = {"input": outputs, "bag_index": [0], "bag_target": target}
    got = run("aggregate-responses", inputs, rho=0.6, pointwise=pointwise)
    link = {"mse": lambda z: z, "bce": sigmoid, "ce": softmax}[pointwise]
    for name in ("loss", "bag_loss", "instance_loss"):
        close(got[name], POINTWISE[pointwise](target, link(outputs))[0])


def test_a_linear_fit_of_interleaved_bags() -> None:
    rng = np.random.default_rng(4)
    x, index, y, rho = rng.normal(size=(24, 3)), rng.permutation(24) % 8, rng.normal(size=8), 0.4
    means = np.stack([x[index == bag].mean(0) for bag in range(8)])
    a = (1 - rho) * means.T @ means / 8 + rho * x.T @ x / 24
    got = run("aggregate-responses", {"X": x, "bag_index": index, "bag_target": y}, rho=rho)
    close(got["theta_hat"], np.linalg.solve(a, means.T @ y / 8))


@pytest.mark.parametrize("lam", [-0.5, 0.0, 0.5, 1.0])
def test_random_calibrated_derivatives(lam: float) -> None:
    rng = np.random.default_rng(5)
    f, y, z = 3 * rng.normal(size=9), (np.arange(9) % 2).astype(float), 2 * rng.normal(size=9)
    z[:2] = 2.5, -3.0  # where 1 + lam z is below 0 for the one or the other sign of lam
    base = 1 + lam * z
    with np.errstate(invalid="ignore"):
        h = np.exp(z) if lam == 0 else np.where(base > 0, np.abs(base) ** (1 / lam), np.inf if lam < 0 else 0.0)
    t = 2 * y - 1
    s = t * f
    g = np.zeros(9)
    g[np.argsort(s, kind="stable")] = np.maximum(np.sort(-h), -1)
    g = np.where(s > 1, g / s, g) - 1e-6
    got = run("ensloss", {"input": f, "target": y, "normal_draws": z}, lam=lam)
    close(got["derivative"], g)
    close(got["loss"], (g * s).mean())
    close(got["grad_input"], g * t / 9)


def test_naive_bayes_in_chunks_that_lack_classes() -> None:
    rng = np.random.default_rng(6)
    y, x = np.array([0] * 5 + [1] * 4 + [2] * 8), rng.normal(size=(17, 3))
    x[:, 2] = 0.5  # constant: the added variance alone, alike for all
    mean = np.stack([x[y == k].mean(0) for k in range(3)])
    prior = np.array([5, 4, 8]) / 17
    var = sum(prior[k] * (x[y == k].var(0) + 1e-2) for k in range(3))
    test = rng.normal(size=(6, 3))
    scores = np.log(prior) - 0.5 * ((test[:, None] - mean) ** 2 / var).sum(2)
    inputs = {"X_train": x, "y_train": y, "X_test": test}
    got = run("discriminative-vs-generative", inputs, var_eps=1e-2, partial_fit_chunks=4)
    close(got["pooled_var"], var)
    close(got["joint_log_score"], scores)
    close(got["linear_weight"], mean / var)
    close(got["linear_bias"], np.log(prior) - 0.5 * (mean**2 / var).sum(1))
    close(got["predict"], scores.argmax(1))


@pytest.mark.parametrize(
    ("slug", "inputs", "params"),
    [
        ("anyloss", {"input_logits": [0.0], "target": [1]}, {"eps": 1e-5}),
        ("anyloss", {"input_logits": [0.0], "target": [1]}, {"metric": "auc"}),
        ("ensloss", {"input": [0.0], "target": [1], "normal_draws": [0.1]}, {"period": 2}),
        ("aggregate-responses", {"input": [0.0], "bag_index": [0], "bag_target": [1], "weight": [0.5]}, {"rho": 0.0}),
        ("calibration-correctness", {"logits": [[0.0, 1.0]], "target": [1]}, {"k": 4}),
    ],
)
def test_what_has_no_meaning_is_refused(slug: str, inputs: dict[str, Any], params: dict[str, Any]) -> None:
    with pytest.raises(UnreadError):
        run(slug, inputs, **params)
