"""A recurrent network under support vector machines against softmax: as published, and at equal learning rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita.functional as P
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.nn.support_vector import RecurrentSupportVector, SupportVectorHead

if TYPE_CHECKING:
    from jaxtyping import Float, Int

FEATURES, BINS = 21, 10
TRAIN, ROWS = 400, 569
RATE = 1e-3
RATES = {"svm": RATE, "softmax_tenth": RATE / 10, "softmax": RATE}


class ScoresAndPenalty(nn.Module):
    """Scores with the head's penalty as one more column, for a loss sees a model's outputs alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.network = RecurrentSupportVector(BINS, 2, width=width)

    def forward(self, sequence: Float[Tensor, "n t f"]) -> Float[Tensor, "n c+1"]:
        """(n, classes + 1)."""
        scores = self.network(sequence)
        return torch.cat([scores, self.network.head.penalty().expand(len(scores), 1)], 1)


class SupportVectorObjective(nn.Module):
    """The loss of the head, summed over the batch."""

    def forward(self, outputs: Float[Tensor, "n c+1"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        """From scores and penalty."""
        return outputs[:, -1].mean() + 0.5 * P.one_versus_all_hinge(outputs[:, :-1], target, reduction="sum")


class SoftmaxObjective(nn.Module):
    """Cross-entropy of the same scores, without penalty, as in the released baseline."""

    def forward(self, outputs: Float[Tensor, "n c+1"], target: Int[Tensor, "n"]) -> Float[Tensor, ""]:
        """From scores and penalty."""
        return P.cross_entropy(outputs[:, :-1], target)


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy under support vector machines minus that under softmax with a tenth of their rate.

    21 features of scikit-learn's breast cancer data, cut at the training deciles, are read as a sequence. The details
    hold the difference at equal learning rates too, and the accuracy of the released prediction rule.
    """
    training = Training(
        epochs=2 if short else 15, batch_size=64, optimizer="adam", learning_rate=RATE, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    folds, labels = _folds(seeds, device)
    criteria = {"svm": SupportVectorObjective(), "softmax_tenth": SoftmaxObjective(), "softmax": SoftmaxObjective()}
    rates = [RATES[arm] for arm in criteria]
    trained = train_together(
        criteria, lambda: ScoresAndPenalty(32).to(device), folds, training, seeds, learning_rates=rates
    )
    scores = trained.outputs["test"][..., :-1]
    found = {arm: own.tolist() for arm, own in zip(criteria, accuracy(scores, labels), strict=True)}
    by_sign = [
        (SupportVectorHead.predict(own, rule="sign") == held).double().mean().item()
        for own, held in zip(scores[0], labels, strict=True)
    ]
    overlap = (ROWS - TRAIN) / TRAIN
    equal = paired(found["softmax"], found["svm"], overlap)
    means = {arm: sum(own) / len(own) for arm, own in found.items()}
    return paired(
        found["softmax_tenth"],
        found["svm"],
        overlap,
        accuracy=found,
        equal_rates={"effect": equal.effect, "interval": list(equal.interval)},
        accuracy_by_sign=by_sign,
        remarks=[
            f"as published: {means['svm']:.4f} under support vector machines, {means['softmax_tenth']:.4f} under "
            "softmax with a tenth of the learning rate",
            f"at equal learning rates softmax has {means['softmax']:.4f}: the gain is {equal.effect:+.4f} "
            f"({equal.interval[0]:+.4f} to {equal.interval[1]:+.4f})",
            f"{sum(by_sign) / len(by_sign):.4f} with the released prediction rule, which compares signs alone",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.effect > 0.1 else "inconclusive"


def _folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], Int[Tensor, "seeds n"]]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    rows, classes = load_breast_cancer(return_X_y=True)
    numbers, target = torch.as_tensor(rows[:, :FEATURES]), torch.as_tensor(classes, device=device)
    cuts = torch.arange(1, BINS, dtype=torch.float64) / BINS
    folds, labels = [], []
    for seed in seeds:
        train, test = train_test_split(range(ROWS), train_size=TRAIN, stratify=classes, random_state=seed)
        edges = numbers[train].quantile(cuts, dim=0).T.contiguous()  # (features, 9)
        bins = torch.searchsorted(edges, numbers.T.contiguous()).T  # (rows, features)
        steps = nn.functional.one_hot(bins, BINS).float().to(device)
        folds.append(Fold(steps[train], target[train], {"test": steps[test]}))
        labels.append(target[test])
    return folds, torch.stack(labels)


CLAIM = Claim(
    slug="gru-svm",
    statement=(
        "A GRU under support vector machines is more accurate than one under softmax, with the published learning "
        "rates: ten times as high as for softmax."
    ),
    source="Agarap, ICMLC 2018, arXiv 1709.03082, and the results of its released code",
    rule=(
        "Holds: the mean accuracy under support vector machines is more than 0.1 above that under softmax with a tenth "
        "of the learning rate. Does not hold: it is not above. Inconclusive: between, or fewer than 5 seeds. The "
        "difference at equal learning rates, expected within 0.03 of none, is reported beside it: it tells what the "
        "loss does and what the rate."
    ),
    run=run,
    verdict=verdict,
)
