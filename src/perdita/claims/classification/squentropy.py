"""Squentropy against cross-entropy: accuracy on easy data, calibration where the network overfits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import perdita
from perdita.claims.digits import accuracy, digits, network, recipe
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.compare.verdict.class_metrics import reliability

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """Both settings; the effect is the accuracy gained on digits, in shares of 1.

    A, accuracy: `digits`, mini-batches. B, calibration under overfitting: a noisy synthetic task of five classes,
    full-batch gradient descent. The details hold both directions of both settings, and the standard deviation of the
    accuracy over ten initialisations on one split.
    """
    criteria = {"cross_entropy": perdita.CrossEntropy().to(device), "squentropy": perdita.Squentropy().to(device)}
    data = digits(seeds, device)
    trained = train_together(criteria, network, data.folds, recipe(short), seeds)
    easy = _measures(trained.outputs["test"], data.labels["test"])

    folds, labels = _overfitting_folds(seeds, device)
    training = Training(
        epochs=30 if short else 300, batch_size=None, optimizer="sgd", learning_rate=0.1, momentum=0.9, nesterov=True,
        weight_decay=0.0, schedule="constant",
    )  # fmt: skip
    trained = train_together(criteria, lambda: mlp((20,), 5, (64,)), folds, training, seeds)
    hard = _measures(trained.outputs["test"], labels)

    starts = range(2 if short else 10)
    fixed = digits([0], device)
    trained = train_together(criteria, network, fixed.folds * len(starts), recipe(short), starts)
    spread = accuracy(trained.outputs["test"], fixed.labels["test"]).std(1)
    return paired(
        easy["accuracy"][0].tolist(),
        easy["accuracy"][1].tolist(),
        overlap=1.0,  # halves of one data set
        arms=list(criteria),
        digits={name: values.tolist() for name, values in easy.items()},
        overfitting={name: values.tolist() for name, values in hard.items()},
        ece_lower=int((hard["ece"][1] < hard["ece"][0]).sum()),
        accuracy_std_over_initialisations=spread.tolist(),
        remarks=[
            _remark("digits, calibration error", easy["ece"]),
            _remark("overfitted task, calibration error", hard["ece"]),
            _remark("overfitted task, accuracy", hard["accuracy"].where(hard["ece"].isfinite(), torch.nan)),
            _remark("digits, standard deviation of the accuracy over initialisations", spread.unsqueeze(1)),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    share = evidence.details["ece_lower"] / evidence.n
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0 or share < 0.5:
        return "does not hold"
    return "holds" if share >= 0.8 else "inconclusive"


def _remark(what: str, values: Float[Tensor, "arms n"]) -> str:
    means, failed = values.nanmean(1).tolist(), values.isnan().sum(1).tolist()
    diverged = [f" ({count} of {values.shape[1]} diverged)" if count else "" for count in failed]
    return f"{what}: {means[0]:.4f}{diverged[0]} with cross-entropy, {means[1]:.4f}{diverged[1]} with squentropy"


def _measures(
    outputs: Float[Tensor, "arms seeds n c"], labels: Int[Tensor, "seeds n"]
) -> dict[str, Float[Tensor, "arms seeds"]]:
    errors = [
        [_calibration_error(probs, own) for probs, own in zip(arm.softmax(-1), labels, strict=True)] for arm in outputs
    ]
    return {"accuracy": accuracy(outputs, labels), "ece": torch.tensor(errors, dtype=torch.float64)}


def _calibration_error(probs: Float[Tensor, "n c"], labels: Int[Tensor, "n"], bins: int = 10) -> float:
    """Expected calibration error: the mean over the items of |confidence - accuracy| of the item's bin."""
    return sum(share * abs(confidence - right) for confidence, right, share in reliability(probs, labels, bins))


def _overfitting_folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], Int[Tensor, "seeds n"]]:
    from sklearn.datasets import make_classification
    from sklearn.model_selection import train_test_split

    folds, labels = [], []
    for seed in seeds:
        features, target = make_classification(
            1200, 20, n_informative=8, n_redundant=4, n_classes=5, class_sep=1.0, flip_y=0.05, random_state=seed
        )
        x, held_x, y, held_y = train_test_split(features, target, test_size=0.5, stratify=target, random_state=seed)
        numbers = [torch.as_tensor(part, dtype=torch.float32, device=device) for part in (x, held_x)]
        folds.append(Fold(numbers[0], torch.as_tensor(y, device=device), {"test": numbers[1]}))
        labels.append(torch.as_tensor(held_y, device=device))
    return folds, torch.stack(labels)


CLAIM = Claim(
    slug="squentropy",
    statement="With the same optimiser settings, squentropy is more accurate and better calibrated than cross-entropy.",
    source="Hui, Belkin, Wright, ICML 2023, arXiv 2302.03952, abstract",
    rule=(
        "Holds: on digits the mean accuracy gain over cross-entropy is above 0, and on an overfitted synthetic task "
        "the expected calibration error (10 bins) is lower in at least 4 of 5 seeds. Does not hold: the mean gain is "
        "not above 0, or the error is lower in fewer than half of the seeds. Inconclusive: between, or fewer than 5 "
        "seeds."
    ),
    run=run,
    verdict=verdict,
)
