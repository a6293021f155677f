"""Plackett-Luce distillation: weights from the teacher against equal ones, and against cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor

import perdita.functional as P
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.taught import CLASSES, Noisy, WithTeacher, recipe, taught_digits
from perdita.compare.train.engine import train_together
from perdita.compare.train.models import mlp


def soft_targets(z: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """A tenth of cross-entropy and nine tenths of the teacher, at temperature 4."""
    return 0.1 * P.cross_entropy(z, y) + 0.9 * P.knowledge_distillation(z, t, temperature=4.0)


ARMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "cross-entropy": lambda z, t, y: P.cross_entropy(z, y),
    "soft targets": soft_targets,
    "equal weights": lambda z, t, y: P.plackett_luce_distillation(z, t, y, weights="uniform"),
    "teacher's weights": lambda z, t, y: P.plackett_luce_distillation(z, t, y),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy that the teacher's weights gain over equal ones, for a student 64-10-10."""
    data = taught_digits(seeds, device, short)
    criteria = {arm: WithTeacher(loss) for arm, loss in ARMS.items()}
    trained = train_together(criteria, lambda: Noisy(mlp((64,), CLASSES, (10,))), data.folds, recipe(short), seeds)
    right = dict(zip(ARMS, accuracy(trained.outputs["test"], data.labels["test"]), strict=True))
    means = {arm: own.mean().item() for arm, own in right.items()}
    return paired(
        right["equal weights"].tolist(),
        right["teacher's weights"].tolist(),
        overlap=1.0,  # halves of one data set
        means=means,
        accuracy={arm: own.tolist() for arm, own in right.items()},
        remarks=[f"{arm}: accuracy {means[arm]:.4f}, standard deviation {own.std():.4f}" for arm, own in right.items()],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    means = evidence.details["means"]
    lost = means["cross-entropy"] - means["teacher's weights"]
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0 or lost > 0.02:
        return "does not hold"
    return "holds" if evidence.effect >= 0.02 and lost <= 0.005 else "inconclusive"


CLAIM = Claim(
    slug="pld",
    statement=(
        "In the likelihood of a teacher's ranking, weights from the teacher's confidence are what matters, and no "
        "cross-entropy has to be mixed in."
    ),
    source="Bassam, Zhu, Bian, NeurIPS 2025, arXiv 2506.12542, tables 5 and 6",
    rule=(
        "Holds: on 400 digits, a student taught with the teacher's weights is at least 2 points more accurate than one "
        "with equal weights, and at most half a point less than one without a teacher (means). Does not hold: no gain "
        "over equal weights, or more than 2 points below cross-entropy. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
