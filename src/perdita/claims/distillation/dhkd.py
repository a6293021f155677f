"""Dual-head distillation: do gradients of labels and teacher conflict more in the classifier than in the backbone?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

import perdita.functional as P
from perdita.claims.digits import accuracy
from perdita.claims.harness import Claim, Evidence, paired
from perdita.claims.taught import CLASSES, Noisy, WithTeacher, recipe, taught_digits
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.compare.train.models import mlp
from perdita.nn.auxiliary_head import DualHead

if TYPE_CHECKING:
    from jaxtyping import Float

EARLY, LATE = 30, 300  # steps
FULL_BATCH = Training(
    epochs=LATE, batch_size=None, optimizer="sgd", learning_rate=0.1, momentum=0.0, weight_decay=0.0,
    schedule="constant",
)  # fmt: skip


class TwoHeads(nn.Module):
    """64-10 and two heads beside each other: the outputs are (b, 2 * 10), main and auxiliary."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.heads = nn.Linear(64, 10), DualHead(10, CLASSES)

    def forward(self, pixels: Float[Tensor, "b 64"]) -> Float[Tensor, "b 20"]:
        """Logits of both heads."""
        return torch.cat(self.heads(F.relu(self.body(pixels))), 1)


def main(outputs: Float[Tensor, "b 20"]) -> Float[Tensor, "b 10"]:
    """The logits of the head that predicts."""
    return outputs[..., :CLASSES]


def on_one_head(z: Tensor, t: Tensor, y: Tensor) -> Tensor:
    """Labels and teacher on the same logits."""
    return P.cross_entropy(z, y) + P.binary_kl(z, t)


ARMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "labels": lambda z, t, y: P.cross_entropy(main(z), y),
    "teacher": lambda z, t, y: P.binary_kl(main(z), t),
    "one head": lambda z, t, y: on_one_head(main(z), t, y),
    "two heads": lambda z, t, y: P.dual_head_distillation(main(z), z[..., CLASSES:], t, y),
}


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the cosine of both gradients in the classifier minus that in the backbone, after training.

    A student 64-32-32-10 with one head learns labels and teacher together by full-batch descent; the gradients are
    taken early and at the end. The accuracies of a student 64-10-10 with one or two heads are in the details.
    """
    data = taught_digits(seeds, device, short)
    criteria = {arm: WithTeacher(loss) for arm, loss in ARMS.items()}
    trained = train_together(criteria, lambda: Noisy(TwoHeads()), data.folds, recipe(short), seeds)
    right = dict(zip(ARMS, accuracy(main(trained.outputs["test"]), data.labels["test"]), strict=True))

    cosines = {
        steps: _cosines(data.folds, replace(FULL_BATCH, epochs=steps // 10 if short else steps), seeds)
        for steps in (EARLY, LATE)
    }
    late = cosines[LATE]
    return paired(
        late["backbone"],
        late["classifier"],
        overlap=1.0,  # halves of one data set
        cosines={f"after {steps} steps": own for steps, own in cosines.items()},
        lower=sum(one < other for one, other in zip(late["classifier"], late["backbone"], strict=True)),
        accuracy={arm: own.tolist() for arm, own in right.items()},
        remarks=[
            *(f"after {steps} steps, cosine in the {part}: {sum(own) / len(own):.3f}"
              for steps, parts in cosines.items() for part, own in parts.items()),
            *(f"{arm}: accuracy {own.mean():.4f}" for arm, own in right.items()),
        ],
    )  # fmt: skip


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect >= 0 or evidence.measured >= 0:
        return "does not hold"
    return "holds" if evidence.details["lower"] >= 0.8 * evidence.n else "inconclusive"


def _cosines(folds: Sequence[Fold], training: Training, seeds: Sequence[int]) -> dict[str, list[float]]:
    """Cosine of the gradients of both losses at the end of a training on their sum, for each seed."""

    def student() -> nn.Module:
        return mlp((64,), CLASSES, (32, 32))

    trained = train_together({"both": WithTeacher(on_one_head)}, student, folds, training, seeds)
    model = student()
    last = [name for name, _ in model.named_children()][-1]
    found: dict[str, list[float]] = {"backbone": [], "classifier": []}
    for index, fold in enumerate(folds):
        state = {name: tensor[0, index].requires_grad_() for name, tensor in trained.states.items()}
        gradients = [_gradient(model, state, loss, fold) for loss in (ARMS["labels"], ARMS["teacher"])]
        for part, own in found.items():
            names = [name for name in state if name.startswith(f"{last}.") is (part == "classifier")]
            flat = [torch.cat([gradient[name].flatten() for name in names]) for gradient in gradients]
            own.append(F.cosine_similarity(*flat, dim=0).item())
    return found


def _gradient(
    model: nn.Module, state: Mapping[str, Tensor], loss: Callable[[Tensor, Tensor, Tensor], Tensor], fold: Fold
) -> dict[str, Tensor]:
    value = WithTeacher(loss)(functional_call(model, dict(state), (fold.features,)), fold.target)
    return dict(zip(state, torch.autograd.grad(value, list(state.values())), strict=True))


CLAIM = Claim(
    slug="dhkd",
    statement=(
        "On one linear head, the gradients of labels and of a teacher's logits come to oppose each other, more than in "
        "the backbone: each needs a head of its own."
    ),
    source="Yang, Zong, Huang, Feng, An, KDD 2025, arXiv 2411.08937, the analysis behind the dual head",
    rule=(
        "Holds: at the end of training, the mean cosine between both gradients is negative in the classifier and below "
        "that in the backbone, and lower there in at least 4 of 5 seeds. Does not hold: either mean is not. "
        "Inconclusive: lower in fewer seeds, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
