"""The work itself: from a unit's description to the runs it stands for, and nothing besides."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from perdita.compare import arms
from perdita.compare.data.prepare import Prepared, prepare
from perdita.compare.data.splits import splits
from perdita.compare.data.table import Table, load
from perdita.compare.execute import report_progress
from perdita.compare.spec import DataSpec, Run, Unit
from perdita.compare.train import models
from perdita.compare.train.engine import Fold, Trained, train_together
from perdita.compare.verdict.class_metrics import reliability
from perdita.compare.verdict.metrics import evaluate, primary_curve

STACKED = models.STOCK  # what is known to train as one stacked model; a user's model trains one by one


def run_unit(unit: Unit) -> list[Run]:
    """Train the unit's losses at its seeds and judge them on the validation and test parts.

    A pure function: the same unit gives the same bits on the same versions and number of threads.
    """
    torch.set_num_threads(unit.threads)
    table = _table(unit.data, unit.fingerprint)
    parts = [
        splits(table, fold=unit.fold, folds=unit.folds, seed=seed, fixed_test=unit.fixed_test) for seed in unit.seeds
    ]
    sizes = tuple(len(part) for part in parts[0])  # before the condition takes rows away: what the overlap of runs is
    prepared = [prepare(table, *p, condition=unit.condition, seed=s) for p, s in zip(parts, unit.seeds, strict=True)]
    outputs = table.outputs
    shape = tuple(prepared[0].train.shape[1:])
    make = models.factory(unit.training.model, unit.training.hidden)
    rows = len(prepared[0].train)
    batch = min(unit.training.batch_size or rows, rows)
    each = math.ceil(rows / batch)  # steps of an epoch
    length = (each * unit.training.epochs, each)
    criteria = {loss.label: arms.criterion(loss, table.task, *length) for loss in unit.losses}
    courses: list[Tensor] = []  # (arms, seeds) for each epoch

    targets = torch.stack([p.validation_target for p in prepared])
    units = torch.stack([torch.as_tensor(p.scale if p.scale is not None else 1.0).reshape(-1) for p in prepared])

    def follow(epoch: int, predict: Any) -> None:
        report_progress(len(unit.seeds) * len(unit.losses))
        courses.append(primary_curve(unit.primary, table.task, predict("validation"), targets, units))

    rates = [loss.learning_rate or unit.training.learning_rate for loss in unit.losses]
    trained = train_together(
        criteria,
        lambda: make(shape, outputs),
        [Fold(p.train, p.train_target, {"validation": p.validation, "test": p.test}) for p in prepared],
        unit.training,
        unit.seeds,
        stacked=unit.training.model in STACKED,
        learning_rates=rates,
        after_epoch=follow if unit.training.model in STACKED else None,
    )
    curves = torch.stack(courses, dim=-1) if courses else None
    if not courses:  # a model of the user's: trained one by one, told at once
        report_progress(unit.epochs_of_models)
    peaks = [arms.probe(criterion, batch, outputs, table.task) for criterion in criteria.values()]
    return [
        _run(unit, table, prepared[s], trained, curves, a, s, peaks[a], sizes)
        for a in range(len(unit.losses))
        for s in range(len(unit.seeds))
    ]


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
    test, validation = trained.outputs["test"][arm, seed], trained.outputs["validation"][arm, seed]
    finite = bool(test.isfinite().all() and validation.isfinite().all())
    classes = table.task != "regression"
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
