"""Run a claim and judge it: the experiment gives evidence, and a rule fixed beforehand gives the verdict.

A claim is a module ``perdita.claims.<room>.<slug with underscores>`` that defines ``CLAIM``. There is no list of them.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import math
import os
import pkgutil
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TypeVar

import perdita.claims
from perdita.core.errors import InputError, MissingExtraError, nearest

Item, Found = TypeVar("Item"), TypeVar("Found")
VERDICTS = ("holds", "does not hold", "inconclusive")
RESULTS = Path(perdita.claims.__path__[0]) / "results.json"


@dataclass(frozen=True)
class Evidence:
    """What an experiment measured: one paired difference, measured - baseline, and everything else in ``details``."""

    effect: float  # mean of the paired differences
    interval: tuple[float, float]  # of the effect, 95 %
    baseline: float
    measured: float
    n: int  # pairs: seeds, or data sets
    details: dict[str, Any] = field(default_factory=dict)  # "remarks": sentences to print, counter-directions too


class Experiment(Protocol):
    """What a claim runs."""

    def __call__(self, seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
        """Measure on the given seeds. ``short`` is for tests: the same code with less training, no ground to judge."""
        ...


@dataclass(frozen=True)
class Claim:
    """A paper's statement, and how it is put to the test."""

    slug: str
    statement: str  # in own words
    source: str
    rule: str  # when it holds, does not hold and is inconclusive, in words
    run: Experiment
    verdict: Callable[[Evidence], str]  # the rule as a pure function
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Result:
    """A claim's verdict, with where and when it was measured."""

    claim: Claim
    evidence: Evidence
    verdict: str
    seconds: float
    date: str
    versions: dict[str, str]
    machine: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What ``perdita reproduce SLUG --json`` prints."""
        found = {
            "slug": self.claim.slug,
            "statement": self.claim.statement,
            "rule": self.claim.rule,
            "verdict": self.verdict,
            "effect": self.evidence.effect,
            "interval": list(self.evidence.interval),
            "baseline": self.evidence.baseline,
            "measured": self.evidence.measured,
            "n": self.evidence.n,
            "seconds": round(self.seconds, 1),
        }
        return {key: finite(value) for key, value in found.items()}

    def record(self) -> dict[str, Any]:
        """What is stored of it: the result, and its circumstances."""
        circumstances = {"date": self.date, "versions": self.versions, "machine": self.machine}
        return {
            **self.to_json(),
            "source": self.claim.source,
            "details": finite(self.evidence.details),
            **circumstances,
        }


def paired(baseline: Sequence[float], measured: Sequence[float], overlap: float = 0.0, **details: Any) -> Evidence:
    """Evidence from pairs: the mean of measured - baseline with its 95 % interval.

    Args:
        baseline, measured: one number for each pair.
        overlap: rows tested over rows not tested, where all pairs resample one data set; 0 where they are independent.
        details: whatever else was measured.
    """
    import numpy as np

    from perdita.compare.verdict.significance import mean_interval

    first, second = np.asarray(baseline, float), np.asarray(measured, float)
    found = mean_interval(second - first, overlap)
    return Evidence(found.mean, (found.low, found.high), float(first.mean()), float(second.mean()), len(first), details)


def side_by_side(work: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """What independent pieces of work give, in their order: as many at a time as there are cores, each on one.

    Small models gain little from a second core, and a second model gains all of it. What a piece gives may not depend
    on the others: it draws from generators of its own alone.
    """
    import torch

    from perdita.compare.execute import cores

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # also of threads that start now
    try:
        with torch.random.fork_rng(devices=[]), ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(work, items))
    finally:
        torch.set_num_threads(threads)


@functools.cache
def slugs() -> dict[str, str]:
    """Slug → module of each claim, by name alone: nothing is imported."""
    found: dict[str, str] = {}
    for room in pkgutil.iter_modules(perdita.claims.__path__, "perdita.claims."):
        if room.ispkg:
            spec = importlib.util.find_spec(room.name)
            assert spec is not None
            for module in pkgutil.iter_modules(spec.submodule_search_locations, f"{room.name}."):
                found[module.name.rpartition(".")[2].replace("_", "-")] = module.name
    return dict(sorted(found.items()))


def claim(slug: str) -> Claim:
    """The claim of a paper. Raises `InputError` with the nearest slugs."""
    if slug not in slugs():
        known = f"; there are: {', '.join(slugs())}" if len(slugs()) <= 10 else ""
        raise InputError(f"no claim {slug!r}{nearest(slug, slugs()) or known}")
    found: Claim = importlib.import_module(slugs()[slug]).CLAIM
    return found


def reproduce(slug: str, seeds: int | Sequence[int] | None = None, device: str = "cpu", short: bool = False) -> Result:
    """Run a claim's experiment and judge its evidence.

    Args:
        slug: of the paper.
        seeds: a number of seeds, or the seeds; None takes the claim's own.
        device: where it trains.
        short: less training, for tests.

    Raises:
        InputError: no such claim, or fewer than two seeds.
        MissingExtraError: a library that the experiment needs is not installed.
    """
    chosen = claim(slug)
    given = chosen.seeds if seeds is None else tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if len(given) < 2:
        raise InputError(f"seeds must be at least 2, for an interval, not {len(given)}")
    started = time.perf_counter()
    try:
        evidence = chosen.run(given, device, short)
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name).partition(".")[0], "compare") from error
    verdict = chosen.verdict(evidence)
    if verdict not in VERDICTS:
        raise ValueError(f"the verdict of {slug} must be one of {VERDICTS}, not {verdict!r}")
    seconds = time.perf_counter() - started
    date = datetime.now(UTC).date().isoformat()
    return Result(chosen, evidence, verdict, seconds, date, _versions(), _machine())


def stored_results(path: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Slug → the result that was stored last."""
    if not path.exists():
        return {}
    return {record["slug"]: record for record in json.loads(path.read_text("utf-8"))}


def store_results(results: Sequence[Result], path: Path = RESULTS) -> Path:
    """Store results, in place of earlier ones of the same claims.

    Raises:
        InputError: the file cannot be written.
    """
    records = stored_results(path) | {result.claim.slug: result.record() for result in results}
    text = json.dumps([records[slug] for slug in sorted(records)], indent=1, ensure_ascii=False, allow_nan=False)
    try:
        whole = path.with_suffix(".new")
        whole.write_text(text + "\n", "utf-8")
        whole.replace(path)  # a reader sees the old results or the new ones, never half of a file
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return path


def finite(value: Any) -> Any:
    """A value as JSON can say it: NaN and infinity, which JSON has no word for, become None."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in ("perdita", "torch", "numpy", "scipy", "scikit-learn"):
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine() -> dict[str, Any]:
    """Cores and the processor's name: nothing that tells one machine of a kind from another."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"cores": os.cpu_count(), "processor": names[0] if names else platform.machine()}
