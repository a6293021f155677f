"""What is run: small, frozen, hashable descriptions. A unit of work is a pure function of its `Unit`."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

TASKS = ("multiclass", "binary", "ordinal", "regression", "embedding")


@dataclass(frozen=True)
class DataSpec:
    """Where the data come from: an embedded name or a file, the target column, and the task (None: inferred)."""

    source: str
    target: str | None = None
    task: str | None = None


@dataclass(frozen=True)
class Condition:
    """What is done to the training part: ``noise`` (share of labels changed), ``imbalance`` (largest over smallest
    class), ``outliers`` (share of targets or rows), ``few`` (examples per class, or in all for a regression)."""

    kind: str = "clean"
    amount: float = 0.0

    @property
    def name(self) -> str:
        return self.kind if self.kind == "clean" else f"{self.kind}={self.amount:g}"


@dataclass(frozen=True)
class LossSpec:
    """An arm of the comparison: its label, and its configuration as canonical JSON, for `perdita.build`, or for
    `perdita.compound.build` where it has terms."""

    label: str
    config: str
    learning_rate: float | None = None  # where tuning chose one; else the training's

    def build(self, steps: int = 1, steps_per_epoch: int = 1) -> Any:
        """The criterion, for a training of so many optimiser steps, which schedules and learned weights ask for."""
        config = json.loads(self.config)
        if "terms" in config:
            from perdita.compound import build as build_compound

            return build_compound(config, steps=steps, steps_per_epoch=steps_per_epoch)
        from perdita.core import build

        return build(config)


@dataclass(frozen=True)
class Training:
    """How every arm is trained: the same for all losses."""

    model: str = "mlp"  # mlp, cnn, gru or module:factory
    epochs: int = 40
    batch_size: int | None = 64  # None: full batch
    optimizer: str = "adamw"  # adamw, adam or sgd
    learning_rate: float = 3e-3
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 1e-4
    schedule: str = "cosine"  # or constant
    hidden: tuple[int, ...] = (128,)
    dimension: int = 32  # of the embeddings, in the task embedding


@dataclass(frozen=True)
class Unit:
    """One condition and fold, for a block of seeds and a group of losses that train together as one stacked model."""

    data: DataSpec
    condition: Condition
    fold: int
    folds: int  # 0: each seed draws its own hold-out split
    seeds: tuple[int, ...]
    losses: tuple[LossSpec, ...]
    training: Training
    primary: str = ""  # the metric whose course over the epochs is kept
    fixed_test: bool = (
        False  # one test part for all seeds: after tuning, no seed's training may hold another's test rows
    )
    fingerprint: str = ""  # of the data's content: a changed file is another unit
    threads: int = 2
    version: str = ""  # of perdita: another version's results are not taken for this one's

    @property
    def epochs_of_models(self) -> int:
        """How much work the unit is."""
        return len(self.seeds) * len(self.losses) * self.training.epochs

    @property
    def key(self) -> str:
        """A name for this unit, the same on every machine."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Run:
    """The outcome of one loss at one seed, fold and condition; what the store keeps (as JSON)."""

    loss: str
    condition: str
    fold: int
    seed: int
    metrics: dict[str, float]  # on the test part; NaN where the training diverged
    validation: dict[str, float]  # the same on the validation part
    curve: list[float] = field(default_factory=list)  # primary metric on the validation part, after each epoch
    train_curve: list[float] = field(default_factory=list)  # mean training loss in each epoch
    reliability: list[list[float]] = field(default_factory=list)  # rows [confidence, accuracy, share] for each bin
    seconds: float = 0.0  # share of the unit's wall time
    peak_bytes: int = 0
    sizes: tuple[int, int, int] = (0, 0, 0)  # rows in the training, validation and test part
    failed: str = ""  # why there is no result, in a sentence
    weights: dict[str, list[float]] = field(default_factory=dict)  # of a compound's terms, mean of each epoch
    balance: dict[str, Any] = field(default_factory=dict)  # of a compound's terms, at the first batch of each epoch


@dataclass(frozen=True)
class Metric:
    """A measure of held-out quality."""

    name: str
    higher_is_better: bool
    title: str
    bounds: tuple[float, float] = (-math.inf, math.inf)  # its interval is cut there
