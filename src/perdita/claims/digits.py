"""The setting that several claims share: scikit-learn's digits, half for training, and a small network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold
from perdita.compare.train.models import mlp

if TYPE_CHECKING:
    from jaxtyping import Float, Int

RECIPE = Training(
    epochs=40, batch_size=64, optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=0.0, schedule="constant"
)


@dataclass(frozen=True)
class Digits:
    """A fold for each seed, and the labels of the parts that are predicted, (seeds, n)."""

    folds: list[Fold]
    labels: dict[str, Int[Tensor, "seeds n"]]


def digits(seeds: Sequence[int], device: str = "cpu", validation: float = 0.0) -> Digits:
    """Stratified halves of the 1,797 digits, drawn anew for each seed; pixels are divided by 16.

    Args:
        seeds: of the splits.
        device: of the tensors.
        validation: share of the training half that is held back for choosing a hyper-parameter.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, classes = load_digits(return_X_y=True)
    folds, labels = [], []
    for seed in seeds:
        parts = {}
        train, parts["test"] = train_test_split(range(len(classes)), test_size=0.5, stratify=classes, random_state=seed)
        if validation:
            train, parts["validation"] = train_test_split(
                train, test_size=validation, stratify=classes[train], random_state=seed
            )
        features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
        target = torch.as_tensor(classes, device=device)
        folds.append(Fold(features[train], target[train], {name: features[rows] for name, rows in parts.items()}))
        labels.append({name: target[rows] for name, rows in parts.items()})
    return Digits(folds, {name: torch.stack([own[name] for own in labels]) for name in labels[0]})


def network() -> nn.Module:
    """64-128-10, with ReLU."""
    return mlp((64,), 10, (128,))


def recipe(short: bool) -> Training:
    """The training of every claim on digits; a tenth of the epochs when short."""
    return replace(RECIPE, epochs=4) if short else RECIPE


def accuracy(outputs: Float[Tensor, "arms seeds n c"], labels: Int[Tensor, "seeds n"]) -> Float[Tensor, "arms seeds"]:
    """Share of the items whose largest logit is the label's."""
    return (outputs.argmax(-1) == labels).double().mean(-1)
