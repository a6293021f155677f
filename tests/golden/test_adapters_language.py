"""Paths that the vectors of language-model papers do not take, against their definitions written out in NumPy."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pytest

from tests.golden.by_numpy import close, log_softmax, run, sigmoid, slopes
from tests.golden.reader import UnreadError

RANDOM = np.random.default_rng(3)


NUMBERS = [None, 2.1, None, 7.3, 3.0, 2.1, None]  # a value twice, and some that float32 rounds
LABELS = np.array([[3, 0, 1, -100], [4, 5, 6, 2]])


def number_values(logits: np.ndarray, kind: str, reweigh: bool, squash: float | None) -> np.ndarray:
    tokens = [token for token, value in enumerate(NUMBERS) if value is not None]
    values = np.array([NUMBERS[token] for token in tokens])
    distance = np.abs(values[:, None] - values)
    if squash is not None:
        least, most = distance[distance > 0].min(), distance.max()
        distance = np.where(distance == 0, 0, 1 + (distance - least) * (squash - 1) / (most - least))
    measures = {
        "mse": np.square,
        "mae": np.abs,
        "huber": lambda e: np.where(np.abs(e) < 1, e * e / 2, np.abs(e) - 0.5),
    }
    found = np.zeros(LABELS.shape)
    for place in np.argwhere(np.isin(LABELS, tokens)):
        z, own = logits[tuple(place)], tokens.index(LABELS[tuple(place)])
        p = np.exp(log_softmax(z[tokens]))
        value = p @ distance[own] if kind == "was" else measures[kind](p @ values - values[own])
        worst = distance.max() if kind == "was" else measures[kind](values.max() - values.min())
        mass = np.exp(log_softmax(z))[tokens].sum()
        found[tuple(place)] = mass * value + (1 - mass) * 1.01 * worst if reweigh else value
    return found


@pytest.mark.parametrize("kind", ["was", "mse", "mae", "huber"])
@pytest.mark.parametrize("reweigh", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_number_tokens_by_every_measure_weight_and_reduction(kind: str, reweigh: bool, reduction: str) -> None:
    logits, weight = RANDOM.normal(size=(2, 4, 7)), RANDOM.uniform(0.1, 2, size=(2, 4))
    squash = 4.0 if kind == "was" and reweigh else None
    number = np.isin(LABELS, [1, 3, 4, 5])

    def loss(logits: np.ndarray) -> Any:
        values = weight * number_values(logits, kind, reweigh, squash)
        return {"mean": values.sum() / weight[number].sum(), "sum": values.sum(), "none": values}[reduction]

    inputs = {"logits": logits, "labels": LABELS, "number_values": NUMBERS, "weight": weight}
    got = run("number-token-loss", inputs, kind=kind, reweigh=reweigh, squash_factor=squash, reduction=reduction)
    close(got["loss"], loss(logits))
    close(got["grad_logits"], slopes(lambda z: np.sum(loss(z)), logits), 1e-6, 1e-8)


def edit_invariant(logits: np.ndarray, target: np.ndarray, order: int, noise: np.ndarray | None, tau: float) -> float:
    total, (_, length, _) = 0.0, logits.shape
    log_p = np.maximum(log_softmax(logits), -20)
    for row in range(len(logits)):
        cells = log_p[row][:, target[row]]  # (t, s)
        match = np.array([
            [np.mean([cells[t + r, j + r] for r in range(order)]) for j in range(target.shape[1] - order + 1)]
            for t in range(length - order + 1)
        ])  # fmt: skip
        score = match if noise is None else match + noise[row]
        q = np.exp(log_softmax(score / tau, 0))
        total -= (q * match).sum(0).mean()
    return total / len(logits)


@pytest.mark.parametrize(
    ("ngrams", "orders"),
    [([0], [4]), ([-1, 2], [3, 2]), ([2, 7], [2]), ([9], [4]), ([], [4])],
)
@pytest.mark.parametrize("noisy", [False, True])
def test_eisl_resolves_orders_and_drops_those_that_do_not_fit(
    ngrams: list[int], orders: list[int], noisy: bool
) -> None:
    logits, target = RANDOM.normal(size=(2, 4, 5)), RANDOM.integers(0, 5, (2, 4))
    noises = [RANDOM.gumbel(size=(2, 5 - order, 5 - order)) if noisy else None for order in orders]
    given = {"logits": logits, "target": target}
    if noisy:  # an order that is dropped has none to read
        given["gumbel_noise_per_n"] = [own.tolist() for own in noises] + [[]] * (len(ngrams) - len(orders))

    def loss(logits: np.ndarray) -> float:
        values = [edit_invariant(logits, target, n, noise, 0.7) for n, noise in zip(orders, noises, strict=True)]
        return float(np.mean(values))

    got = run("eisl", given, ngrams=ngrams, tau=0.7)
    close(got["loss"], loss(logits))
    close(got["grad_logits"], slopes(loss, logits), 1e-6, 1e-8)
    entropy = -np.take_along_axis(log_softmax(logits), target[:, :, None], 2).mean()
    both = run("eisl", given, ngrams=ngrams, tau=0.7, ngram_factor=0.5, ce_factor=2.0)
    close(both["loss"], 0.5 * loss(logits) + 2 * entropy)


def released_binary(x: np.ndarray, y: np.ndarray, mask: np.ndarray, ratio: float, alpha: float, square: bool) -> float:
    negative, p, y = y == 0, sigmoid(x) * mask, y * mask
    if ratio > 0:
        ranked = np.sort(p[negative])
        keep = min(int(int(y.sum()) * ratio), len(ranked))
        kept = (p > ranked[-keep + 1]) | (y == 1)
        p, y = p * kept, y * kept
    w = (1 - p) ** alpha * p
    size = (w**2).sum() + (y**2).sum() if square else w.sum() + y.sum()
    return float(1 - (2 * (w * y).sum() + 0.5) / (size + 0.5))


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.4, 1.0, 5.0])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("square", [False, True])
def test_dice_of_a_set_with_the_released_selection(ratio: float, masked: bool, square: bool) -> None:
    x, y = RANDOM.normal(size=12), np.array([1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0])
    mask = np.array([1.0] * 12) if not masked else np.array([1.0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1])
    inputs = {"input": x[:, None], "target": y} | ({"mask": mask} if masked else {})
    options = {"smooth": 0.5, "alpha": 0.3, "square_denominator": square, "ohem_ratio": ratio}
    got = run("dice-nlp", inputs, kind="binary_set_level", **options)
    close(got["loss"], released_binary(x, y, mask, ratio, 0.3, square))
    expected = slopes(lambda x: released_binary(x, y, mask, ratio, 0.3, square), x, 1e-6)
    close(got["grad_input"].flatten(), expected, 1e-5, 1e-8)


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_dice_of_several_classes_as_released(square: bool, masked: bool, reduction: str) -> None:
    x, y = RANDOM.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    mask = np.array([1.0, 0, 1, 1, 1]) if masked else np.ones(5)

    def values(x: np.ndarray) -> np.ndarray:
        p, truth = np.exp(log_softmax(x)) * mask[:, None], np.eye(3)[y] * mask[:, None]
        w = (1 - p) ** 0.2 * p
        size = w**2 + truth**2 if square else w.sum(0) + truth.sum(0)
        return (1 - (2 * w * truth + 0.7) / (size + 0.7)).sum(1)

    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]
    options = {"smooth": 0.7, "alpha": 0.2, "square_denominator": square, "reduction": reduction}
    inputs = {"input": x, "target": y} | ({"mask": mask[:, None]} if masked else {})
    got = run("dice-nlp", inputs, kind="official_multiclass_per_token", **options)
    close(got["loss"], reduce(values(x)))
    close(got["grad_input"], slopes(lambda x: np.sum(reduce(values(x))), x), 1e-6, 1e-8)
    if square:
        soft = {**inputs, "target": np.eye(3)[y].astype(int)}
        again = run("dice-nlp", soft, kind="official_multiclass_per_token", index_label_position=False, **options)
        close(again["loss"], reduce(values(x)))


def test_dice_of_items() -> None:
    x, y = RANDOM.normal(size=6), np.array([1, 0, 1, 1, 0, 0])
    p = sigmoid(x)
    got = run("dice-nlp", {"input": x, "target": y}, kind="paper_DL", gamma=0.4, reduction="sum")
    close(got["loss"], (1 - (2 * p * y + 0.4) / (p**2 + y**2 + 0.4)).sum())
    gold = run("dice-nlp", {"input": np.stack([0 * x, x], 1), "target": y}, kind="self_adjusting_gold_class", alpha=0.5)
    right = np.where(y == 1, p, 1 - p)
    w = (1 - right) ** 0.5 * right
    close(gold["loss"], (1 - (2 * w + 1) / (w + 2)).mean())


@pytest.mark.parametrize("attempts", [1, 1.5, 7, 4096])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_coverage_of_certain_and_of_nearly_impossible_answers(attempts: float, reduction: str) -> None:
    decimal.getcontext().prec = 120
    log_prob = np.array([-1e-9, -0.3, -9.0, -60.0, -200.0])
    values, factors, many = [], [], decimal.Decimal(attempts)
    for one in log_prob:
        p = decimal.Decimal(float(one)).exp()
        miss = ((1 - p).ln() * many).exp()
        values.append(float(-(1 - miss).ln()))
        factors.append(float(many * miss / (1 - p) * p / (1 - miss)))
    got = run("pass-at-n", {"log_prob": log_prob}, N=attempts, reduction=reduction)
    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]
    close(got["loss"], reduce(np.array(values)), atol=1e-15)
    close(got["factor_F"], factors, atol=1e-15)
    close(got["grad_log_prob"], -np.array(factors) / (5 if reduction == "mean" else 1), atol=1e-15)


def test_proofs_of_different_lengths() -> None:
    steps = [[-0.2, -1.0, -3.0], [-0.5], [-2.0, -0.1]]
    got = run("pass-at-n", {"step_log_prob": steps}, N_eff=3)
    expected = [sum(-np.log(1 - (1 - np.exp(one)) ** 3) for one in own) for own in steps]
    close(got["loss"], np.mean(expected))
    assert [len(row) for row in got["grad_step_log_prob"]] == [3, 1, 2]


@pytest.mark.parametrize("factor", [[-1, -1, -1], [1, 1, 1], [1, -1, 1]])
@pytest.mark.parametrize("decimals", [None, 1])
def test_a_group_that_is_missing_adds_nothing_to_unlearning(factor: list[int], decimals: int | None) -> None:
    logits, ids = RANDOM.normal(size=(3, 5, 6)), RANDOM.integers(0, 6, (3, 5))
    mask = np.array([[0, 1, 1, 1, 1], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]])

    def parts(logits: np.ndarray) -> tuple[float, float, float, float]:
        surprise = -np.take_along_axis(log_softmax(logits[:, :-1]), ids[:, 1:, None], 2)[..., 0]
        means = []
        for sign in (-1, 1):
            counted = (mask[:, 1:] == 1) & (np.array(factor) == sign)[:, None]
            means.append(surprise[counted].mean() if counted.any() else 0.0)
        forget, retain = means
        increase = max(retain - 1.3, 0) if 1 in factor else 0.0
        raw = 0.3 * 6**increase + 0.8
        alpha = min(max(raw if decimals is None else round(raw, decimals), 1.2), 2.3) if increase else 1.2
        return -forget + alpha * retain, alpha if 1 in factor else 0.0, increase, forget

    inputs = {"logits": logits, "input_ids": ids, "loss_mask": mask, "factor": factor}
    got = run("unlearning-sha256", inputs, epoch=3, previous_retain_avg_loss=1.3, round_decimals=decimals)
    loss, alpha, increase, forget = parts(logits)
    close(got["loss"], loss)
    close(got["alpha"], alpha)
    close(got["delta_retain_loss"], increase)
    close(got["neg_forget_loss"], -forget)

    def at_this_alpha(logits: np.ndarray) -> float:
        loss, weight, _, forget = parts(logits)
        return -forget + (loss + forget) / (weight or 1) * alpha

    close(got["grad_logits"], slopes(at_this_alpha, logits), 1e-6, 1e-8)


@pytest.mark.parametrize(
    ("slug", "inputs", "params"),
    [
        ("pass-at-n", {"log_prob": [-1.0]}, {"N": 2, "length": 3}),
        ("pass-at-n", {"log_prob": [-1.0], "labels": [1]}, {"N": 2}),
        ("dice-nlp", {"input": [[0.0]], "target": [1]}, {"kind": "binary_set_level", "with_logits": False}),
        ("spike-no-more", {}, {"kind": "init_std", "d_model": 4, "num_layers": 2, "heads": 2}),
    ],
)
def test_what_is_not_known_is_refused(slug: str, inputs: dict[str, Any], params: dict[str, Any]) -> None:
    with pytest.raises(UnreadError):
        run(slug, inputs, **params)
