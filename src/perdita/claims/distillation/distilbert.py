"""DistilBERT's triple loss on characters: what each term and the start from the teacher's layers are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import perdita.functional as P
from perdita.claims.harness import Claim, Evidence, paired
from perdita.compare.spec import Training
from perdita.compare.train.engine import Fold, train_together
from perdita.losses.distillation.masked_language import distillation_terms
from perdita.training.student_initialisation import layer_subset

if TYPE_CHECKING:
    from jaxtyping import Float, Int

WINDOW, WIDTH, BATCH = 9, 64, 128
TEACHER_STEPS, STUDENT_STEPS, HELD_OUT = 1000, 200, 4000
KEPT = (0, 2)  # of the teacher's four blocks
RECIPE = Training(
    epochs=1, batch_size=BATCH, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, schedule="constant"
)


class Block(nn.Module):
    """A residual block of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden: Float[Tensor, "n h"]) -> Float[Tensor, "n h"]:
        """hidden + f(hidden)."""
        return hidden + self.narrow(F.relu(self.wide(hidden)))


class CharacterModel(nn.Module):
    """The masked centre of a window of characters: the outputs are its logits, then the last hidden state."""

    def __init__(self, characters: int, blocks: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters + 1, 16)  # and the mask
        self.read = nn.Linear(16 * WINDOW, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.head = nn.Linear(WIDTH, characters)

    def forward(self, window: Int[Tensor, "n w"]) -> Float[Tensor, "n o"]:
        """(n, characters + 64)."""
        hidden = self.read(self.embedding(window).flatten(1))
        for block in self.blocks:
            hidden = block(hidden)
        return torch.cat([self.head(hidden), hidden], 1)


@dataclass(frozen=True)
class Text:
    """Windows with their centre masked, and what stood there."""

    characters: int
    train: tuple[Int[Tensor, "n w"], Int[Tensor, "n"]]
    held: tuple[Int[Tensor, "m w"], Int[Tensor, "m"]]


def text() -> Text:
    """150,000 characters of Python's own help texts, the last tenth held out."""
    from pydoc_data.topics import topics

    letters = "\n".join(topics[name] for name in sorted(topics))[:150_000].lower()
    alphabet = {letter: index for index, letter in enumerate(sorted(set(letters)))}
    codes = torch.tensor([alphabet[letter] for letter in letters])
    windows = codes.unfold(0, WINDOW, 1).clone()
    centres = windows[:, WINDOW // 2].clone()
    windows[:, WINDOW // 2] = len(alphabet)
    cut = int(0.9 * len(windows))
    return Text(len(alphabet), (windows[:cut], centres[:cut]), (windows[cut:], centres[cut:]))


STARTED = {  # from the teacher's blocks: weights of the terms, teacher, label and cosine
    "all terms": (5.0, 2.0, 1.0),
    "without labels": (5.0, 0.0, 1.0),
    "without teacher": (0.0, 2.0, 1.0),
    "without cosine": (5.0, 2.0, 0.0),
    "labels alone": (0.0, 2.0, 0.0),
}
RANDOM = {"all terms, random start": (5.0, 2.0, 1.0), "labels alone, random start": (0.0, 2.0, 0.0)}


class TripleLoss(nn.Module):
    """The loss of outputs (b, o) on targets (b, 6), with each window as a sequence of one token.

    A target holds the label, the seed and the row of what the teacher says of the window, and the weights of the three
    terms, so that all students train together.
    """

    def __init__(self, teacher: Float[Tensor, "s n o"]) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, outputs: Float[Tensor, "b o"], target: Float[Tensor, "b 6"]) -> Float[Tensor, ""]:
        """The loss."""
        label, seed, row = target[:, :3].long().unbind(1)
        both = (one.unsqueeze(1).split([one.shape[1] - WIDTH, WIDTH], 2) for one in (outputs, self.teacher[seed, row]))
        (z, g), (t, h) = both
        terms = distillation_terms(z, t, label.unsqueeze(1), g, h)
        return (target[0, 3:] * torch.stack([terms[name] for name in ("teacher", "label", "cosine")])).sum()


def run(seeds: Sequence[int], device: str = "cpu", short: bool = False) -> Evidence:
    """The effect is the cross-entropy of the held-out characters that a random start costs, in nats."""
    written = text()
    steps = (TEACHER_STEPS // 50, STUDENT_STEPS // 10) if short else (TEACHER_STEPS, STUDENT_STEPS)
    folds, answers = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        windows, centres = (part.to(device) for part in written.train)
        mine = torch.randperm(len(windows), generator=generator)[: steps[0] * BATCH]
        seen = torch.randperm(len(windows), generator=generator)[: steps[1] * BATCH]
        held = torch.randperm(len(written.held[0]), generator=generator)[:HELD_OUT]
        parts = {"seen": windows[seen], "held": written.held[0][held].to(device)}
        folds.append(Fold(windows[mine], centres[mine], parts))
        answers.append((centres[seen], written.held[1][held].to(device)))

    def model(blocks: int) -> CharacterModel:
        return CharacterModel(written.characters, blocks).to(device)

    teacher = train_together({"teacher": _Labels()}, lambda: model(4), folds, RECIPE, seeds)
    states = [
        layer_subset({name: one[0, index] for name, one in teacher.states.items()}, "blocks", KEPT)
        for index in range(len(seeds))
    ]
    starts = iter(states * len(STARTED) + [None] * (len(seeds) * len(RANDOM)))

    def student() -> CharacterModel:  # called once for each arm and seed, in their order
        own, state = model(len(KEPT)), next(starts)
        if state is not None:
            own.load_state_dict(state)
        return own

    arms = STARTED | RANDOM
    taught = [
        Fold(fold.parts["seen"], _targets(labels, seed, weights), {"held": fold.parts["held"]})
        for weights in arms.values()
        for seed, (fold, (labels, _)) in enumerate(zip(folds, answers, strict=True))
    ]
    students = train_together(
        {"": TripleLoss(teacher.outputs["seen"][0])}, student, taught, RECIPE, list(seeds) * len(arms)
    )
    said = {"teacher": teacher.outputs["held"][0]}
    said |= dict(zip(arms, students.outputs["held"][0].unflatten(0, (len(arms), -1)), strict=True))
    surprise = {arm: [_surprise(o, a) for o, (_, a) in zip(own, answers, strict=True)] for arm, own in said.items()}
    means = {arm: sum(own) / len(own) for arm, own in surprise.items()}
    return paired(
        surprise["all terms"],
        surprise["all terms, random start"],
        means=means,
        cross_entropy=surprise,
        remarks=[f"{arm}: cross-entropy {mean:.3f}" for arm, mean in means.items()],
    )


def verdict(evidence: Evidence) -> str:
    """The rule of the claim."""
    means = evidence.details["means"]
    variants = [means[arm] for arm in STARTED if arm not in ("all terms", "labels alone")]
    if evidence.n < 5 or math.isnan(evidence.effect):
        return "inconclusive"
    if evidence.effect <= 0 or means["all terms, random start"] <= max(variants):
        return "does not hold"
    cheaper = abs(means["without labels"] - means["all terms"]) < evidence.effect
    return "holds" if evidence.effect > 0.5 and cheaper else "inconclusive"


def _targets(labels: Int[Tensor, "n"], seed: int, weights: tuple[float, ...]) -> Float[Tensor, "n 6"]:
    row = torch.arange(len(labels), device=labels.device)
    given = torch.tensor(weights, device=labels.device).expand(len(labels), -1)
    return torch.cat([torch.stack([labels, torch.full_like(row, seed), row], 1), given], 1)


class _Labels(nn.Module):
    """Cross-entropy of the logits among the outputs."""

    def forward(self, outputs: Float[Tensor, "b o"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        """The loss."""
        return P.cross_entropy(outputs[:, :-WIDTH], labels)


def _surprise(outputs: Float[Tensor, "n o"], labels: Int[Tensor, "n"]) -> float:
    return P.cross_entropy(outputs[:, :-WIDTH], labels).item()


CLAIM = Claim(
    slug="distilbert",
    statement=(
        "A distilled student depends most on starting from its teacher's layers: a random start costs more than "
        "leaving out a term of the triple loss, and the labels' term matters less."
    ),
    source="Sanh, Debut, Chaumond, Wolf, 2019, arXiv 1910.01108, table 4",
    rule=(
        "Holds: on characters, a random start costs more than 0.5 nats, is the worst of the variants (mean of the "
        "seeds), and costs more than leaving out the labels changes. Does not hold: it costs nothing, or leaving out "
        "one term is as bad. Inconclusive: between, or fewer than 5 seeds."
    ),
    run=run,
    verdict=verdict,
)
