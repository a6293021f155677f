"""LegendreTron against multinomial logistic regression, on the same linear scores."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.losses.classification.legendre import LegendreLink

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CLASSES, PIXELS, FLIPPED = 10, 64, 0.2
PENALTY = 0.005  # times the sum of squares of all parameters; Adam's coupled decay is its gradient, 2 * PENALTY


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the test accuracy gained over logistic regression on clean labels.

    Digits, four fifths for training, a split for each seed. Both arms have a linear map to nine scores and the zero of
    the tenth class; the one has the softmax behind it, the other two convex gradient blocks and the softmax. The
    details hold the same with a fifth of the training labels flipped.
    """
    clean, labels = _folds(seeds, device, 0.0)
    flipped, _ = _folds(seeds, device, FLIPPED)
    first = clean[0].features

    def learned() -> nn.Module:
        scores, link = nn.Linear(PIXELS, CLASSES - 1), LegendreLink(CLASSES)
        link.fit(scores.cpu()(first.cpu()).detach())
        return nn.Sequential(scores, link).to(device)

    def logistic() -> nn.Module:
        return nn.Sequential(nn.Linear(PIXELS, CLASSES - 1), nn.ConstantPad1d((0, 1), 0.0)).to(device)

    def scored(make_model: Callable[[], nn.Module], folds: list[Fold]) -> Float[Tensor, "seeds"]:
        training = Training(
            epochs=2 if short else 25, batch_size=64, optimizer="adam", learning_rate=0.01, weight_decay=2 * PENALTY,
            schedule="constant",
        )  # fmt: skip
        criteria = {"cross_entropy": perdita.CrossEntropy().to(device)}
        trained = train_together(criteria, make_model, folds, training, seeds)
        values = accuracy(trained.outputs["test"], labels)[0]
        return values.masked_fill(~trained.outputs["test"][0].isfinite().all(-1).all(-1), math.nan)

    baseline, measured = scored(logistic, clean), scored(learned, clean)
    noisy = [scored(logistic, flipped), scored(learned, flipped)]
    return paired(
        baseline.tolist(),
        measured.tolist(),
        overlap=0.25,  # a fifth of one data set is tested
        noisy={"logistic": noisy[0].tolist(), "legendretron": noisy[1].tolist()},
        remarks=[
            f"clean labels: {baseline.mean():.4f} with logistic regression, {measured.mean():.4f} with a learned link",
            f"{FLIPPED:.0%} flipped labels: {noisy[0].mean():.4f} and {noisy[1].mean():.4f}",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0:
        return "does not hold"
    return "holds" if evidence.interval[0] > 0 else "inconclusive"


def _folds(seeds: Sequence[int], device: str, noise: float) -> tuple[list[Fold], Int[Tensor, "seeds n"]]:
    """A split of the digits for each seed; a share ``noise`` of the training labels becomes another class."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, classes = load_digits(return_X_y=True)
    features = torch.as_tensor(pixels / 16, dtype=torch.float32, device=device)
    target = torch.as_tensor(classes, device=device)
    folds, labels = [], []
    for seed in seeds:
        train, test = train_test_split(range(len(classes)), test_size=0.2, random_state=seed)
        generator = torch.Generator().manual_seed(seed)
        moved = torch.randint(1, CLASSES, (len(train),), generator=generator)
        flip = torch.rand(len(train), generator=generator) < noise
        own = (target[train] + torch.where(flip, moved, 0).to(device)) % CLASSES
        folds.append(Fold(features[train], own, {"test": features[test]}))
        labels.append(target[test])
    return folds, torch.stack(labels)


CLAIM = Claim(
    slug="legendretron",
    statement="A link that is learned with the scores is more accurate than the softmax of logistic regression.",
    source="Lam, Walder, Penev, Nock, ICML 2023, arXiv 2301.11695, abstract",
    rule=(
        "Holds: on digits with clean labels the mean accuracy of the learned link over the softmax, behind the same "
        "linear scores and under the same penalty, is above 0 and so is its 95 % interval. Does not hold: the mean "
        "gain is not above 0. Inconclusive: the interval reaches 0, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
