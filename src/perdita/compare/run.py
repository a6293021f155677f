"""`perdita.compare`: from data and a list of losses to a ranked, tested, reproducible result."""

from __future__ import annotations

import importlib.metadata
import inspect
import itertools
import json
import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import perdita
from perdita.compare import embedding
from perdita.compare.arms import BASELINES, only_here, resolve
from perdita.compare.data.conditions import parse_stress
from perdita.compare.data.sources import check_source
from perdita.compare.data.splits import check_folds
from perdita.compare.data.table import Table, load, save_arrays
from perdita.compare.execute import EarlyExecutor, Executor, InProcess, begin_early, choose_executor
from perdita.compare.result import Comparison
from perdita.compare.spec import Condition, DataSpec, LossSpec, Metric, Run, Training, Unit
from perdita.compare.store import SQLiteStore, Store
from perdita.compare.train import models
from perdita.compare.tuning import tune as tune_losses
from perdita.compare.unit import run_unit
from perdita.compare.verdict.conclusion import conclude
from perdita.compare.verdict.metrics import METRICS, primary_metric
from perdita.compare.verdict.significance import check_test
from perdita.compare.verdict.statistics import analyse
from perdita.core.errors import InputError

SEEDS_TOGETHER = 10  # in a unit; fixed, so that a unit and its bits do not depend on the machine's cores
LOSSES_TOGETHER = 3  # in a unit, at most: units enough to keep the cores busy until the end, and even in number
UNSHOWN = ("progress", "command", "executor")  # arguments that are no part of what is compared
LIBRARIES = ("torch", "numpy", "scikit-learn", "scipy", "polars", "optuna", "plotly")


def compare(
    model: str | Callable[..., Any] = "mlp",
    data: Any = "digits",
    losses: Any = None,
    *,
    target: str | None = None,
    task: str | None = None,
    baseline: str | None = None,
    seeds: int = 10,
    folds: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    dimension: int | None = None,
    stress: str = "clean",
    tune: int = 0,
    metric: str | None = None,
    test: str = "t",
    workers: int = 0,
    executor: Executor | EarlyExecutor | None = None,
    resume: bool = True,
    out: str | Path | None = None,
    progress: Callable[[int], Any] | None = None,
    command: str | None = None,
) -> Comparison:
    """Train every loss under the same conditions and say which can be told apart.

    Args:
        model: mlp, cnn, gru, ``"module:factory"`` or a factory: called as factory(shape of one example, outputs).
        data: an embedded set (digits, wine, breast_cancer, diabetes, iris, linnerud), a CSV, Parquet or NPZ file, a
            folder of images, ``hf:name``, or a pair (features, target) of arrays.
        losses: as in `perdita.compare.arms.resolve`; None is every loss that fits the task.
        target: the column to predict, for files.
        task: multiclass, binary, regression; ordinal or embedding (asked for, never inferred); None infers it. An
            embedding is judged by what it retrieves among classes that it was not trained on.
        baseline: the loss that all others are compared with; cross_entropy, mse or contrastive.
        seeds: how many; each draws its own split, initial weights and batch order, the same for every loss.
        folds: 0 for a hold-out split by each seed, k for k-fold cross-validation repeated for each seed.
        epochs, batch_size, learning_rate: of the training, the same for every loss.
        dimension: of the embeddings.
        stress: conditions to compare under, as "clean,noise=0.3,imbalance=50,outliers=0.1,few=10".
        tune: how many configurations each loss may try before; 0 trains the defaults.
        metric: the primary metric by which losses are ranked; the task's first metric.
        test: of the paired differences: t (corrected for runs that share the data), wilcoxon or permutation (which take
            the runs for independent). Another test of a finished comparison trains nothing anew.
        workers: processes; 0 is one for each core.
        executor: who runs the units, or a function of (epochs of a loss, workers) that says so before anything is read;
            None is this process or worker processes.
        resume: take what an earlier run of the same comparison has finished.
        out: folder of the store, the report and the tables; perdita-runs/<data>.
        progress: called with the amount of work (epochs of single models), gives a context manager with ``advance(n)``.
        command: the command line to show in the report.

    Returns:
        The ranked rows, their statistics, every run, and the path of the report.

    Raises:
        InputError: bad data, an unknown loss, model, metric, test or condition, fewer rows than folds.
    """
    command = command or _call(locals())
    for name, value, least in (("seeds", seeds, 1), ("folds", folds, 0), ("tune", tune, 0), ("epochs", epochs or 1, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError(f"{name} must be an integer >= {least}, not {value!r}")
    if folds == 1:
        raise InputError("folds must be 0 (hold-out) or at least 2, not 1")
    check_test(test)
    conditions = parse_stress(stress)
    spec, folder = _data(data, target, task, out)
    check_source(spec.source)
    executor = begin_early(executor, seeds * max(folds, 1) * (epochs or Training.epochs), workers)
    table = load(spec)
    spec = replace(spec, task=table.task)
    check_folds(table, folds)
    targets = table.outputs if table.task == "regression" else 1
    training = _training(model, table, epochs, batch_size, learning_rate, dimension)
    sizes = embedding.sizes(table, folds, training)
    arms = resolve(losses, table.task, targets, sizes)
    (base, *_) = resolve([baseline or BASELINES[table.task]], table.task, targets, sizes)
    arms = (*(() if any(arm.label == base.label for arm in arms) else (base,)), *arms)
    metrics = METRICS[table.task]
    primary = primary_metric(table.task, metric, conditions)
    first = Unit(
        data=spec,
        condition=conditions[0],
        fold=0,
        folds=folds,
        seeds=(),
        losses=(),
        training=training,
        primary=primary.name,
        fixed_test=tune > 0,
        fingerprint=table.fingerprint,
        threads=1,
        version=perdita.__version__,
    )
    units = [
        replace(first, condition=condition, fold=fold, seeds=block, losses=group)
        for condition in conditions
        for fold in range(max(folds, 1))
        for block in _blocks(range(seeds), math.ceil(seeds / SEEDS_TOGETHER))
        for group in _blocks(arms, 2 * math.ceil(len(arms) / (2 * LOSSES_TOGETHER)))
    ]
    with SQLiteStore(folder / "runs.sqlite") as store:
        held = store if resume else _Fresh(store)
        here = training.model.startswith("local:") or any(map(only_here, arms))  # no other process could import them
        pool = InProcess() if here else executor or choose_executor(workers, len(units), _steps(units, table.rows))
        if tune:
            units = _tuned(units, tune, primary, held)
        done = dict(_run_all(units, held, pool, progress))
        runs = tuple(run for unit in units for run in done[unit.key])
    rows, standings = analyse(runs, primary=primary, metrics=metrics, baseline=base.label, folds=folds, test=test)
    result = Comparison(
        dataset=table.name,
        task=table.task,
        primary=primary,
        metrics=metrics,
        baseline=base.label,
        rows=rows,
        standings=standings,
        runs=runs,
        conclusion=conclude(rows, standings, primary, base.label, table.name),
        facts=_facts(table, units, seeds, folds, tune, command),
        report_path=folder / "report.html",
    )
    result.report(folder / "report.html")
    result.frame.write_parquet(folder / "runs.parquet")
    return result


def _call(given: dict[str, Any]) -> str:
    """The call as it would be written again: what differs from the defaults."""
    defaults = {name: p.default for name, p in inspect.signature(compare).parameters.items()}
    shown = [
        f"{n}={v!r}" for n, v in given.items() if n not in ("progress", "command", "executor") and v is not defaults[n]
    ]
    return f"perdita.compare({', '.join(shown)})"


def _data(data: Any, target: str | None, task: str | None, out: str | Path | None) -> tuple[DataSpec, Path]:
    if isinstance(data, DataSpec):
        spec = data
    elif isinstance(data, str | Path):
        spec = DataSpec(str(data), target, task)
    elif isinstance(data, tuple) and len(data) == 2:
        folder = Path(out) if out is not None else Path("perdita-runs") / "arrays"
        return DataSpec(str(save_arrays(folder, *data)), None, task), folder
    else:
        raise InputError("data must be a name, a path or a pair (features, target) of arrays")
    return spec, Path(out) if out is not None else Path("perdita-runs") / Path(spec.source.replace(":", "-")).stem


def _training(
    model: str | Callable[..., Any],
    table: Table,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    dimension: int | None,
) -> Training:
    name = model if isinstance(model, str) else models.keep(model)
    models.factory(name, (128,))  # an unknown model is an error now, not in a worker
    if dimension is not None and table.task != "embedding":
        raise InputError(f"dimension is of embeddings, and the task is {table.task}")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "dimension": dimension}
    for key, value in given.items():
        if value is not None and not value > 0:
            raise InputError(f"{key} must be > 0, not {value!r}")
    return replace(Training(model=name), **{key: value for key, value in given.items() if value is not None})


def _blocks(items: Sequence[Any], number: int) -> Iterator[tuple[Any, ...]]:
    """Cut into so many blocks, as equal as can be; fewer where there are fewer items."""
    edges = [round(len(items) * block / number) for block in range(number + 1)]
    return (tuple(items[start:end]) for start, end in itertools.pairwise(edges) if end > start)


def _steps(units: Sequence[Unit], rows: int) -> int:
    """Training steps of single models, about."""
    return sum(unit.epochs_of_models * math.ceil(rows / (unit.training.batch_size or rows)) for unit in units)


class _Fresh:
    """A store that knows nothing from before: what is put into it now is kept."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, set[str]()

    def get(self, key: str) -> Any | None:
        return self.store.get(key) if key in self.now else None

    def put(self, key: str, kind: str, spec: Any, outcome: Any) -> None:
        self.store.put(key, kind, spec, outcome)
        self.now.add(key)


def _run_all(
    units: Sequence[Unit], store: Any, pool: Any, progress: Callable[[int], Any] | None
) -> Iterator[tuple[str, list[Run]]]:
    """Every unit's key with its runs; what is missing is run, and stored before it is given."""
    missing = []
    for unit in units:
        found = store.get(unit.key)
        if found is None:
            missing.append(unit)
        else:
            yield unit.key, [Run(**run) for run in found]
    if not missing:
        return
    work = sum(unit.epochs_of_models for unit in missing)
    with progress(work) if progress is not None else nullcontext() as bar:
        for unit, runs in pool.run(run_unit, missing, bar.advance if bar is not None else lambda amount: None):
            store.put(unit.key, "unit", asdict(unit), [asdict(run) for run in runs])
            yield unit.key, runs


def _tuned(units: Sequence[Unit], trials: int, primary: Metric, store: Any) -> list[Unit]:
    """The units with each loss's configuration as tuned for their condition and fold, on the first block of seeds."""

    def evaluate(unit: Unit) -> list[Run]:
        return dict(_run_all([unit], store, InProcess(), None))[unit.key]

    chosen: dict[tuple[Condition, int, tuple[LossSpec, ...]], tuple[LossSpec, ...]] = {}
    for unit in units:
        place = (unit.condition, unit.fold, unit.losses)
        if place not in chosen:
            chosen[place] = tune_losses(replace(unit, seeds=unit.seeds[:2]), trials, primary, evaluate)
    return [replace(unit, losses=chosen[unit.condition, unit.fold, unit.losses]) for unit in units]


def _facts(table: Table, units: Sequence[Unit], seeds: int, folds: int, tune: int, command: str) -> dict[str, Any]:
    versions = {"perdita": perdita.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    losses = {loss.label: json.loads(loss.config) for unit in units for loss in unit.losses}
    settings = asdict(units[0].training)
    if table.task != "embedding":
        del settings["dimension"]
    return {
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": versions,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "seeds": list(range(seeds)),
        "folds": folds,
        "settings": {**settings, "tuning trials": tune},
        "data": table.summary(),
        "notes": [table.why_task, *table.notes, *embedding.notes(table, folds, units[0].training)],
        "losses": losses,
        "learning_rates": {
            loss.label: loss.learning_rate for unit in units for loss in unit.losses if loss.learning_rate
        },
    }
