"""Dice against cross-entropy where positives are rare: which form of it raises the F1 score?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.imbalance.anyloss import measure
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp

if TYPE_CHECKING:
    from jaxtyping import Float, Int

POSITIVE, KEPT = 8, 20


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the F1 score gained by Dice over the whole batch, in shares of 1.

    Digits, the class 8 as positives: half of the images for training, 20 positives left in each half; full-batch Adam,
    decisions at probability 1/2. Cross-entropy weighted by class stands beside the plain one.
    """
    folds, labels = _folds(seeds, device)
    share = folds[0].target.mean().item()
    criteria: dict[str, nn.Module] = {
        "cross_entropy": perdita.BinaryCrossEntropy(),
        "set_dice": perdita.SetDice(),
        "set_dice_square": perdita.SetDice(square=True, alpha=0.01),
        "item_dsc": perdita.BinarySelfAdjustingDice(alpha=0.01),
        "item_dl": perdita.BinarySelfAdjustingDice(alpha=0.0, square=True),
        "weighted": perdita.BinaryCrossEntropy(positive_weight=torch.tensor([(1 - share) / share])),
    }
    training = Training(
        epochs=15 if short else 150, batch_size=None, optimizer="adam", learning_rate=1e-2, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    trained = train_together(
        {name: criterion.to(device) for name, criterion in criteria.items()},
        lambda: mlp((64,), 1, (16,)),
        folds,
        training,
        seeds,
    )
    decided = trained.outputs["test"].squeeze(-1) > 0  # (arms, seeds, n)
    scores = {name: measure("f_score", decided[arm], labels.bool()).double() for arm, name in enumerate(criteria)}
    return paired(
        scores["cross_entropy"].tolist(),
        scores["set_dice"].tolist(),
        overlap=1.0,  # halves of one data set
        f_scores={name: found.tolist() for name, found in scores.items()},
        last_training_loss=trained.curve[:, :, -1].mean(1).tolist(),
        remarks=[f"{name}: F1 {found.mean():.3f}" for name, found in scores.items()],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.effect >= 0.1 else "inconclusive"


def _folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], Float[Tensor, "seeds n"]]:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    truth = torch.as_tensor(classes == POSITIVE, dtype=torch.float32, device=device)
    folds, labels = [], []
    for seed in seeds:
        halves = train_test_split(range(len(classes)), test_size=0.5, stratify=classes, random_state=seed)
        train, test = (_few_positives(torch.tensor(half, device=device), truth) for half in halves)
        folds.append(Fold(features[train], truth[train].unsqueeze(1), {"test": features[test]}))
        labels.append(truth[test])
    return folds, torch.stack(labels)


def _few_positives(rows: Int[Tensor, "n"], truth: Float[Tensor, "all"]) -> Int[Tensor, "m"]:
    """The rows of a half, which was drawn at random, with only its first positives."""
    positive = truth[rows] > 0
    return torch.cat([rows[~positive], rows[positive][:KEPT]])


CLAIM = Claim(
    slug="dice-nlp",
    statement="Where positives are rare, training the soft Dice overlap gives a better F1 score than cross-entropy.",
    source="Li et al., ACL 2020, arXiv 1911.02855, abstract",
    rule=(
        "Holds: with 2.4 % positives, Dice over the whole batch gives a test F1 at least 10 points above that of "
        "cross-entropy, in the mean over the seeds. Does not hold: it is not above. Inconclusive: between, or fewer "
        "than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
