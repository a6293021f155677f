"""Adapters of the comp-sum, spherical, label-robust and Legendre families, against the papers' formulas in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.golden.adapters import load_adapters
from tests.golden.reader import UnreadError

Array = Any
LOGITS = np.random.default_rng(11).normal(size=(6, 4)) * 2
TARGET = np.array([0, 3, 1, 2, 2, 0])
ROWS = np.arange(6)
WEIGHT = np.array([0.5, 1.0, 2.0, 4.0])


def run(slug: str, inputs: dict[str, Any], **params: Any) -> dict[str, Any]:
    given = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in inputs.items()}
    return dict(load_adapters()[slug](given, params))


def close(found: Any, expected: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    found = found.detach().numpy() if hasattr(found, "detach") else found
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)


def slopes(value: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    """Central differences of a number with respect to every entry."""
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        change = np.zeros_like(at)
        change[place] = step
        found[place] = (value(at + change) - value(at - change)) / (2 * step)
    return found


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def phi(u: Array, tau: float) -> Array:
    return np.log1p(u) if abs(tau - 1) < 1e-6 else ((1 + u) ** (1 - tau) - 1) / (1 - tau)


def others(logits: Array, scale: float = 1.0) -> Array:
    """The sum over the wrong classes of exp((z_k - z_y) / scale)."""
    return np.exp((logits - logits[ROWS, TARGET][:, None]) / scale).sum(1) - 1


@pytest.mark.parametrize("tau", [0, 0.5, 1, 1 + 1e-7, 1.5, 2, 2.5])
@pytest.mark.parametrize("place", ["inputs", "params"])
def test_comp_sum_with_weights_and_ignored_items(tau: float, place: str) -> None:
    target = np.where(TARGET == 3, -100, TARGET)
    weight = {"weight": WEIGHT.tolist()}
    got = run(
        "comp-sum",
        {"input": LOGITS, "target": target, **(weight if place == "inputs" else {})},
        tau=tau,
        reduction="mean",
        **(weight if place == "params" else {}),
    )
    weights = np.where(TARGET == 3, 0.0, WEIGHT[TARGET])
    values = weights * phi(others(LOGITS), tau)
    close(got["loss_none"], values)
    close(got["loss_sum"], values.sum())
    close(got["loss"], values.sum() / weights.sum())
    p = softmax(LOGITS)
    own = p[ROWS, TARGET][:, None]
    close(got["grad_input"], (weights / weights.sum())[:, None] * own ** (tau - 1) * (p - np.eye(4)[TARGET]), 1e-6)


@pytest.mark.parametrize(("tau", "nu"), [(0.5, 2.0), (1, "bound"), (2, 0.15)])
def test_smooth_adversarial_comp_sum(tau: float, nu: float | str) -> None:
    rho, attacked = 1.7, LOGITS + np.random.default_rng(1).normal(size=LOGITS.shape)
    attacked[2] = LOGITS[2]  # an attack that moves nothing

    def values(clean: Array, moved: Array) -> Array:
        change = moved - clean
        shift = np.linalg.norm(change[ROWS, TARGET][:, None] - change, axis=1)
        return phi(others(clean, rho), tau) + (np.sqrt(3) / rho if nu == "bound" else nu) * shift

    inputs = {"input": LOGITS, "input_adv": attacked, "target": TARGET}
    got = run("comp-sum", inputs, kind="smooth_adversarial", tau=tau, rho=rho, nu=nu, reduction="sum")
    close(got["loss"], values(LOGITS, attacked).sum())
    close(got["loss_none"], values(LOGITS, attacked))
    moving = ROWS != 2
    expected = slopes(lambda moved: values(LOGITS, moved).sum(), attacked)
    close(got["grad_input_adv"][moving], expected[moving], 1e-6, 1e-8)
    close(got["grad_input_adv"][2], np.zeros(4))
    expected = slopes(lambda clean: values(clean, attacked).sum(), LOGITS)
    close(got["grad_input"][moving], expected[moving], 1e-6, 1e-8)


SPHERICAL = {
    "z_loss": (
        {"a": 0.5, "b": 3.0},
        lambda a, s, q, n: np.log1p(np.exp(0.5 * (3.0 - (a - s / n) / np.sqrt(q / n - (s / n) ** 2)))) / 0.5,
    ),
    "mse": ({}, lambda a, s, q, n: q - 2 * a + 1),
    "taylor_softmax": ({}, lambda a, s, q, n: -np.log((1 + a + a**2 / 2) / (n + s + q / 2))),
    "spherical_softmax": ({"eps": 0.1}, lambda a, s, q, n: -np.log((a**2 + 0.1) / (q + 0.1 * n))),
}


def spherical(kind: str, logits: Array, target: Array) -> Array:
    own = logits[np.arange(len(target)), target]
    return SPHERICAL[kind][1](own, logits.sum(1), (logits**2).sum(1), logits.shape[1])


@pytest.mark.parametrize("kind", SPHERICAL)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_spherical_losses(kind: str, reduction: str) -> None:
    got = run("z-loss", {"input": LOGITS, "target": TARGET}, kind=kind, reduction=reduction, **SPHERICAL[kind][0])
    reduce = getattr(np, reduction)
    close(got["loss_none"], spherical(kind, LOGITS, TARGET))
    close(got["loss"], reduce(spherical(kind, LOGITS, TARGET)))
    close(got["grad_input"], slopes(lambda logits: reduce(spherical(kind, logits, TARGET)), LOGITS), 1e-6, 1e-8)


@pytest.mark.parametrize("kind", SPHERICAL)
@pytest.mark.parametrize(("reduction", "decay"), [("mean", 0.0), ("sum", 0.3)])
def test_factored_steps_are_dense_ones(kind: str, reduction: str, decay: float) -> None:
    rng, rate, reduce = np.random.default_rng(2), 0.01, getattr(np, reduction)
    weight, hidden, targets = rng.normal(size=(9, 3)), rng.normal(size=(3, 4, 3)), rng.integers(0, 9, (3, 4))
    inputs = {"weight": weight, "hidden_steps": hidden, "target_steps": targets}
    options = {"reduction": reduction, "weight_decay": decay, "lr": rate, **SPHERICAL[kind][0]}
    got = run("z-loss", inputs, kind="factored_spherical_sgd", loss=kind, **options)

    def dense(h: Array, w: Array, y: Array) -> Any:
        return reduce(spherical(kind, h @ w.T, y))

    for step, (h, y) in enumerate(zip(hidden, targets, strict=True)):
        scores = h @ weight.T
        close(got["loss_steps"][step], dense(h, weight, y), 1e-8)
        sums = np.stack([scores[np.arange(4), y], (scores**2).sum(1), scores.sum(1)], 1)
        close(got["stats_a_q_s_steps"][step], sums, 1e-8)
        expected = slopes(partial(dense, w=weight, y=y), h)
        close(got["grad_hidden_steps"][step], expected, 1e-5, 1e-8)
        gradient = slopes(partial(dense, h, y=y), weight)
        weight = (1 - rate * decay) * weight - rate * gradient
    close(got["weight_after"], weight, 1e-8, 1e-9)


def scaled(logits: Array, normalize: str | None) -> Array:
    scores = np.log1p(np.exp(logits)) if normalize == "softplus" else logits
    return logits if normalize is None else scores / np.abs(scores).mean(1, keepdims=True)


def label_robust(scores: Array, temperature: Array, margin: float, target: Array) -> Array:
    n, classes = scores.shape
    wrong = 1 - np.eye(classes)[target]
    d = scores - scores[np.arange(n), target][:, None] + margin * wrong
    return temperature * (np.log(np.exp(d / temperature[:, None]).sum(1)) - np.log(classes))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 10.0])
def test_ldr_in_every_normalisation(temperature: float) -> None:
    inputs = {"input": LOGITS, "target": TARGET}
    got = run("ldr", inputs, kind="ldr_kl", lambda_=temperature, margin=0.4)
    for name, normalize in (("plain", None), ("softplus_normalised", "softplus"), ("l1_normalised", "l1")):

        def value(logits: Array, normalize: str | None = normalize) -> float:
            return float(label_robust(scaled(logits, normalize), np.full(6, temperature), 0.4, TARGET).mean())

        close(got[f"loss_{name}"], value(LOGITS))
        close(got[f"grad_input_{name}"], slopes(value, LOGITS), 1e-6, 1e-8)
    weighted = run("ldr", inputs, kind="ldr_kl", lambda_=temperature, margin=0.4, weight=WEIGHT.tolist())
    values, weights = label_robust(LOGITS, np.full(6, temperature), 0.4, TARGET), WEIGHT[TARGET]
    close(weighted["loss_plain"], (weights * values).sum() / weights.sum())


@pytest.mark.parametrize("normalize", [None, "l1", "softplus"])
def test_adaptive_ldr_moves_the_temperature_before_the_loss(normalize: str | None) -> None:
    first, alpha, margin, steps = 0.1, 1.5, 0.3, np.random.default_rng(3).normal(size=(3, 6, 4)) * 2
    options: dict[str, Any] = {"normalise": None} if normalize is None else {"softplus": normalize == "softplus"}
    got = run(
        "ldr", {"input_steps": steps, "target": TARGET}, kind="aldr_kl", lambda0=first, alpha=alpha, margin=margin,
        **options,
    )  # fmt: skip
    temperature, price = np.full(6, first), alpha * np.log(4) / (2 * first)
    for step, logits in enumerate(steps):
        q = softmax(scaled(logits, normalize) / temperature[:, None]) + 1e-5
        q /= q.sum(1, keepdims=True)
        temperature = first - first * (q * np.log(4 * q)).sum(1) / (alpha * np.log(4))

        def value(logits: Array, temperature: Array = temperature) -> float:
            values = label_robust(scaled(logits, normalize), temperature, margin, TARGET)
            return float((values - price * (temperature - first) ** 2).mean())

        close(got["lambda_after_steps"][step], temperature)
        close(got["loss_steps"][step], value(logits))
        close(got["grad_input_steps"][step], slopes(value, logits), 1e-6, 1e-8)


def softplus(x: Array) -> Array:
    """For complex x with a tiny imaginary part too."""
    return np.log(1 + np.exp(x))


def potential(z: Array, state: dict[str, Array], block: int, norms: dict[str, Array]) -> Array:
    """softplus(w1) icnn(z) + z^2 softplus(w0) / 2 for rows z, by the names of the official modules."""

    def part(name: str) -> Array:
        return state[f"cpflows.{block}.{name}"]

    def normed(v: Array, j: int) -> Array:
        return (v + norms[f"{j}.b"].reshape(-1)) * (np.exp(norms[f"{j}.logs"].reshape(-1)) + 0.001)

    depth = sum(name.startswith(f"cpflows.{block}.icnn.Wxs") and name.endswith("weight") for name in state)
    h = softplus(z @ part("icnn.Wzs.0.weight").T + part("icnn.Wzs.0.bias"))
    for j in range(depth - 1):
        kept = (h @ softplus(part(f"icnn.Wzs.{j + 1}.weight")).T + part(f"icnn.Wzs.{j + 1}.bias")) / h.shape[1]
        mixed = kept + z @ part(f"icnn.Wxs.{j}.weight").T + part(f"icnn.Wxs.{j}.bias")
        if f"{j}.b" not in norms:
            fit(norms, j, mixed)
        augmented = z @ part(f"icnn.Wx2s.{j}.weight").T + part(f"icnn.Wx2s.{j}.bias")
        h = np.concatenate([softplus(normed(mixed, j)), softplus(augmented)], 1)
    mixed = h @ softplus(part(f"icnn.Wzs.{depth}.weight")).T / h.shape[1] + z @ part(f"icnn.Wxs.{depth - 1}.weight").T
    if f"{depth - 1}.b" not in norms:
        fit(norms, depth - 1, mixed)
    own = f"cpflows.{block}.diags"
    square = softplus(state[own] if own in state else part("w0")).reshape(-1)
    return softplus(part("w1")) * normed(mixed, depth - 1)[:, 0] + (z * z * square).sum(1) / 2


def fit(norms: dict[str, Array], j: int, mixed: Array) -> None:
    """What the official norm does at its first batch."""
    b = -mixed.sum(0) / len(mixed)
    norms[f"{j}.b"] = b
    norms[f"{j}.logs"] = np.log(1 / (np.sqrt(((mixed + b) ** 2).sum(0) / len(mixed)) + 1e-6))


def official_state(k: int, hidden: int, depth: int, blocks: int, diagonal: bool) -> dict[str, Array]:
    rng, found = np.random.default_rng(4), dict[str, Array]()
    for block in range(blocks):
        own: dict[str, tuple[int, ...]] = {"w1": (1,), **({"diags": (k, 1)} if diagonal else {"w0": (1,)})}
        own |= {"icnn.Wzs.0.weight": (hidden, k), "icnn.Wzs.0.bias": (hidden,)}
        for j in range(depth - 1):
            for name, width in ((f"Wzs.{j + 1}", hidden), (f"Wxs.{j}", k), (f"Wx2s.{j}", k)):
                own |= {f"icnn.{name}.weight": (hidden // 2, width), f"icnn.{name}.bias": (hidden // 2,)}
        own |= {f"icnn.Wzs.{depth}.weight": (1, hidden), f"icnn.Wxs.{depth - 1}.weight": (1, k)}
        for j in range(depth):
            width = hidden // 2 if j < depth - 1 else 1
            own |= {f"icnn.actnorms.{j}.b": (1, width, 1), f"icnn.actnorms.{j}.logs": (1, width, 1)}
        found |= {f"cpflows.{block}.{name}": rng.normal(size=size) for name, size in own.items()}
    return found


@pytest.mark.parametrize(
    ("classes", "hidden", "depth", "blocks", "diagonal", "fitted"),
    [(2, 2, 4, 2, False, True), (4, 6, 1, 1, False, True), (4, 4, 3, 2, True, True), (5, 4, 3, 2, False, False)],
)
def test_legendre_link(classes: int, hidden: int, depth: int, blocks: int, diagonal: bool, fitted: bool) -> None:
    state = official_state(classes - 1, hidden, depth, blocks, diagonal)
    scores, target = np.random.default_rng(5).normal(size=(5, classes - 1)), np.arange(5) % classes
    inputs = {"input": scores, "target": target, "state_dict": {name: value.tolist() for name, value in state.items()}}
    sizes = {"num_classes": classes, "dim_hidden": hidden, "depth": depth, "n_blocks": blocks}
    got = run("legendretron", inputs, actnorm_initialised=fitted, **sizes)
    norms: list[dict[str, Array]] = [{} for _ in range(blocks)]
    if fitted:
        for block in range(blocks):
            start = f"cpflows.{block}.icnn.actnorms."
            norms[block] = {name.removeprefix(start): v for name, v in state.items() if name.startswith(start)}

    def moved(z: Array) -> Array:
        for block in range(blocks):
            potential(z, state, block, norms[block])  # fits norms that are not
            steps = [potential(z + 1e-30j * unit, state, block, norms[block]) for unit in np.eye(classes - 1)]
            z = np.stack([step.imag / 1e-30 for step in steps], 1)
        return z

    def value(z: Array) -> float:
        padded = np.pad(moved(z), ((0, 0), (0, 1)))
        return float(-np.log(softmax(padded)[np.arange(5), target]).mean())

    if fitted:
        close(got["potential_block0"], potential(scores, state, 0, norms[0]))
    close(got["link_output"], moved(scores), 1e-9)
    close(got["log_prob"], np.log(softmax(np.pad(moved(scores), ((0, 0), (0, 1))))), 1e-9)
    close(got["loss"], value(scores), 1e-9)
    close(got["grad_input"], slopes(value, scores), 1e-5, 1e-8)


@pytest.mark.parametrize(
    ("slug", "params"),
    [
        ("comp-sum", {"label_smoothing": 0.1}),
        ("comp-sum", {"rho": 2.0}),
        ("z-loss", {"kind": "mse", "a": 2.0}),
        ("z-loss", {"eps": 1e-3}),
        ("ldr", {"kind": "ldr_kl", "alpha": 2.0}),
    ],
)
def test_what_has_no_meaning_is_refused(slug: str, params: dict[str, Any]) -> None:
    with pytest.raises(UnreadError):
        run(slug, {"input": LOGITS, "target": TARGET}, **params)
