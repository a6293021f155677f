"""Improvable gap balancing against equal weights and scale-invariant losses: digits with three tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired, side_by_side
from perdita.claims.multitask import (
    OVERLAP,
    TRAIN,
    Apart,
    Tasks,
    digit_errors,
    digit_network,
    digit_tasks,
    fit_together,
    stacked,
    started,
    steps_per_epoch,
)
from perdita.compare.spec import Training
from perdita.compound import IGBv2
from perdita.compound.weighting import build_weighting

TASKS = ("kind", "intensity", "contrast")
UNBOUNDED = [math.inf] * len(TASKS)  # as base losses, they make every weight 1: a plain sum of log-losses
ARMS: dict[str, dict[str, Any]] = {
    "equal": {"method": "equal"},
    "scale-invariant": {"method": "igb_v1", "base_losses": UNBOUNDED},
    "random": {"method": "random"},
    "uncertainty": {"method": "uncertainty", "kinds": ["classification", "regression", "regression"]},
    "igb_v1": {"method": "igb_v1"},
    "igb_v2": {"method": "igb_v2"},
}
LOSSES = {
    "kind": partial(P.cross_entropy, reduction="none"),
    "intensity": partial(P.mse, reduction="none"),
    "contrast": partial(P.mse, reduction="none"),
}
DRAWN = ("random", "igb_v2")  # whose draws are the seed's own
SLOW, FAST = 0.1, 0.3  # what a weight of 1 takes off the losses of the toy
TOY_STEPS = 1500


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the mean relative gain over single-task training, of IGBv1 minus that of the better baseline.

    The baseline is equal weights or the sum of log-losses, whichever has the larger mean. The details hold every arm,
    and what the agent of IGBv2 learned on a toy whose best weights are known.
    """
    training = Training(
        epochs=8 if short else 60, batch_size=100, optimizer="adam", learning_rate=3e-3, weight_decay=0.0,
        schedule="cosine",
    )  # fmt: skip
    data = [digit_tasks(seed, device) for seed in seeds]
    settings = {arm: (TASKS, weights) for arm, weights in ARMS.items()}
    settings |= {f"{task} alone": ((task,), ARMS["equal"]) for task in TASKS}
    learners = {name: _learners(seeds, device, *own, training) for name, own in settings.items()}
    names = sorted(settings, key=lambda name: name != "igb_v2")  # the longest first
    pieces: list[Callable[[], Any]] = [partial(_errors, learners[name], data, training, seeds) for name in names]
    pieces.append(partial(slow_weight, seeds[0], 100 if short else TOY_STEPS))  # the only one that seeds torch itself
    *errors, weight = side_by_side(lambda piece: piece(), pieces)
    found = dict(zip(names, errors, strict=True))
    single = [{task: found[f"{task} alone"][number][task] for task in TASKS} for number in range(len(seeds))]
    gains = {arm: list(map(_gain, found[arm], single)) for arm in ARMS}
    means = {arm: sum(own) / len(own) for arm, own in gains.items()}
    baseline = max(("equal", "scale-invariant"), key=lambda arm: means[arm])
    differences = torch.tensor(gains["igb_v1"], dtype=torch.float64) - torch.tensor(gains[baseline])
    return paired(
        gains[baseline],
        gains["igb_v1"],
        overlap=OVERLAP,
        standard_error=differences.std().item() * math.sqrt(1 / len(seeds) + OVERLAP),
        gains=gains,
        better_baseline=baseline,
        slow_weight=weight,
        remarks=[
            "mean gain over single-task training: " + ", ".join(f"{arm} {mean:+.3f}" for arm, mean in means.items()),
            f"the agent's weight of the slow task of two on a toy: {weight:.2f}, best {2 * FAST / (SLOW + FAST):.2f}",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    error = evidence.details["standard_error"]
    if evidence.n < 5 or not math.isfinite(evidence.effect):
        return "inconclusive"
    if evidence.effect >= -error:
        return "holds"
    return "does not hold" if evidence.effect < -2 * error else "inconclusive"


def slow_weight(seed: int, steps: int) -> float:
    """What the agent of IGBv2 gives the slower of two losses after learning on a toy; the mean of its last choices.

    Losses start from 1 at every second step, and a weight w takes rate times w off: the least improvement is largest
    where the weights are in inverse proportion to the rates.
    """
    rates = torch.tensor([SLOW, FAST])
    agent = IGBv2(2, steps_per_epoch=50, base_losses=[1.0, 1.0], start_epoch=5, update_after=3, seed=seed)
    chosen = []
    for _ in range(steps // 2):
        losses = torch.ones(2)
        weights = agent(losses).weights
        agent.step(losses)
        agent.step(losses - rates * weights)
        chosen.append(weights[0].item())
    last = chosen[-len(chosen) // 5 :]
    return sum(last) / len(last)


def _gain(errors: dict[str, float], alone: dict[str, float]) -> float:
    """Mean over the tasks of the relative gain in accuracy, or the relative fall of a regression's error."""
    accuracy, single = 1 - errors["kind"], 1 - alone["kind"]
    falls = [(alone[task] - errors[task]) / alone[task] for task in TASKS[1:]]
    return ((accuracy - single) / single + sum(falls)) / len(TASKS)


class _Learners(NamedTuple):
    """An arm's models with their weightings, one of each for each seed, not yet trained."""

    tasks: Sequence[str]
    models: list[nn.Module]
    weightings: Apart


def _learners(
    seeds: Sequence[int], device: str, tasks: Sequence[str], weights: dict[str, Any], training: Training
) -> _Learners:
    options = dict(weights)
    if options["method"].startswith("igb") and "base_losses" not in options:
        options["steps_per_epoch"] = steps_per_epoch(TRAIN, training)
    each = [
        build_weighting(terms=len(tasks), **options, **({"seed": seed} if options["method"] in DRAWN else {}))
        for seed in seeds
    ]
    return _Learners(tasks, [started(digit_network, seed, device) for seed in seeds], Apart(each).to(device))


def _errors(
    learners: _Learners, data: Sequence[Tasks], training: Training, seeds: Sequence[int]
) -> list[dict[str, float]]:
    """Held-out errors of each seed's model, all of which learn together."""
    terms, train = {task: LOSSES[task] for task in learners.tasks}, [own.train for own in data]
    fit_together(learners.models, terms, learners.weightings, stacked(train, train[0]["x"].device), training, seeds)
    return [digit_errors(model, own.test) for model, own in zip(learners.models, data, strict=True)]


CLAIM = Claim(
    slug="igb",
    statement=(
        "Balancing losses by how much each can still improve makes a model with several tasks better than equal "
        "weights or scale-invariant losses do."
    ),
    source="Dai, Fei, Lu, UAI 2023, arXiv 2307.15429, abstract",
    rule=(
        "On digits with three tasks, the mean relative gain over single-task training. Holds: that of IGBv1 is at "
        "least that of the better of equal weights and the sum of log-losses, less one standard error of the paired "
        "difference. Does not hold: it is lower by more than two standard errors. Inconclusive: between, or fewer than "
        "5 seeds."
    ),
    run=run,
    verdict=verdict,
)
