"""What a comparison found: the object that the Python API returns, and what the terminal, JSON and report all read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perdita.compare.spec import Metric, Run
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """The three numbers; null for what is not known (one run has no interval)."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


@dataclass(frozen=True)
class Row:
    """One loss under one condition."""

    loss: str
    condition: str
    rank: int  # 1 is best: fewest failed runs, then the mean of the primary metric; equals share a rank
    metrics: dict[str, Interval]
    difference: Interval | None  # primary metric, paired, this loss minus the baseline; None for the baseline itself
    p_value: float | None  # of that difference, Holm-corrected over the losses of the condition
    seconds: float  # mean wall time of a run
    peak_bytes: int
    runs: int
    failed: int  # runs that diverged
    identical_to: tuple[str, ...] = ()  # losses whose results agree bit by bit in every run
    note: str = ""


@dataclass(frozen=True)
class Standing:
    """The statistics over all losses of one condition."""

    condition: str
    best: tuple[str, ...]  # the best by rank, then those that cannot be told apart from it
    friedman_p: float | None  # None where fewer than three losses or three runs
    mean_ranks: dict[str, float]
    critical_difference: float | None  # Nemenyi, at 5 %
    cliques: tuple[tuple[str, ...], ...]  # groups of losses that the post-hoc test cannot tell apart
    pairwise_p: dict[str, dict[str, float]]
    test: str  # the name of the paired test behind the p-values, for the report


@dataclass(frozen=True)
class Comparison:
    """The result of `perdita.compare`."""

    dataset: str
    task: str
    primary: Metric
    metrics: tuple[Metric, ...]
    baseline: str
    rows: tuple[Row, ...]  # by condition, then rank
    standings: tuple[Standing, ...]  # by condition, in the order asked
    runs: tuple[Run, ...]
    conclusion: str  # one plain sentence
    facts: dict[str, Any] = field(default_factory=dict)  # command, versions, seeds, splits, settings, data summary
    report_path: Path | None = None

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each run and metric: loss, condition, fold, seed, metric, value."""
        import polars as pl

        return pl.DataFrame(
            [
                (run.loss, run.condition, run.fold, run.seed, name, value)
                for run in self.runs
                for name, value in run.metrics.items()
            ],
            schema={
                "loss": pl.String, "condition": pl.String, "fold": pl.Int64, "seed": pl.Int64, "metric": pl.String,
                "value": pl.Float64,
            },
            orient="row",
        )  # fmt: skip

    def best(self, condition: str | None = None) -> tuple[str, ...]:
        """The best loss, followed by those that cannot be told apart from it."""
        asked = [standing for standing in self.standings if condition in (None, standing.condition)]
        if not asked:
            raise InputError(f"no condition {condition!r} was compared")
        return asked[0].best

    def report(self, path: str | Path) -> Path:
        """Write the report, one HTML file, and give its path."""
        from perdita.compare.report import write_report

        return write_report(self, path)

    def to_json(self) -> dict[str, Any]:
        """What ``perdita compare --json`` prints."""
        conditions = [standing.condition for standing in self.standings]
        return {
            "task": self.task,
            "dataset": self.dataset,
            "condition": conditions[0] if len(conditions) == 1 else conditions,
            "rows": [
                {
                    "loss": row.loss,
                    "condition": row.condition,
                    "rank": row.rank,
                    "metrics": {name: interval.to_json() for name, interval in row.metrics.items()},
                    "difference": None if row.difference is None else row.difference.to_json(),
                    "p_value": row.p_value,
                    "seconds": row.seconds,
                }
                for row in self.rows
            ],
            "best": list(self.best()),
            "conclusion": self.conclusion,
            "report": None if self.report_path is None else str(self.report_path),
        }
