"""The rows: each a function under ``@row``, in a file of ``benchmarks/rows``."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pkgutil
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from benchmarks.race import Measured

RESULTS = Path(__file__).parent / "results"
MEASURES: dict[str, Callable[[float, float], float]] = {
    "ours": lambda ours, theirs: ours,
    "ours - theirs": lambda ours, theirs: ours - theirs,
    "ours / theirs": lambda ours, theirs: ours / theirs,
}
HARDWARE: dict[str, Callable[[], bool]] = {"CUDA": torch.cuda.is_available}
PACKAGES = {  # as rows say it of their peer: its module
    "cut-cross-entropy": "cut_cross_entropy",
    "liger-kernel": "liger_kernel",
    "pytorch-metric-learning": "pytorch_metric_learning",
    "scikit-learn": "sklearn",
    "torchjd": "torchjd",
    "torchmetrics": "torchmetrics",
}


@dataclass(frozen=True)
class Row:
    """One line of the benchmark table."""

    name: str
    peer: str
    shape: str
    unit: str
    target: str  # "<measure> <= <number>", the measure one of MEASURES
    run: Callable[[], Measured]
    needs: tuple[str, ...] = ()  # of HARDWARE, and of PACKAGES

    def lacks(self) -> str | None:
        """What this machine does not have and the row cannot do without."""
        return ", ".join(need for need in self.needs if not present(need)) or None

    def met(self, measured: Measured) -> bool:
        measure, limit = self.target.split(" <= ")
        return MEASURES[measure](measured.ours, measured.theirs) <= float(limit)


ROWS: dict[str, Row] = {}


def present(need: str) -> bool:
    """Whether the hardware is there, or the package installed."""
    return HARDWARE[need]() if need in HARDWARE else importlib.util.find_spec(PACKAGES[need]) is not None


def row(
    name: str, *, peer: str, shape: str, unit: str, target: str, needs: str | None = None
) -> Callable[..., Callable[[], Measured]]:
    """Register a function that measures ours against the peer's. ``target`` reads like ``"ours / theirs <= 0.6"``.

    A row needs the hardware it says, and the package that its peer begins with, if it is one of `PACKAGES`.
    """
    measure, _, limit = target.partition(" <= ")
    if measure not in MEASURES or not limit:
        raise ValueError(f"target must be '<measure> <= <number>' with a measure of {list(MEASURES)}, not {target!r}")
    float(limit)

    def register(function: Callable[[], Measured]) -> Callable[[], Measured]:
        if name in ROWS:
            raise ValueError(f"a row named {name!r} is registered already")
        asked = [] if needs is None else [needs]
        asked += [package for package in PACKAGES if peer.lower().startswith(package)]
        ROWS[name] = Row(name, peer, shape, unit, target, function, tuple(asked))
        return function

    return register


def load() -> dict[str, Row]:
    """Every row, by name."""
    from benchmarks import rows

    for module in pkgutil.iter_modules(rows.__path__):
        importlib.import_module(f"{rows.__name__}.{module.name}")
    return dict(sorted(ROWS.items()))


def measure(entry: Row) -> dict[str, Any]:
    """Run one row: what ``--json`` prints of it."""
    found = entry.run()
    return {
        "row": entry.name,
        "peer": entry.peer,
        "shape": entry.shape,
        "ours": found.ours,
        "theirs": found.theirs,
        "ratio": found.ours / found.theirs if found.theirs else None,
        "unit": entry.unit,
        "peak_ours": found.peak_ours,
        "peak_theirs": found.peak_theirs,
        "target": entry.target,
        "met": entry.met(found),
        "noisy": found.noisy,
    }


def save(result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Append a result, with its date, machine and versions. Raises ValueError for a noisy one: it is no record."""
    if result["noisy"]:
        raise ValueError(f"{result['row']} was noisy and is not saved; measure on a quiet machine")
    folder.mkdir(exist_ok=True)
    path = folder / f"{result['row']}.jsonl"
    record = {**result, "date": datetime.now(UTC).isoformat(timespec="seconds"), **circumstances()}
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def circumstances() -> dict[str, Any]:
    """The machine, and the versions of what was raced."""
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in ("perdita", "torch")}}
    machine = {"cores": os.cpu_count(), "cpu": _processor()}
    if torch.cuda.is_available():
        machine["gpu"] = torch.cuda.get_device_name()
    return {"machine": machine, "versions": versions}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
