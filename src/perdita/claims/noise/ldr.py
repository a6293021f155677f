"""Label-robust losses under 60 % uniform label noise, and what they cost on clean labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import perdita
from perdita.claims.digits import RECIPE, Digits, accuracy, digits, network
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.train.engine import Fold, train_together

if TYPE_CHECKING:
    from jaxtyping import Float, Int

NOISE, CLOSE = 0.6, 0.01
STARTS = (0.1, 1.0, 10.0)  # first temperatures of the adaptive loss


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy gained over cross-entropy at 60 % noise by the loss that validation data chose.

    Digits; a fifth of the training half, with noise like the rest, is held back for choosing. The adaptive loss keeps
    one temperature for each training example; the first batch of all moves its temperatures twice.
    """
    clean, noisy = (_trained(seeds, device, noise, 4 if short else 60) for noise in (0.0, NOISE))
    adaptive = [arm for arm in clean["test"] if arm.startswith("aldr")]
    chosen_clean = _best(clean["validation"], adaptive)
    chosen = _best(noisy["validation"], [*adaptive, "ldr"])
    cost = clean["test"]["cross_entropy"].mean() - clean["test"][chosen_clean].mean()
    return paired(
        noisy["test"]["cross_entropy"].tolist(),
        noisy["test"][chosen].tolist(),
        overlap=1.0,  # halves of one data set
        chosen=chosen,
        chosen_clean=chosen_clean,
        clean_cost=float(cost),
        clean={arm: values.tolist() for arm, values in clean["test"].items()},
        noisy={arm: values.tolist() for arm, values in noisy["test"].items()},
        remarks=[
            f"{chosen} was chosen under noise, {chosen_clean} on clean labels, where it costs {cost:.4f}",
            *(
                f"{what}: " + ", ".join(f"{arm} {values.mean():.3f}" for arm, values in found["test"].items())
                for what, found in (("clean labels", clean), ("60 % noise", noisy))
            ),
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    cost = evidence.details["clean_cost"]
    if evidence.n < 5 or math.isnan(evidence.effect) or math.isnan(cost):
        return "inconclusive"
    if evidence.effect < 0:
        return "does not hold"
    return "holds" if cost <= CLOSE else "inconclusive"


class OfExamples(nn.Module):
    """A criterion on targets that carry the example's number beside the label; a state is moved after each call."""

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(self, logits: Float[Tensor, "n c"], target: Int[Tensor, "n 2"]) -> Tensor:
        label, index = target.unbind(-1)
        if not isinstance(self.criterion, perdita.AldrKl):
            return self.criterion(logits, label)
        value = self.criterion(logits, label, index)
        self.criterion.remember(logits, index)
        return value


def _trained(
    seeds: Sequence[int], device: str, noise: float, epochs: int
) -> dict[str, dict[str, Float[Tensor, "seeds"]]]:
    """Part → arm → accuracy of each seed; the labels of the test part are clean, all others noisy."""
    data = _with_noise(digits(seeds, device, validation=0.2), seeds, noise)
    criteria: dict[str, nn.Module] = {
        "cross_entropy": perdita.CrossEntropy(),
        "ldr": perdita.LdrKl(temperature=10.0, normalize="softplus"),
    }
    size = len(data.folds) * len(data.folds[0].target)
    criteria |= {f"aldr {start:g}": perdita.AldrKl(examples=size, temperature=start) for start in STARTS}
    arms = {name: OfExamples(criterion).to(device) for name, criterion in criteria.items()}
    training = replace(RECIPE, epochs=epochs, learning_rate=0.01, weight_decay=5e-3)
    trained = train_together(arms, network, data.folds, training, seeds)
    found = {part: accuracy(trained.outputs[part], labels) for part, labels in data.labels.items()}
    return {part: dict(zip(arms, values, strict=True)) for part, values in found.items()}


def _with_noise(data: Digits, seeds: Sequence[int], noise: float) -> Digits:
    """Each label replaced by a uniform class with probability ``noise``, but those of the test part."""
    folds, labels = [], []
    for place, (seed, fold) in enumerate(zip(seeds, data.folds, strict=True)):
        generator = torch.Generator().manual_seed(seed)
        n = len(fold.target)
        numbers = torch.arange(place * n, (place + 1) * n, device=fold.target.device)
        target = torch.stack([_noisy(fold.target, noise, generator), numbers], 1)
        folds.append(Fold(fold.features, target, fold.parts))
        labels.append(_noisy(data.labels["validation"][place], noise, generator))
    return Digits(folds, {**data.labels, "validation": torch.stack(labels)})


def _noisy(labels: Int[Tensor, "n"], noise: float, generator: torch.Generator) -> Int[Tensor, "n"]:
    drawn = torch.randint(10, labels.shape, generator=generator).to(labels.device)
    return torch.where((torch.rand(labels.shape, generator=generator) < noise).to(labels.device), drawn, labels)


def _best(scores: dict[str, Tensor], arms: Sequence[str]) -> str:
    return max(arms, key=lambda arm: float(scores[arm].mean()))


CLAIM = Claim(
    slug="ldr",
    statement=(
        "Losses that take the worst case over label distributions withstand 60 % uniform label noise at least as well "
        "as cross-entropy, and the adaptive one loses nothing on clean labels."
    ),
    source="Zhu, Ying, Yang, ICML 2023, arXiv 2112.14869, abstract and experiments",
    rule=(
        "Holds: on digits with 60 % uniform noise the label-robust loss that noisy validation labels choose is on "
        "average at least as accurate as cross-entropy, and on clean labels the adaptive loss with a chosen first "
        "temperature is within 0.01 of it. Does not hold: less accurate under noise. Inconclusive: as accurate under "
        "noise but worse than that on clean labels, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
