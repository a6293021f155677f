"""What a compound's terms did to one another while a model trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from torch import Tensor

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compound.scored import StepRecord


class BalanceRecorder:
    """Records each term's loss, weight and gradient norm, and how far pairs of gradients agree.

    Call it with what `Compound.step` returned, and with the Gramian of the losses where gradients are wanted::

        gram = gramian(scored.losses, shared) if recorder.due(compound.position) else None
        scored.total.backward()
        optimizer.step()
        recorder(compound.step(scored), gram)

    Args:
        names: the compound's terms, in their order: ``list(compound.terms)``.
        every: steps from one record to the next.

    Raises:
        InputError: no names, or fewer than one step.
    """

    def __init__(self, names: Sequence[str], *, every: int = 1) -> None:
        if not names or every < 1:
            raise InputError(f"names must be at least one and every at least 1, not {len(names)} and {every}")
        self.names, self.every = list(names), every
        self.steps: list[int] = []
        self.losses: dict[str, list[float]] = {}
        self.weights: dict[str, list[float]] = {}
        self.grams: list[list[list[float]] | None] = []

    def due(self, position: int) -> bool:
        """Whether the step that comes after ``position`` steps is recorded."""
        return position % self.every == 0

    def __call__(self, step: StepRecord, gram: Float[Tensor, "k k"] | None = None) -> None:
        """Record a step if it is due. Raises `InputError` for a Gramian of another number of losses."""
        if not self.due(step.number - 1):
            return
        if gram is not None and gram.shape != (len(self.names),) * 2:
            raise InputError(f"gram must be of the {len(self.names)} terms, not of shape {tuple(gram.shape)}")
        for kept, found in ((self.losses, step.parts), (self.weights, step.weights)):
            for name, value in found.items():
                column = kept.setdefault(name, [])
                column += [math.nan] * (len(self.steps) - len(column)) + [float(value)]  # absent until now
        self.steps.append(step.number)
        self.grams.append(None if gram is None else gram.detach().tolist())

    def report(self) -> dict[str, Any]:
        """Plain data: lists with one number for each recorded step; None where there is none.

        ``gradient_norm`` is of a term's loss; ``gradient_share`` is of weight times norm among all terms. A pair
        conflicts where the cosine of its gradients is below 0; ``conflict_rate`` is the share of such steps.
        """
        norms = [
            None if gram is None else [math.sqrt(max(gram[i][i], 0.0)) for i in self._places] for gram in self.grams
        ]
        shares = [self._shares(at, own) for at, own in enumerate(norms)]
        pairs = {f"{self.names[i]}, {self.names[j]}": (i, j) for i, j in combinations(self._places, 2)}
        cosines = {label: [_cosine(gram, i, j) for gram in self.grams] for label, (i, j) in pairs.items()}
        return {
            "steps": list(self.steps),
            "loss": {name: self._padded(column) for name, column in self.losses.items()},
            "weight": {name: self._padded(column) for name, column in self.weights.items()},
            "gradient_norm": {name: [own and own[i] for own in norms] for i, name in enumerate(self.names)},
            "gradient_share": {name: [own and own[i] for own in shares] for i, name in enumerate(self.names)},
            "cosine": cosines,
            "conflict_rate": {label: _rate(values) for label, values in cosines.items()},
        }

    @property
    def _places(self) -> range:
        return range(len(self.names))

    def _padded(self, column: list[float]) -> list[float | None]:
        missing = len(self.steps) - len(column)
        return [value if math.isfinite(value) else None for value in column] + [None] * missing

    def _shares(self, at: int, norms: list[float] | None) -> list[float] | None:
        if norms is None:
            return None
        sizes = [abs(self.weights[name][at]) * norm for name, norm in zip(self.names, norms, strict=True)]
        total = sum(sizes)
        return [size / total if total > 0 else 0.0 for size in sizes]


def _cosine(gram: list[list[float]] | None, i: int, j: int) -> float | None:
    """None where a gradient is zero, or there is no Gramian."""
    if gram is None or not gram[i][i] > 0 or not gram[j][j] > 0:
        return None
    return gram[i][j] / math.sqrt(gram[i][i] * gram[j][j])


def _rate(cosines: Sequence[float | None]) -> float | None:
    known = [value for value in cosines if value is not None]
    return sum(value < 0 for value in known) / len(known) if known else None
