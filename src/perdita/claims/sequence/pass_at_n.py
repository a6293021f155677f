"""Training for one attempt against training for many: what becomes of the chance that one of sixteen is right?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import perdita
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.judge.coverage import pass_at_n

if TYPE_CHECKING:
    from jaxtyping import Float, Int

ATTEMPTS = (1, 4, 16)
EARLY = 20  # steps after which cross-entropy is looked at first


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is pass@16 of DCO with N = 16 minus that of cross-entropy, after the last step.

    The digits as questions with ten answers: 100 images for training, 30 % of their labels replaced at random, all
    others for testing; full-batch Adam. pass@N is computed from the probability of the true answer.
    """
    folds, labels = _folds(seeds, device)
    steps = 25 if short else 200
    training = Training(
        epochs=steps, batch_size=None, optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant"
    )
    course: dict[int, Float[Tensor, "arms seeds n c"]] = {}

    def look(epoch: int, predict: Callable[[str], Tensor]) -> None:
        if (epoch + 1) % EARLY == 0 or epoch + 1 == steps:
            course[epoch + 1] = predict("test")

    train_together(
        {f"N={n}": perdita.DirectCoverage(attempts=float(n)).to(device) for n in ATTEMPTS},
        lambda: mlp((64,), 10, (128,)),
        folds,
        training,
        seeds,
        after_epoch=look,
    )
    passed = {n: {step: _passed(outputs, labels, n) for step, outputs in course.items()} for n in ATTEMPTS}
    last, first = max(course), min(course)
    confidence = course[last].softmax(-1).amax(-1).mean((1, 2))
    sixteen = {step: found.mean(1).tolist() for step, found in passed[16].items()}
    one = {step: found.mean(1).tolist() for step, found in passed[1].items()}
    many = ATTEMPTS.index(16)
    return paired(
        passed[16][last][0].tolist(),
        passed[16][last][many].tolist(),
        overlap=100 / 1697,
        early={"one": one[first][0], "sixteen": sixteen[first][0]},
        late={"one": one[last][0], "sixteen": sixteen[last][0]},
        best=max(means[many] for means in sixteen.values()),
        kept=sixteen[last][many],
        confidence=confidence.tolist(),
        accuracy=accuracy(course[last], labels).mean(1).tolist(),
        remarks=[
            f"cross-entropy from step {first} to {last}: pass@1 {one[first][0]:.3f} to {one[last][0]:.3f}, "
            f"pass@16 {sixteen[first][0]:.3f} to {sixteen[last][0]:.3f}",
            *(
                f"N = {n}: pass@1 {one[last][arm]:.3f}, pass@16 {sixteen[last][arm]:.3f}, "
                f"mean confidence {confidence[arm]:.3f}"
                for arm, n in enumerate(ATTEMPTS)
            ),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    found = evidence.details
    trades = found["late"]["sixteen"] < found["early"]["sixteen"] and found["late"]["one"] > found["early"]["one"]
    keeps = found["kept"] >= found["best"] - 0.01 and evidence.effect >= 0.05
    falling = all(low < high for high, low in zip(found["confidence"], found["confidence"][1:], strict=False))
    if trades and keeps and falling:
        return "holds"
    return "does not hold" if evidence.effect <= 0 or not (trades or falling) else "inconclusive"


def _passed(
    outputs: Float[Tensor, "arms seeds n c"], labels: Int[Tensor, "seeds n"], attempts: int
) -> Float[Tensor, "arms seeds"]:
    index = labels.expand(len(outputs), -1, -1).unsqueeze(-1)
    return pass_at_n(outputs.double().softmax(-1).gather(-1, index).squeeze(-1), attempts).mean(-1)


def _folds(seeds: Sequence[int], device: str) -> tuple[list[Fold], Int[Tensor, "seeds n"]]:
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    truth = torch.as_tensor(classes, device=device)
    folds, labels = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(truth), generator=generator)
        train, test = order[:100], order[100:]
        noisy = torch.rand(100, generator=generator) < 0.3
        drawn = torch.randint(10, (100,), generator=generator)
        target = torch.where(noisy.to(device), drawn.to(device), truth[train])
        folds.append(Fold(features[train], target, {"test": features[test]}))
        labels.append(truth[test])
    return folds, torch.stack(labels)


CLAIM = Claim(
    slug="pass-at-n",
    statement=(
        "Cross-entropy trades the chance of one right answer in many attempts for confidence; direct coverage "
        "optimization with the number of attempts keeps it."
    ),
    source="Chen et al., NeurIPS 2025, arXiv 2502.07154, abstract and Table 1",
    rule=(
        "Holds: on digits with noisy labels, (a) pass@16 of cross-entropy falls from step 20 to step 200 while its "
        "pass@1 rises, (b) with N = 16 the last pass@16 is within 1 point of its best and at least 5 points above "
        "cross-entropy's, and (c) mean confidence falls with N. Does not hold: pass@16 with N = 16 is not above "
        "cross-entropy's, or neither (a) nor (c). Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
