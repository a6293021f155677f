"""The work itself: from a unit's description to the runs it stands for, and nothing besides."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from perdita.compare import arms
from perdita.compare.data.prepare import Prepared, of_one_width, prepare
from perdita.compare.data.splits import splits
from perdita.compare.data.table import Table, load
from perdita.compare.execute import report_progress
from perdita.compare.spec import DataSpec, LossSpec, Run, Training, Unit
from perdita.compare.train import models
from perdita.compare.train.class_batches import PADDING, class_folds
from perdita.compare.train.engine import Fold, Trained, train_together
from perdita.compare.verdict.class_metrics import reliability
from perdita.compare.verdict.metrics import evaluate, primary_curve

APART = 1 << 20  # from a seed of the models to that of what losses learn, which draws other numbers
STACKED = models.STOCK  # what is known to train as one stacked model; a user's model trains one by one


def run_unit(unit: Unit) -> list[Run]:
    """Train the unit's losses at its seeds and judge them on the validation and test parts.

    A pure function: the same unit gives the same bits on the same versions and number of threads.
    """
    torch.set_num_threads(unit.threads)
    table = _table(unit.data, unit.fingerprint)
    prepared, sizes = _prepared(replace(unit, losses=(), training=Training(), primary=""))
    outputs = unit.training.dimension if table.task == "embedding" else table.outputs
    shape = tuple(prepared[0].train.shape[1:])
    make = models.factory(unit.training.model, unit.training.hidden)
    folds, training = _folds(table, prepared, unit.training)
    rows = len(folds[0].features)
    batch = min(training.batch_size or rows, rows)
    each = math.ceil(rows / batch)  # steps of an epoch
    length = (each * training.epochs, each)
    criteria = {loss.label: criteria_of_seeds(loss, table.task, unit.seeds, *length) for loss in unit.losses}
    courses: list[Tensor] = []  # (arms, seeds) for each epoch

    targets = pad_sequence([p.validation_target for p in prepared], batch_first=True, padding_value=PADDING)
    units = torch.stack([torch.as_tensor(p.scale if p.scale is not None else 1.0).reshape(-1) for p in prepared])

    def follow(epoch: int, predict: Any) -> None:
        report_progress(len(unit.seeds) * len(unit.losses))
        courses.append(primary_curve(unit.primary, table.task, predict("validation"), targets, units))

    rates = [loss.learning_rate or unit.training.learning_rate for loss in unit.losses]
    trained = train_together(
        criteria,
        lambda: make(shape, outputs),
        folds,
        training,
        unit.seeds,
        stacked=unit.training.model in STACKED,
        learning_rates=rates,
        after_epoch=follow if unit.training.model in STACKED else None,
    )
    curves = torch.stack(courses, dim=-1) if courses else None
    if not courses:  # a model of the user's: trained one by one, told at once
        report_progress(unit.epochs_of_models)
    classes = int(prepared[0].train_target.max()) + 1 if table.task == "embedding" else None
    peaks = [arms.probe(own[0], batch, outputs, table.task, classes) for own in criteria.values()]
    return [
        _run(unit, table, prepared[s], trained, curves, a, s, peaks[a], sizes[s])
        for a in range(len(unit.losses))
        for s in range(len(unit.seeds))
    ]


def _folds(table: Table, prepared: Sequence[Prepared], training: Training) -> tuple[list[Fold], Training]:
    """What is trained on, and the training that suits it."""
    if table.task == "embedding":
        return class_folds(prepared, training)
    return [Fold(p.train, p.train_target, {"validation": p.validation, "test": p.test}) for p in prepared], training


def criteria_of_seeds(loss: LossSpec, task: str, seeds: Sequence[int], steps: int, each: int) -> list[nn.Module]:
    """A loss for each seed; what it learns (class vectors) starts from numbers of the seed, whatever the unit.

    Losses that draw alike start alike. Where nothing is learned, it is one loss for all seeds.
    """
    found: list[nn.Module] = []
    for seed in seeds:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(APART + seed)
            found.append(arms.criterion(loss, task, steps, each))
        if next(found[0].parameters(), None) is None:
            return found * len(seeds)
    return found


@functools.lru_cache(maxsize=1)
def _prepared(unit: Unit) -> tuple[list[Prepared], list[tuple[int, ...]]]:
    """Each seed's data, the same for every group of losses, and the sizes of its parts.

    The sizes are those before the condition takes rows away: what the overlap of runs is.
    """
    table = _table(unit.data, unit.fingerprint)
    parts = [splits(table, fold=unit.fold, folds=unit.folds, seed=s, fixed_test=unit.fixed_test) for s in unit.seeds]
    prepared = [prepare(table, *p, condition=unit.condition, seed=s) for p, s in zip(parts, unit.seeds, strict=True)]
    return of_one_width(prepared), [tuple(map(len, part)) for part in parts]


@functools.lru_cache(maxsize=2)
def _table(spec: DataSpec, fingerprint: str) -> Table:
    return load(spec)


def _run(
    unit: Unit,
    table: Table,
    prepared: Prepared,
    trained: Trained,
    curves: Tensor | None,
    arm: int,
    seed: int,
    peak: int,
    sizes: tuple[int, ...],
) -> Run:
    test = trained.outputs["test"][arm, seed, : len(prepared.test)]  # after them: what filled the part up
    validation = trained.outputs["validation"][arm, seed, : len(prepared.validation)]
    finite = bool(test.isfinite().all() and validation.isfinite().all())
    classes = table.task not in ("regression", "embedding")
    label = unit.losses[arm].label
    reason = trained.failures[label][seed] if label in trained.failures else ""
    return Run(
        loss=label,
        condition=unit.condition.name,
        fold=unit.fold,
        seed=unit.seeds[seed],
        metrics=evaluate(table.task, prepared.restore(test), prepared.test_truth),
        validation=evaluate(table.task, prepared.restore(validation), prepared.validation_truth),
        curve=[] if curves is None else curves[arm, seed].tolist(),
        train_curve=trained.curve[arm, seed].tolist(),
        weights={term: course[seed].tolist() for term, course in trained.weights.get(label, {}).items()},
        balance=trained.balance[label][seed] if label in trained.balance else {},
        reliability=reliability(test.softmax(-1), prepared.test_target) if classes and finite else [],
        seconds=trained.seconds[label],
        peak_bytes=peak,
        sizes=(sizes[0], sizes[1], sizes[2]),
        failed=reason or ("" if finite else "the training diverged: its outputs are not finite"),
    )
