"""Answers to yes/no questions beside few labels, with the answers of other images as a control."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

import perdita
import perdita.functional as P
from perdita.claims.digits import accuracy, digits, network, recipe
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

CLASSES, ASPECTS, EACH = 10, 12, 5
RECIPE = Training(
    epochs=300, batch_size=None, optimizer="adam", learning_rate=3e-3, weight_decay=0.0, schedule="constant"
)


class WithAnswers(nn.Module):
    """The loss on targets (b, 1 + 2q): the label, the answers of the image, and those of another one."""

    def __init__(self, weight: float, shuffled: bool = False) -> None:
        super().__init__()
        self.weight, self.first = weight, 1 + ASPECTS if shuffled else 1

    def forward(self, outputs: Float[Tensor, "b o"], target: Float[Tensor, "b e"]) -> Float[Tensor, ""]:
        """The loss."""
        logits, aspects = outputs.split([CLASSES, ASPECTS], 1)
        answers = target[:, self.first : self.first + ASPECTS]
        return P.multi_aspect_distillation(logits, aspects, target[:, 0].long(), answers, aspect_weight=self.weight)


ARMS = {
    "labels alone": WithAnswers(0.0),
    "answers, weight 1": WithAnswers(1.0),
    "answers, weight 4": WithAnswers(4.0),
    "others' answers, weight 4": WithAnswers(4.0, shuffled=True),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the accuracy that answers with weight 4 add to five labels of each digit.

    In place of a language model, a network that knows the whole training half answers 12 random questions about the
    class: the probability of "yes" is what it gives to the classes for which the answer is yes.
    """
    data = digits(seeds, device)
    known = [replace(fold, parts={"train": fold.features}) for fold in data.folds]
    answering = train_together({"ce": perdita.CrossEntropy()}, network, known, recipe(short), seeds)
    folds = [
        _few(fold, logits.softmax(1), seed)
        for fold, logits, seed in zip(data.folds, answering.outputs["train"][0], seeds, strict=True)
    ]
    training = replace(RECIPE, epochs=20) if short else RECIPE
    trained = train_together(ARMS, lambda: mlp((64,), CLASSES + ASPECTS, (64,)), folds, training, seeds)
    right = dict(zip(ARMS, accuracy(trained.outputs["test"][..., :CLASSES], data.labels["test"]), strict=True))
    means = {arm: own.mean().item() for arm, own in right.items()}
    return paired(
        right["labels alone"].tolist(),
        right["answers, weight 4"].tolist(),
        overlap=1.0,  # halves of one data set
        means=means,
        accuracy={arm: own.tolist() for arm, own in right.items()},
        remarks=[f"{arm}: accuracy {means[arm]:.4f}, standard deviation {own.std():.4f}" for arm, own in right.items()],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    means = evidence.details["means"]
    control = means["others' answers, weight 4"]
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0 or control >= means["answers, weight 4"]:
        return "does not hold"
    return "holds" if control <= means["labels alone"] else "inconclusive"


def _few(fold: Fold, probs: Float[Tensor, "n c"], seed: int) -> Fold:
    """Five images of each class, with their label, their answers and another image's answers as targets."""
    generator = torch.Generator().manual_seed(seed)
    labels: Int[Tensor, "n"] = fold.target
    rows = torch.cat([(labels == digit).nonzero().flatten()[:EACH] for digit in range(CLASSES)])
    yes = torch.bernoulli(torch.full((CLASSES, ASPECTS), 0.5), generator=generator).to(probs)
    answers = (probs[rows] @ yes).clamp(0, 1)
    others = answers[torch.randperm(len(rows), generator=generator).to(rows.device)]
    return Fold(fold.features[rows], torch.cat([labels[rows].unsqueeze(1).to(answers), answers, others], 1), fold.parts)


CLAIM = Claim(
    slug="multi-aspect-kd",
    statement=(
        "Probabilities of yes to questions about each image, learnt beside its label, make a classifier more accurate, "
        "and because of what they say: answers that belong to other images do not."
    ),
    source="Lee, Bang, Kwon, Kim, CVPR 2025 workshop FGVC12, arXiv 2501.13341, abstract",
    rule=(
        "On 50 labelled digits, mean accuracy: Holds: answers with weight 4 beat labels alone, and other images' "
        "answers do not. Does not hold: no gain over labels alone, or none over other images' answers. Inconclusive: "
        "other images' answers help too, though less, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
