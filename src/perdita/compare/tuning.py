"""The same tuning budget for every loss: its hyper-parameters and the learning rate, judged on the validation parts.

Every arm has its own Optuna study with the same number of trials and the same seed; the trials of all arms train
together. The first trial is the untuned default. Test rows are never seen: they are fixed for all seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from perdita.compare.spec import LossSpec, Metric, Run, Unit
from perdita.core import Choice, MissingExtraError, card

if TYPE_CHECKING:
    import optuna

LEARNING_RATE = (3e-4, 3e-2)


def tune(unit: Unit, trials: int, primary: Metric, evaluate: Callable[[Unit], Sequence[Run]]) -> tuple[LossSpec, ...]:
    """The best configuration of each of the unit's losses, by the primary metric on the validation parts.

    Args:
        unit: what a trial runs, with the losses' configurations replaced.
        trials: how many configurations each loss may try.
        evaluate: gives the runs of a unit (from the store, where it has them).
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError("optuna", "compare") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = "maximize" if primary.higher_is_better else "minimize"
    studies = {}
    for loss in unit.losses:
        studies[loss.label] = optuna.create_study(
            direction=direction, sampler=optuna.samplers.TPESampler(seed=unit.fold)
        )
        studies[loss.label].enqueue_trial(_default(loss, unit.training.learning_rate), skip_if_exists=True)
    tried: dict[str, list[tuple[float, LossSpec]]] = {loss.label: [] for loss in unit.losses}
    worst = float("-inf") if primary.higher_is_better else float("inf")
    for _ in range(trials):
        asked = {loss.label: studies[loss.label].ask() for loss in unit.losses}
        configured = tuple(_configured(loss, asked[loss.label]) for loss in unit.losses)
        runs = evaluate(replace(unit, losses=configured))
        for loss in configured:
            scores = [run.validation.get(primary.name, float("nan")) for run in runs if run.loss == loss.label]
            score = fmean(scores)
            finite = score == score
            studies[loss.label].tell(asked[loss.label], score if finite else None, _state(optuna, finite))
            tried[loss.label].append((score if finite else worst, loss))
    choose = max if primary.higher_is_better else min
    return tuple(choose(tried[loss.label], key=lambda pair: pair[0])[1] for loss in unit.losses)


def _state(library: Any, finite: bool) -> Any:
    return library.trial.TrialState.COMPLETE if finite else library.trial.TrialState.FAIL


def _searched(config: dict[str, Any]) -> dict[str, Any]:
    """Hyper-parameters of a configuration that have a range to search."""
    if "loss" not in config:
        return {}
    own = card(config["loss"])
    return {
        name: allowed
        for name, allowed in own.ranges.items()
        if isinstance(allowed, Choice)
        or (allowed.search is not None and isinstance(own.signature.defaults[name], int | float))
    }


def _default(loss: LossSpec, learning_rate: float) -> dict[str, Any]:
    config = json.loads(loss.config)
    values = {name: config.get(name, card(config["loss"]).signature.defaults[name]) for name in _searched(config)}
    return {**values, "learning_rate": learning_rate}


def _configured(loss: LossSpec, trial: optuna.Trial) -> LossSpec:
    config = json.loads(loss.config)
    for name, allowed in _searched(config).items():
        if isinstance(allowed, Choice):
            config[name] = trial.suggest_categorical(name, list(allowed.values))
        elif allowed.integer:
            config[name] = trial.suggest_int(name, int(allowed.search[0]), int(allowed.search[1]), log=allowed.log)
        else:
            config[name] = trial.suggest_float(name, *allowed.search, log=allowed.log)
    rate = trial.suggest_float("learning_rate", *LEARNING_RATE, log=True)
    return LossSpec(loss.label, json.dumps(config, sort_keys=True), rate)
