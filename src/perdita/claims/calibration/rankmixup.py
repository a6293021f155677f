"""RankMixup against mixup and cross-entropy: calibration on few digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import perdita.functional as P
from perdita.claims.digits import accuracy, digits
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.measures import calibration_error
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.training.mixup import mix

if TYPE_CHECKING:
    from jaxtyping import Float, Int

CLASSES, MIXTURES, ITEMS = 10, 3, 300
RECIPE = Training(
    epochs=60, batch_size=32, optimizer="sgd", learning_rate=0.05, momentum=0.9, weight_decay=0.0, schedule="constant"
)


class MixingNetwork(nn.Module):
    """64-256-10. In training it sees each batch plain and in three mixtures, and says what the mixtures were.

    The items' labels ride along behind their pixels, since a mixture mixes both. The outputs are (b, 1 + 3, 2 * 10):
    for the plain items and each mixture, the logits and the shares of the classes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = mlp((64,), CLASSES, (256,))

    def forward(self, rows: Float[Tensor, "b 74"]) -> Float[Tensor, "b 4 20"]:
        """Logits and class shares."""
        pixels, labels = rows[:, :64], rows[:, 64:]
        if not self.training:
            return torch.cat([self.body(pixels), labels], 1).unsqueeze(1)
        shares = torch.rand(3, MIXTURES, device=rows.device).sort(0).values[1]  # the middle of three is Beta(2, 2)
        partners = torch.rand(MIXTURES, len(rows), device=rows.device).argsort(1)
        mixed = mix(pixels, labels.argmax(1), CLASSES, shares=shares, partners=partners)
        logits = [self.body(pixels), *(self.body(one) for one in mixed.features.unbind(0))]
        target = torch.cat([labels.unsqueeze(2), mixed.target], 2).movedim(2, 1)
        return torch.cat([torch.stack(logits, 1), target], 2)


class OnMixtures(nn.Module):
    """A loss of plain logits, target, mixed logits (b, 10, m) and mixed target, on the network's outputs."""

    def __init__(self, loss: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Float[Tensor, "b 4 20"], target: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """The loss."""
        logits, shares = outputs[..., :CLASSES].movedim(2, 1), outputs[..., CLASSES:].movedim(2, 1)
        return self.loss(logits[..., 0], target, logits[..., 1:], shares[..., 1:])


ARMS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]] = {
    "cross_entropy": lambda z, y, mixed, shares: P.cross_entropy(z, y),
    "mixup": lambda z, y, mixed, shares: P.cross_entropy(mixed[..., 0], shares[..., 0].detach()),
    "margin": lambda z, y, mixed, shares: P.rank_mixup(z, y, mixed[..., :1], shares[..., :1], kind="margin"),
    "ndcg": lambda z, y, mixed, shares: P.rank_mixup(z, y, mixed, shares),
    "ndcg, weight 1": lambda z, y, mixed, shares: P.rank_mixup(z, y, mixed, shares, ranking_weight=1.0),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the calibration error of the NDCG ranking minus that of mixup; negative is better.

    300 digits of each training half; errors in 15 bins on the test half.
    """
    data = digits(seeds, device)
    folds = [_with_labels(fold) for fold in data.folds]
    criteria = {arm: OnMixtures(loss) for arm, loss in ARMS.items()}
    trained = train_together(criteria, MixingNetwork, folds, replace(RECIPE, epochs=3) if short else RECIPE, seeds)
    logits, labels = trained.outputs["test"][..., 0, :CLASSES], data.labels["test"]
    right = accuracy(logits, labels)
    errors = torch.tensor(
        [[calibration_error(p, own) for p, own in zip(arm.softmax(-1), labels, strict=True)] for arm in logits]
    )
    surprise = torch.stack(
        [torch.stack([P.cross_entropy(z, y) for z, y in zip(arm, labels, strict=True)]) for arm in logits]
    )
    by_arm = dict(zip(ARMS, errors.tolist(), strict=True))
    lower = sum(one < other for one, other in zip(by_arm["ndcg"], by_arm["mixup"], strict=True))
    means = {
        arm: {"accuracy": right[i].mean().item(), "ece": errors[i].mean().item(), "nll": surprise[i].mean().item()}
        for i, arm in enumerate(ARMS)
    }
    return paired(
        by_arm["mixup"],
        by_arm["ndcg"],
        overlap=1.0,  # halves of one data set
        lower_than_mixup=lower,
        means=means,
        ece=by_arm,
        accuracy=dict(zip(ARMS, right.tolist(), strict=True)),
        remarks=[
            f"{arm}: " + ", ".join(f"{name} {value:.4f}" for name, value in own.items()) for arm, own in means.items()
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    means = evidence.details["means"]
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect >= 0:
        return "does not hold"
    everywhere = evidence.details["lower_than_mixup"] == evidence.n
    return "holds" if everywhere and means["ndcg"]["ece"] <= means["cross_entropy"]["ece"] else "inconclusive"


def _with_labels(fold: Fold) -> Fold:
    labels = F.one_hot(fold.target[:ITEMS], CLASSES).to(fold.features.dtype)
    test = fold.parts["test"]
    parts = {"test": torch.cat([test, test.new_zeros(len(test), CLASSES)], 1)}
    return Fold(torch.cat([fold.features[:ITEMS], labels], 1), fold.target[:ITEMS], parts)


CLAIM = Claim(
    slug="rankmixup",
    statement="Ranking the confidences of mixtures calibrates better than training on their labels, as mixup does.",
    source="Noh, Park, Lee, Ham, ICCV 2023, arXiv 2308.11990, abstract",
    rule=(
        "Holds: on 300 digits, the calibration error (15 bins) of cross-entropy with the NDCG ranking is lower than "
        "that of mixup in every seed, and its mean is at most that of cross-entropy. Does not hold: its mean is not "
        "lower than that of mixup. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
