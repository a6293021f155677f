"""Adapters of weightings, two momenta and distillation: paths that their vectors do not take, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.golden.by_numpy import close, log_softmax, run, sigmoid, slopes

RANDOM = np.random.default_rng(17)


def test_the_notebooks_criterion_counts_a_variance_for_each_number() -> None:
    predictions, targets = RANDOM.normal(size=(2, 3, 2)), RANDOM.normal(size=(2, 3, 2))
    log_vars = [np.array([0.3]), np.array([-0.2, 0.9])]

    def loss(log_vars: list[np.ndarray]) -> float:
        parts = zip(predictions, targets, log_vars, strict=True)
        return float(sum((np.exp(-s) * (p - t) ** 2 + s).sum(1).mean() for p, t, s in parts))

    inputs = {f"pred{i}": predictions[i] for i in range(2)} | {f"target{i}": targets[i] for i in range(2)}
    inputs |= {f"log_var{i}": log_vars[i] for i in range(2)}
    got = run("uncertainty-weighting", inputs, formula="mean_n sum_i sum_d [exp(-s_i)(pred-target)^2 + s_i]")
    close(got["loss"], loss(log_vars))
    close(got["grad_log_var0"], slopes(lambda s: loss([s, log_vars[1]]), log_vars[0]), 1e-6)
    close(got["grad_log_var1"], slopes(lambda s: loss([log_vars[0], s]), log_vars[1]), 1e-6)


@pytest.mark.parametrize("kinds", [["classification", "classification"], ["classification", "regression"]])
def test_uncertainty_by_kinds(kinds: list[str]) -> None:
    losses, s = np.array([0.4, 7.0]), np.array([-1.0, 2.0])
    factor = np.array([0.5 if kind == "regression" else 1.0 for kind in kinds])
    formula = "sum_i c_i exp(-s_i) L_i + s_i/2; c=1/2 regression, 1 classification; s=log sigma^2"
    got = run("uncertainty-weighting", {"losses": losses, "log_vars": s}, kinds=kinds, formula=formula)
    close(got["loss"], (factor * np.exp(-s) * losses + s / 2).sum())
    close(got["grad_losses"], factor * np.exp(-s))
    close(got["grad_log_vars"], 0.5 - factor * np.exp(-s) * losses)


@pytest.mark.parametrize("size", [1, 4])
def test_improvable_gaps(size: int) -> None:
    losses, base = RANDOM.uniform(0.1, 40, size), RANDOM.uniform(0.1, 3, size)
    weights = size * np.exp(log_softmax(losses / base))
    got = run("igb", {"losses": losses, "base_losses": base}, n_tasks=size)
    close(got["weights"], weights)
    close(got["loss"], (weights * np.log(losses)).sum())
    close(got["grad_losses"], weights / losses)
    before = RANDOM.uniform(0.1, 40, size)
    given = {"prev_losses": before, "losses": losses, "base_losses": base}
    reward = run("igb", given, formula="min_i (prev_i-cur_i)/base_i", reward_scale=2.5)
    close(reward["reward"], 2.5 * ((before - losses) / base).min())


@pytest.mark.parametrize("task", [True, False])
@pytest.mark.parametrize("taught", [True, False])
@pytest.mark.parametrize("dampening", [0.0, 0.3])
def test_two_momenta_of_a_parameter_that_lacks_a_gradient(task: bool, taught: bool, dampening: float) -> None:
    start, gradients = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(2, 5, 2, 3))  # term, step, parameter
    p, buffers, course = start.copy(), {}, []
    for step in range(5):
        moved = p.copy()
        for one in range(2):
            there = (True, True) if one == 0 else (task, taught)
            shift = 0.08 if all(there) else 0.0
            for term, sign in ((0, -1), (1, 1)):
                if not there[term]:
                    continue
                g = gradients[term, step, one].copy()
                if term == 0 or (not there[0] and (1, one) in buffers):
                    g += 0.01 * p[one]
                old = buffers.get((term, one))
                buffers[term, one] = g if old is None else (0.8 + sign * shift) * old + (1 - dampening) * g
                moved[one] -= 0.1 * buffers[term, one]
        p = moved
        course.append(p)
    options: dict[str, Any] = {"lr": 0.1, "momentum": 0.8, "delta": 0.08, "weight_decay": 0.01, "dampening": dampening}
    options |= {"second_param_gets_task_grad": task, "second_param_gets_kd_grad": taught}
    got = run("dot", {"params0": start, "task_grads": gradients[0], "kd_grads": gradients[1]}, **options)
    close([[one.numpy() for one in step] for step in got["params_after_each_step"]], course)


LABELS = {
    "none": [[-100] * 4] * 2,
    "some": [[3, -100, 1, -100], [-100, 0, -100, -100]],
    "on padding": [[1, 0, 2, 4]] * 2,
}


@pytest.mark.parametrize("labels", list(LABELS))
@pytest.mark.parametrize("restricted", [False, True])
def test_every_term_of_distilbert(labels: str, restricted: bool) -> None:
    s, t = RANDOM.normal(size=(2, 2, 4, 5))
    g, h = RANDOM.normal(size=(2, 2, 4, 3))
    mask, y = np.array([[1, 1, 1, 0], [1, 1, 0, 0]]), np.array(LABELS[labels])

    def mean(values: np.ndarray, counted: np.ndarray) -> float:
        return float(values[counted].mean()) if counted.any() else 0.0

    def terms(s: np.ndarray, g: np.ndarray) -> dict[str, float]:
        log_p, log_q = log_softmax(t / 3), log_softmax(s / 3)
        taught = y > -1 if restricted else mask == 1
        surprise, known = -log_softmax(s), np.maximum(y, 0)[..., None]
        cosine = (g * h).sum(2) / np.linalg.norm(g, axis=2) / np.linalg.norm(h, axis=2)
        return {
            "ce": 9 * mean((np.exp(log_p) * (log_p - log_q)).sum(2), taught),
            "mlm": mean(np.take_along_axis(surprise, known, 2)[..., 0], y > -1),
            "clm": mean(np.take_along_axis(surprise[:, :-1], known[:, 1:], 2)[..., 0], y[:, 1:] > -1),
            "mse": mean(((s - t) ** 2).sum(2), taught),
            "cos": mean(1 - cosine, mask == 1),
        }

    alpha = {"ce": 5.0, "mlm": 0.5, "clm": 2.0, "mse": 0.1, "cos": 1.5}

    def loss(s: np.ndarray, g: np.ndarray) -> float:
        return sum(alpha[name] * term for name, term in terms(s, g).items())

    inputs = {"student_logits": s, "teacher_logits": t, "student_hidden": g, "teacher_hidden": h}
    inputs |= {"attention_mask": mask, "labels": y}
    weights = {f"alpha_{name}": weight for name, weight in alpha.items()}
    got = run("distilbert", inputs, temperature=3.0, restrict_ce_to_mask=restricted, **weights)
    close(got["loss"], loss(s, g))
    for name, term in terms(s, g).items():
        close(got[f"loss_{name}"], term)
    close(got["grad_student_logits"], slopes(lambda x: loss(x, g), s), 1e-6, 1e-8)
    close(got["grad_student_hidden"], slopes(lambda x: loss(s, x), g), 1e-6, 1e-8)


@pytest.mark.parametrize("kind", ["binarykl", "binarykl_norm", "dual_head"])
def test_sigmoid_divergences_saturate_where_the_released_clamp_does(kind: str) -> None:
    s, t = np.array([[0.5, -60.0, 55.0], [-2.0, 1.0, -45.0]]), np.array([[-0.3, 2.0, 1.0], [50.0, -0.1, -44.0]])
    z, y = RANDOM.normal(size=(2, 3)), np.array([2, 0])

    def clamp(p: np.ndarray) -> np.ndarray:
        return np.clip(p, 1e-8, 1 - 1e-8)

    def taught(s: np.ndarray) -> float:
        if kind == "binarykl":
            p, q = clamp(sigmoid(t / 2)), clamp(sigmoid(s / 2))
        else:
            p, q = np.full_like(s, 0.5), clamp(sigmoid((s - t) / 2))
        return float(4 * (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum() / 2)

    if kind == "dual_head":
        inputs = {"main_logits": z, "aux_logits": s, "teacher_logits": t, "target": y}
        got = run("dhkd", inputs, kind=kind, temperature=2.0, gamma=0.7, alpha=0.2, eps=1e-8)
        entropy = -log_softmax(z)[np.arange(2), y].mean()
        close(got["loss"], 0.7 * entropy + 0.2 * taught(s), 1e-8)
        close(got["grad_aux_logits"], 0.2 * slopes(taught, s), 1e-5, 1e-6)
        return
    got = run("dhkd", {"student_logits": s, "teacher_logits": t}, kind=kind, temperature=2.0, eps=1e-8)
    close(got["loss"], taught(s), 1e-8)
    close(got["grad_student_logits"], slopes(taught, s), 1e-5, 1e-6)


def test_gradients_that_agree_are_added_and_the_first_may_be_zero() -> None:
    g, h, head, aux = RANDOM.normal(size=(4, 3))
    h = h if g @ h > 0 else -h
    names = ("grad_task_shared", "grad_task_main_head", "grad_kd_shared", "grad_kd_aux_head")
    got = run("dhkd", dict(zip(names, (g, head, h, aux), strict=True)), kind="gradient_alignment")
    close(got["merged_shared"], g + h)
    close(got["merged_main_head"], head)
    close(got["merged_aux_head"], aux)
    none = run("dhkd", dict(zip(names, (0 * g, 0 * head, h, aux), strict=True)), kind="gradient_alignment")
    close(none["merged_shared"], h)


@pytest.mark.parametrize("weights", ["teacher", "uniform", "ce", "listed"])
@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_plackett_luce_by_weights(weights: str, classes: int, reduction: str) -> None:
    listed = [1 / (1 + k) for k in range(classes)]
    s, t, y = RANDOM.normal(size=(3, classes)), RANDOM.normal(size=(3, classes)), RANDOM.integers(0, classes, 3)

    def values(s: np.ndarray) -> np.ndarray:
        found = []
        for row in range(3):
            rest = [k for k in np.argsort(-t[row]) if k != y[row]]
            order = np.array([y[row], *rest])
            soft = np.exp(log_softmax(t[row] / 4))[order]
            named = {"teacher": soft, "uniform": np.full(classes, 1 / classes), "ce": np.eye(classes)[0]}
            a = listed if weights == "listed" else named[weights]
            ranked = s[row][order]
            found.append(sum(a[k] * (np.log(np.exp(ranked[k:]).sum()) - ranked[k]) for k in range(classes)))
        return np.array(found)

    reduce = {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction]
    inputs = {"input": s, "teacher_logits": t, "target": y}
    given = listed if weights == "listed" else weights
    got = run("pld", inputs, weights=given, temperature=4.0, reduction=reduction)
    close(got["loss"], reduce(values(s)))
    close(got["loss_none"], values(s))
    close(got["grad_input"], slopes(lambda x: np.sum(reduce(values(x))), s), 1e-6, 1e-8)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("aspects", [0, 3])
def test_aspects_that_are_not_known_or_not_asked(masked: bool, aspects: int) -> None:
    z, y, q = RANDOM.normal(size=(3, 4 + aspects)), np.array([0, 3, 1]), RANDOM.uniform(size=(3, aspects))
    known = np.array([True, False, True]) if masked else np.ones(3, bool)
    entropy = -log_softmax(z[:, :4])[np.arange(3), y].mean()
    binary = np.log1p(np.exp(z[:, 4:])) - q * z[:, 4:]
    taught = (binary.mean(1) * known).mean() if aspects else 0.0
    inputs = {"input": z, "target": y, "aspect_targets": q} | ({"aspect_mask": known} if masked else {})
    got = run("multi-aspect-kd", inputs, num_classes=4, num_aspects=aspects, alpha=2.0, ce_weight=0.5)
    close(got["loss_ce"], 0.5 * entropy)
    close(got["loss_aspect"], 2 * taught)
    close(got["loss"], 0.5 * entropy + 2 * taught)


@pytest.mark.parametrize("ties", ["stable", "joint"])
def test_partial_rankings_by_a_threshold_with_ties(ties: str) -> None:
    s, teacher = RANDOM.normal(size=(3, 5)), np.array([[0.9, 0.2, 0.9, 0.7, 0.1], [0.4] * 5, [0.8, 0.8, 0.8, 0.6, 0.6]])

    def loss(s: np.ndarray) -> float:
        total = 0.0
        for row in range(3):
            order = np.argsort(-teacher[row], kind="stable")
            for place, own in enumerate(order):
                if teacher[row, own] <= 0.5:
                    continue
                lower = [k for k in order if teacher[row, k] < teacher[row, own]]
                rivals = [own, *lower] if ties == "joint" else order[place:]
                total += np.log(np.exp(s[row, rivals] / 0.3).sum()) - s[row, own] / 0.3
        return total / 3

    inputs = {"student_scores": s, "teacher_scores": teacher}
    got = run("cprd", inputs, tau=0.3, valid_threshold=0.5, ties=ties)
    close(got["loss"], loss(s))
    close(got["grad_student_scores"], slopes(loss, s), 1e-6, 1e-8)
