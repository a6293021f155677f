"""A comparison's result in TensorBoard and MLflow: a run for each loss under each condition, its curves and figures."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perdita.core import MissingExtraError

if TYPE_CHECKING:
    from perdita.compare.result import Comparison, Row

AT_ONCE = 1000  # metrics that MLflow takes in one request


def figures(row: Row) -> dict[str, float]:
    """The finite numbers of a row: each metric with its interval, rank, difference, p-value, time, memory, failures."""
    found: dict[str, float | None] = {}
    for name, interval in row.metrics.items():
        found |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    if row.difference is not None:
        found["difference"] = row.difference.mean
        found |= {"difference_low": row.difference.low, "difference_high": row.difference.high}
    found |= {"p_value": row.p_value, "rank": row.rank, "seconds": row.seconds, "peak_bytes": row.peak_bytes}
    found |= {"runs": row.runs, "failed_runs": row.failed}
    return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def courses(comparison: Comparison, row: Row) -> dict[str, list[float]]:
    """Curve → its mean over a row's runs after each epoch; runs that diverged are left out."""
    runs = [run for run in comparison.runs if (run.loss, run.condition) == (row.loss, row.condition) and not run.failed]
    kinds = {f"validation_{comparison.primary.name}": [run.curve for run in runs],
             "training_loss": [run.train_curve for run in runs]}  # fmt: skip
    means = {name: [sum(at) / len(at) for at in zip(*curves, strict=True)] for name, curves in kinds.items()}
    return {name: mean for name, mean in means.items() if mean}


def log_tensorboard(comparison: Comparison, folder: str | Path) -> Path:
    """Write a comparison for TensorBoard.

    Each loss under each condition is a run, ``folder/<condition>/<loss>``: its mean curves over seeds and folds as
    ``course/…`` by epoch, its figures as ``result/…``. The conclusion and the command are texts of ``folder`` itself.

    Args:
        comparison: what `perdita.compare` gave.
        folder: to write into; made where it does not exist.

    Returns:
        The folder, for ``tensorboard --logdir``.

    Raises:
        MissingExtraError: tensorboard is not installed.

    Example:
        >>> from perdita.integrations.tracking import log_tensorboard
        >>> result = perdita.compare("mlp", "iris", ["focal"], seeds=2, epochs=2, workers=1)  # doctest: +SKIP
        >>> log_tensorboard(result, "perdita-runs/iris/tensorboard")  # doctest: +SKIP
        PosixPath('perdita-runs/iris/tensorboard')
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tracking") from error
    folder = Path(folder)
    with SummaryWriter(str(folder)) as writer:
        writer.add_text("conclusion", comparison.conclusion)
        writer.add_text("command", str(comparison.facts.get("command", "")))
    for row in comparison.rows:
        with SummaryWriter(str(folder / _file_name(row.condition) / _file_name(row.loss))) as writer:
            for name, value in figures(row).items():
                writer.add_scalar(f"result/{name}", value)
            for name, values in courses(comparison, row).items():
                for epoch, value in enumerate(values):
                    writer.add_scalar(f"course/{name}", value, epoch)
    return folder


def log_mlflow(comparison: Comparison, *, experiment: str = "perdita", tracking_uri: str | None = None) -> str:
    """Log a comparison to MLflow.

    One run for the comparison, with its settings as parameters, its conclusion as description and its report and table
    of runs as artefacts; within it a run for each loss under each condition, with its configuration as parameters, its
    figures as metrics and its mean curves over seeds and folds by epoch. No active run of the process is touched.

    Args:
        comparison: what `perdita.compare` gave.
        experiment: by name; made where it does not exist.
        tracking_uri: a server or a database (``sqlite:///mlflow.db``); None is MLflow's own setting.

    Returns:
        The identifier of the comparison's run.

    Raises:
        MissingExtraError: mlflow is not installed.

    Example:
        >>> from perdita.integrations.tracking import log_mlflow
        >>> result = perdita.compare("mlp", "iris", ["focal"], seeds=2, epochs=2, workers=1)  # doctest: +SKIP
        >>> log_mlflow(result, tracking_uri="sqlite:///mlflow.db")  # doctest: +SKIP
        'b0d3…'
    """
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise MissingExtraError("mlflow", "tracking") from error
    client = MlflowClient(tracking_uri=tracking_uri)
    known = client.get_experiment_by_name(experiment)
    place = client.create_experiment(experiment) if known is None else known.experiment_id
    name = f"{comparison.dataset}: {comparison.task}"
    parent: str = client.create_run(
        place, run_name=name, tags={"mlflow.note.content": comparison.conclusion}
    ).info.run_id
    for key, value in _settings(comparison).items():
        client.log_param(parent, key, value)
    for path in _files(comparison):
        client.log_artifact(parent, str(path))
    for row in comparison.rows:
        label = row.loss if row.condition == "clean" else f"{row.loss}, {row.condition}"
        child = client.create_run(place, run_name=label, tags={"mlflow.parentRunId": parent, "note": row.note})
        _log_row(client, child.info.run_id, comparison, row)
        client.set_terminated(child.info.run_id)
    client.set_terminated(parent)
    return parent


def _log_row(client: Any, run: str, comparison: Comparison, row: Row) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in figures(row).items()]
    for name, values in courses(comparison, row).items():
        metrics += [Metric(f"course/{name}", value, now, epoch) for epoch, value in enumerate(values)]
    config = comparison.facts.get("losses", {}).get(row.loss, {})
    params = {"label": row.loss, "condition": row.condition, "configuration": json.dumps(config)}
    client.log_batch(run, params=[Param(key, value) for key, value in params.items()])
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(run, metrics=metrics[start : start + AT_ONCE])


def _settings(comparison: Comparison) -> dict[str, str]:
    facts = comparison.facts
    known = {"dataset": comparison.dataset, "task": comparison.task, "baseline": comparison.baseline,
             "metric": comparison.primary.name}  # fmt: skip
    asked = {key: facts[key] for key in ("command", "seeds", "folds") if key in facts}
    return {key: str(value) for key, value in {**known, **asked, **facts.get("settings", {})}.items()}


def _files(comparison: Comparison) -> Iterator[Path]:
    """The report and the table of runs beside it, where they were written."""
    if comparison.report_path is not None:
        for path in (comparison.report_path, comparison.report_path.with_name("runs.parquet")):
            if path.exists():
                yield path


def _file_name(label: str) -> str:
    return re.sub(r"[^\w.=+,() -]", "_", label)
