"""Adapters of cut cross-entropy, sequence matching, preferences, detection and attention: paths without vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.golden.by_numpy import close, log_softmax, run, sigmoid, slopes

RANDOM = np.random.default_rng(11)


def logits_of(hidden: np.ndarray, weight: np.ndarray, bias: np.ndarray, cap: float | None) -> np.ndarray:
    z = hidden @ weight.T + bias
    return z if cap is None else cap * np.tanh(z / cap)


@pytest.mark.parametrize("cap", [None, 1.5])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_cut_cross_entropy_gives_the_log_sum_exp_and_its_gradient(cap: float | None, reduction: str) -> None:
    hidden, weight, bias = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(7, 3)), RANDOM.normal(size=7)
    target = np.array([1, -100, 6, 0, 3])
    kept = target >= 0

    given = {"embeddings": hidden, "classifier": weight, "bias": bias}

    def parts(w: dict[str, np.ndarray]) -> tuple[float, np.ndarray]:
        z = logits_of(*w.values(), cap)
        lse = np.log(np.exp(z).sum(1)) * kept
        values = lse[kept] - z[kept, target[kept]]
        return values.mean() if reduction == "mean" else values.sum(), lse

    options = {"softcap": cap, "reduction": reduction, "return_lse": True, "grad_is_of": "sum(loss)+sum(lse)"}
    got = run("cce", {**given, "target": target}, **options)
    close(got["loss"], parts(given)[0])
    close(got["lse"], parts(given)[1])
    for name, own in given.items():
        expected = slopes(lambda x, name=name: sum(map(np.sum, parts({**given, name: x}))), own)  # type: ignore[misc]
        close(got[f"grad_{name}"], expected, 1e-6, 1e-8)


@pytest.mark.parametrize("sides", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("order", ["ascending mean logit", "none"])
@pytest.mark.parametrize("cap", [None, 4.0])
def test_a_filter_of_one_gradient_leaves_the_other_and_the_bias_exact(
    sides: tuple[bool, bool], order: str, cap: float | None
) -> None:
    hidden, weight, bias = 2 * RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(10, 3)), RANDOM.normal(size=10)
    target, eps = np.array([1, 9, -100, 0, 3, 3]), 0.05
    kept = target >= 0
    z = logits_of(hidden, weight, bias, cap)[kept]
    fade = 1.0 if cap is None else 1 - (z / cap) ** 2
    g = np.exp(log_softmax(z)) - np.eye(10)[target[kept]]
    classes = np.argsort(z.mean(0), kind="stable") if order != "none" else np.arange(10)
    alive = np.zeros((3, 4), bool)
    filtered = np.zeros_like(g)
    for row, rows in enumerate(np.split(np.arange(5), [2, 4])):
        for column, own in enumerate(np.split(classes, [3, 6, 9])):
            tile = np.ix_(rows, own)
            alive[row, column] = np.abs(g[tile]).max() >= eps
            filtered[tile] = g[tile] * alive[row, column]
    exact, cut = (own * fade / 5 for own in (g, filtered))
    inputs = {"embeddings": hidden, "classifier": weight, "bias": bias, "target": target}
    params: dict[str, Any] = {"block_n": 2, "block_v": 3, "filter_eps": eps, "vocab_sort": order, "softcap": cap}
    got = run("cce", inputs, **params, filter_e_grad=sides[0], filter_c_grad=sides[1], reduction="mean")
    assert not alive.all()
    close(got["block_kept_row_major"], alive.flatten().astype(int))
    close(got["vocab_order"], classes)
    close(got["grad_embeddings"][kept], (cut if sides[0] else exact) @ weight)
    close(got["grad_classifier"], (cut if sides[1] else exact).T @ hidden[kept])
    close(got["grad_bias"], (cut if all(sides) else exact).sum(0))


WEIGHTS = {
    "none": lambda r: np.ones_like(r),
    "chi": lambda r: np.ones_like(r),
    "kl": lambda r: np.exp(-r - 1),
    "kl_fix": lambda r: np.exp(-r),
    "js": lambda r: np.exp(-r) / (2 - np.exp(-r)),
    "hellinger": lambda r: 1 / (1 + r) ** 2,
}


@pytest.mark.parametrize("div", list(WEIGHTS))
@pytest.mark.parametrize("penalty", [False, True])
@pytest.mark.parametrize("term", ["value", "value_expert"])
def test_transitions_by_every_divergence(div: str, penalty: bool, term: str) -> None:
    logits, after = RANDOM.normal(size=(7, 4)), RANDOM.normal(size=(7, 4))
    action, done = RANDOM.integers(0, 4, 7), np.array([0.0, 1, 0, 0, 0, 1, 0])
    expert = np.array([True, True, False, True, False, False, True])

    def rewards(logits: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        y = 0.9 * (1 - done) * np.log(np.exp(after).sum(1))
        return logits[np.arange(7), action] - y, np.log(np.exp(logits).sum(1)) - y

    fixed = WEIGHTS[div](rewards(logits, after)[0][expert])  # it gets no gradient

    def loss(logits: np.ndarray, after: np.ndarray) -> float:
        reward, value = rewards(logits, after)
        found = -(fixed * reward[expert]).mean() + (value if term == "value" else value[expert]).mean()
        found += (reward[expert] ** 2).mean() / (4 * 0.3) if div == "chi" else 0.0
        return float(found + ((reward**2).mean() / (4 * 0.3) if penalty else 0.0))

    inputs = {"logits": logits, "next_logits": after, "action": action, "done": done, "is_expert": expert}
    options = {"gamma": 0.9, "div": div, "value_term": term, "mixture_regularizer": penalty, "alpha": 0.3}
    got = run("sequencematch", inputs, form="transition (IQ-Learn)", **options)
    close(got["loss"], loss(logits, after))
    close(got["grad_logits"], slopes(lambda z: loss(z, after), logits), 1e-6, 1e-8)
    close(got["grad_next_logits"], slopes(lambda z: loss(logits, z), after), 1e-6, 1e-8)


@pytest.mark.parametrize("divergence", ["chi2-mixture", "chi2"])
def test_sequences_with_their_tails_summed_far_out(divergence: str) -> None:
    logits, gamma, weight = RANDOM.normal(size=(3, 5, 4)), 0.8, 0.3
    actions, lengths, data = RANDOM.integers(0, 4, (3, 4)), np.array([2, 4, 1]), np.array([True, False, True])

    def loss(logits: np.ndarray) -> float:
        starts, gains, squares = [], [], []
        for row, length in enumerate(lengths):
            value = np.log(np.exp(logits[row]).sum(1))
            reward = [logits[row, i, actions[row, i]] - gamma * value[i + 1] for i in range(length)]
            reward += [(1 - gamma) * value[length]] * 300  # 0.8^300 is nothing
            reward, fading = np.array(reward), gamma ** np.arange(length + 300)
            phi = reward - reward**2 / 4 if divergence == "chi2" else reward
            starts.append(value[0])
            gains.append(fading @ phi)
            squares.append(fading @ reward**2)
        mixture = weight * np.mean(squares) if divergence == "chi2-mixture" else 0.0
        return float(-np.mean(np.array(gains)[data]) + mixture + np.mean(starts))

    inputs = {"logits": logits, "actions": actions, "lengths": lengths, "is_data": data}
    options = {"c": weight} if divergence == "chi2-mixture" else {"divergence": divergence}
    got = run("sequencematch", inputs, form="sequence, absorbing tail summed in closed form", gamma=gamma, **options)
    close(got["loss"], loss(logits))
    close(got["value_term_equals_V0"], np.log(np.exp(logits[:, 0]).sum(1)).mean())
    close(got["grad_logits"], slopes(loss, logits), 1e-6, 1e-7)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("align", ["dpo", "ipo"])
def test_preference_degrees(reduction: str, align: str) -> None:
    logps = RANDOM.normal(size=(4, 3))
    degrees = RANDOM.normal(size=(2, 3, 2, 2))
    margin = (logps[0] - logps[2]) - (logps[1] - logps[3])
    aligned = -np.log(sigmoid(0.4 * margin)) if align == "dpo" else (margin - 1 / (2 * 0.4)) ** 2
    own = -np.stack([log_softmax(degrees)[:, :, k, k] for k in range(2)]).mean(0)  # (2, 3)
    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]
    names = ("policy_chosen_logps", "policy_rejected_logps", "ref_chosen_logps", "ref_rejected_logps")
    inputs = dict(zip(names, logps, strict=True))
    inputs |= {"degree_logits_chosen": degrees[0], "degree_logits_rejected": degrees[1]}
    got = run("spo", inputs, beta=0.4, gamma=0.7, num_degrees=2, reduction=reduction, align=align)
    close(got["loss"], reduce(aligned + 0.7 * own.mean(0)))
    close(got[f"loss_{align}"], reduce(aligned))
    close(got["loss_degree"], reduce(own.mean(0)))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("cap", [0.01, 0.3, float("inf"), None])
@pytest.mark.parametrize("share", [0.2, 0.55, 1.0])
def test_detection_over_first_or_all_tokens(first: bool, cap: float | None, share: float) -> None:
    logits, tokens, counts = RANDOM.normal(size=(9, 6)), RANDOM.integers(0, 6, 9), RANDOM.integers(0, 40, 6)
    log_p = log_softmax(logits)
    own = log_p[np.arange(9), tokens]
    smooth = (counts + 1) / (counts.sum() + 6)
    kept = [i for i in range(9) if not first or tokens[i] not in tokens[:i]]
    each = np.minimum(np.exp(own) * np.log(1 / smooth[tokens]), np.inf if cap is None else cap)[kept]
    mean = (np.exp(log_p) * log_p).sum(1)
    z = (own - mean) / np.sqrt((np.exp(log_p) * log_p**2).sum(1) - mean**2)
    lowest = max(int(share * 9), 1)
    inputs = {"logits": logits, "token_ids": tokens, "reference_counts": counts}
    got = run("dc-pdd", inputs, a=cap, first_occurrence_only=first, smoothing="laplace +1", k=share)
    close(got["kept_positions"], kept)
    close(got["per_token_cross_entropy"], each)
    close(got["score"], each.mean())
    close(got["nll"], -own.mean())
    close(got["min_k_prob"], np.sort(own)[:lowest].mean())
    close(got["min_k_pp"], np.sort(z)[:lowest].mean())
    close(got["frequency_smoothed"], smooth)


def test_attention_over_survivors_and_every_gradient() -> None:
    sizes = {"Wq": (6, 6), "Wk": (6, 6), "Wv": (6, 6), "Wdelta": (2, 6), "bdelta": (2,), "Wo": (6, 6), "bo": (6,)}
    given = {name: RANDOM.normal(size=size) for name, size in sizes.items()}
    given |= {"x": RANDOM.normal(size=(1, 5, 6)), "upstream": RANDOM.normal(size=(1, 5, 6))}
    root = float(np.sqrt(np.float32(3.0)))  # of the width of a head, in float32 as in the notebook

    def loss(w: dict[str, np.ndarray]) -> tuple[float, np.ndarray]:
        x, out = w["x"][0], np.zeros((5, 6))
        gate = np.log(sigmoid(x @ w["Wdelta"].T + w["bdelta"]))
        for head in range(2):
            q, k, v = (x @ w[name].T[:, 3 * head : 3 * head + 3] for name in ("Wq", "Wk", "Wv"))
            q, k = (u / np.sqrt((u**2).mean(1, keepdims=True) + 1e-6) for u in (q, k))
            for i in range(5):
                scores = k[: i + 1] @ q[i] / root
                alive = np.flatnonzero(scores > 0)
                if len(alive):
                    distance = len(alive) - np.arange(len(alive))
                    a = np.exp(log_softmax(scores[alive] + gate[i, head] * distance))
                    out[i, 3 * head : 3 * head + 3] = a @ v[alive]
        output = out @ w["Wo"].T + w["bo"]
        return float((output * w["upstream"][0]).sum()), output

    got = run("tra", given, n_heads=2, threshold=0.0, dropout=0.0, qk_norm="rms, eps 1e-6, no affine")
    close(got["loss"], loss(given)[0])
    close(got["output"][0], loss(given)[1])
    for name in (*sizes, "x"):
        expected = slopes(lambda own, name=name: loss({**given, name: own})[0], given[name], 1e-6)  # type: ignore[misc]
        close(got[f"grad_{name}"], expected, 1e-5, 1e-7)
