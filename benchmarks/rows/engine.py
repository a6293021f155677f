"""A whole comparison against the loop that everyone writes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

import perdita
from benchmarks.race import Measured, agree, peaks, race
from benchmarks.registry import row
from perdita.compare.arms import resolve
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp

LOSSES, SEEDS, SAMPLE = 20, 10, 8  # the peer trains SAMPLE of the LOSSES x SEEDS models, and its time is scaled
TRAINING = Training()  # AdamW 3e-3, weight decay 1e-4, batches of 64, 40 epochs, cosine schedule


def make_model() -> nn.Module:
    return mlp((64,), 10, (128,))


def criteria() -> dict[str, nn.Module]:
    """Twenty arms: what a comparison on classes takes by itself, then cross-entropy with more and more smoothing."""
    arms = {spec.label: spec.build() for spec in resolve(None, "multiclass")}
    for step in range(1, LOSSES + 1):
        arms[f"cross_entropy smoothed {step / 100}"] = perdita.CrossEntropy(label_smoothing=step / 100)
    return dict(list(arms.items())[:LOSSES])


def digits() -> Fold:
    from sklearn.datasets import load_digits

    features, target = load_digits(return_X_y=True)
    shown = torch.tensor(features[:1078] / 16, dtype=torch.float32)  # 60 %, as a comparison trains on
    return Fold(shown, torch.tensor(target[:1078]), {"train": shown})


def plain_loop(criterion: nn.Module, fold: Fold, training: Training, seed: int) -> Tensor:
    """One model, one batch after another; gives its outputs on the training part."""
    torch.manual_seed(seed)
    model = make_model()
    order = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    rows = len(fold.features)
    steps = math.ceil(rows / training.batch_size) * training.epochs
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(training.epochs):
        for chosen in torch.randperm(rows, generator=order).split(training.batch_size):
            optimizer.zero_grad()
            criterion(model(fold.features[chosen]), fold.target[chosen]).backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        return model(fold.features)


def sample(arms: Mapping[str, nn.Module]) -> list[tuple[str, int]]:
    """Eight of the trainings, spread evenly over the losses, each with a seed of its own."""
    names = list(arms)
    return [(names[index * len(names) // SAMPLE], index) for index in range(SAMPLE)]


def contenders(arms: Mapping[str, nn.Module], fold: Fold, training: Training) -> Sequence[Callable[[], list[Tensor]]]:
    """Both give the outputs of the sampled models; the engine trains all of them for that."""
    places = {name: index for index, name in enumerate(arms)}

    def ours() -> list[Tensor]:
        trained = train_together(arms, make_model, [fold] * SEEDS, training, range(SEEDS))
        return [trained.outputs["train"][places[name], seed] for name, seed in sample(arms)]

    def theirs() -> list[Tensor]:
        return [plain_loop(arms[name], fold, training, seed) for name, seed in sample(arms)]

    return ours, theirs


@row(
    "compare-engine",
    peer="plain PyTorch loop, 8 of the 200 trainings, scaled",
    shape="digits, 20 losses x 10 seeds, MLP 64-128-10, 40 epochs",
    unit="s",
    target="ours / theirs <= 0.125",
)
def compare_engine() -> Measured:
    arms, fold = criteria(), digits()
    short = contenders(arms, fold, replace(TRAINING, epochs=1))
    agree(short[0](), short[1](), rtol=1e-3, atol=1e-3)
    memory = peaks(*short)
    _, theirs = contenders(arms, fold, TRAINING)
    configs = {label: criterion.to_config() for label, criterion in arms.items()}

    def ours() -> None:
        """The command from its cold start: imports, data, splits, training, metrics, statistics, report."""
        with tempfile.TemporaryDirectory() as folder:
            losses = Path(folder, "losses.json")
            losses.write_text(json.dumps(configs))
            command = [sys.executable, "-m", "perdita", "compare", "digits", "--losses", losses, "--seeds", str(SEEDS)]
            subprocess.run([*command, "--out", folder], check=True, capture_output=True)

    found = race(ours, theirs, unit="s", repeats=8, warmups=0, tries=1)
    return replace(found, theirs=found.theirs * LOSSES * SEEDS / SAMPLE, **memory)
