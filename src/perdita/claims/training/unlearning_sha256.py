"""Forgetting one fifth of a memory of facts: a retain weight that grows, against a fixed one and against none."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import perdita
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.training.unlearning import freeze_except, unlearn

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

SUBJECTS, RELATIONS, OBJECTS = 50, 10, 40
FACTS, FORGOTTEN, BATCH = 200, 40, 24
ARMS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {  # name: (layers that are trained, weight of the retained)
    "ascent": ((0,), {"retain": 0.0}),
    "fixed": ((0,), {"retain": 1.0}),
    "adaptive": ((0,), {}),
    "adaptive, all layers": ((0, 1), {}),
    "adaptive, upper layer": ((1,), {}),
}


class Block(nn.Module):
    """A layer of the memory."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(into, 128), nn.ReLU(), nn.Linear(128, out))

    def forward(self, x: Float[Tensor, "b d"]) -> Float[Tensor, "b e"]:
        """Through two linear maps."""
        return self.mlp(x)


class FactMemory(nn.Module):
    """A language model of sentences of three words, subject, relation, object, that knows only the last."""

    def __init__(self) -> None:
        super().__init__()
        self.subject, self.relation = nn.Embedding(SUBJECTS, 32), nn.Embedding(RELATIONS, 32)
        self.layers = nn.ModuleList([Block(64, 128), Block(128, OBJECTS)])

    def forward(self, ids: Int[Tensor, "b t"]) -> Float[Tensor, "b 3 v"]:
        """The same logits, those of the object, at every place."""
        x = torch.cat([self.subject(ids[:, 0]), self.relation(ids[:, 1])], 1)
        return self.layers[1](self.layers[0](x).relu()).unsqueeze(1).expand(-1, 3, -1)


class Recall(nn.Module):
    """The memory as a classifier, as which it is taught."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = FactMemory()

    def forward(self, ids: Int[Tensor, "b t"]) -> Float[Tensor, "b v"]:
        """Logits of the object."""
        return self.memory(ids)[:, 1]


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is what the adaptive weight gains over the fixed one in retain accuracy minus forget accuracy.

    A perceptron with a lower and an upper block learns 200 random facts and is then to forget 40 of them, in eight
    epochs of batches of 24 facts, training one block or both.
    """
    memories = [_facts(seed, device) for seed in seeds]
    training = Training(
        epochs=30 if short else 60, batch_size=50, optimizer="adam", learning_rate=3e-3, weight_decay=0.0,
        schedule="constant",
    )  # fmt: skip
    folds = [Fold(facts[:, :2], facts[:, 2], {"test": facts[:, :2]}) for facts in memories]
    taught = train_together({"taught": perdita.CrossEntropy()}, Recall, folds, training, seeds)
    known = (taught.outputs["test"][0].argmax(-1) == torch.stack(memories)[:, :, 2]).double().mean(1)

    accuracy: dict[str, list[tuple[float, float]]] = {name: [] for name in ARMS}
    for number, facts in enumerate(memories):
        factor = torch.where(torch.arange(FACTS, device=device) < FORGOTTEN, -1, 1)
        order = torch.randperm(FACTS, generator=torch.Generator().manual_seed(seeds[number])).to(device)
        labels = torch.cat([torch.full_like(facts[:, :2], -100), facts[:, 2:]], 1)
        batches = [(facts[rows], labels[rows], factor[rows]) for rows in order.split(BATCH)]
        for name, (layers, weighing) in ARMS.items():
            model = Recall().to(device)
            model.load_state_dict({key: state[0, number] for key, state in taught.states.items()})
            freeze_except(model, layers)
            unlearn(model.memory, batches, epochs=2 if short else 8, learning_rate=1e-3, **weighing)
            with torch.no_grad():
                right = (model(facts).argmax(1) == facts[:, 2]).double()
            accuracy[name].append((right[:FORGOTTEN].mean().item(), right[FORGOTTEN:].mean().item()))
    gap = {name: [retain - forget for forget, retain in pairs] for name, pairs in accuracy.items()}
    means = {name: [statistics.fmean(one) for one in zip(*pairs, strict=True)] for name, pairs in accuracy.items()}
    return paired(
        gap["fixed"],
        gap["adaptive"],
        gap={name: statistics.fmean(own) for name, own in gap.items()},
        means=means,
        known=known.tolist(),
        remarks=[
            f"before: accuracy {known.mean():.3f}",
            *(f"{name}: forgotten {forget:.3f}, retained {retain:.3f}" for name, (forget, retain) in means.items()),
            "that lower layers are special cannot show: a perceptron has no reason to store facts there",
        ],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    gap = evidence.details["gap"]
    gains = [gap["adaptive"] - gap[name] for name in ("ascent", "fixed")]
    if evidence.n < 5 or any(math.isnan(gain) for gain in gains):
        return "inconclusive"
    if min(gains) >= 0.1:
        return "holds"
    return "does not hold" if min(gains) <= 0 else "inconclusive"


def _facts(seed: int, device: str) -> Int[Tensor, "n 3"]:
    """Distinct pairs of a subject and a relation, each with an object drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.randperm(SUBJECTS * RELATIONS, generator=generator)[:FACTS]
    objects = torch.randint(OBJECTS, (FACTS,), generator=generator)
    return torch.stack([pairs // RELATIONS, pairs % RELATIONS, objects], 1).to(device)


CLAIM = Claim(
    slug="unlearning-sha256",
    statement=(
        "Raising the loss of the facts to forget while a weight that grows with the loss of the others protects them "
        "forgets selectively, where ascent alone and a fixed weight do not."
    ),
    source="Agrawal, Huang, SemEval 2025, arXiv 2504.12996, abstract and results of the 1B track",
    rule=(
        "Retain accuracy minus forget accuracy of a memory of 200 facts, the lower block trained: Holds: with the "
        "adaptive weight it is on average at least 0.1 above ascent alone and at least 0.1 above a fixed weight of 1. "
        "Does not hold: it is not above one of them. Inconclusive: between, or fewer than 5 seeds. That lower layers "
        "are the right ones is not judged."
    ),
    run=run,
    verdict=verdict,
)
