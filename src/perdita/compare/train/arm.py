"""One loss, or one compound of losses, on the stacked outputs of its models."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import deepcopy
from threading import Lock
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from perdita.compound import BalanceRecorder, gramian
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compound import Scored

_FILTERS = Lock()  # those of warnings are the process's: arms that train in threads change them one at a time


class CompoundLoss:
    """A compound over the seeds of its arm: a copy for each, since its weights move by the losses of its own seed.

    The outputs are where all terms meet: there their gradients are balanced and compared. A seed whose loss or
    gradients are no numbers any more is left as it is, with the reason; the others go on.
    """

    def __init__(self, linked: Sequence[nn.Module], seeds: Sequence[int], steps_per_epoch: int) -> None:
        self.copies = [_copy(own, seed) for own, seed in zip(linked, seeds, strict=True)]
        self.parameters = [parameter for copy in self.copies for parameter in copy.parameters()]
        compound = linked[0].criterion
        self.balances = compound.balancer is not None
        self.reads_gradients = compound.weighting.reads_gradients
        self.recorders = [BalanceRecorder(list(compound.terms), every=steps_per_epoch) for _ in seeds]
        self.failures = [""] * len(seeds)
        self.ends: list[Tensor] = []  # of the models: each seed's outputs, with the graph that leads to them
        self.outputs: list[Tensor] = []  # as the compound saw them: cut off, where it balances
        self.scored: list[Scored | None] = []
        self.grams: list[Tensor | None] = [None] * len(seeds)
        self.factors: list[dict[str, float]] = [{} for _ in seeds]  # what the balancer gave each term
        self.course: dict[str, list[list[float]]] = defaultdict(list)  # weights, times the balancer's: (steps, seeds)

    def __call__(self, outputs: Float[Tensor, "seeds b k"], target: Tensor) -> Float[Tensor, "seeds"]:
        """The total of each seed."""
        pairs = [copy.link(*pair) for copy, pair in zip(self.copies, zip(outputs, target, strict=True), strict=True)]
        self.outputs = [pair[0].detach().requires_grad_() if self.balances else pair[0] for pair in pairs]
        self.scored = [
            self._score(seed, own, wanted)
            for seed, (own, (_, wanted)) in enumerate(zip(self.outputs, pairs, strict=True))
        ]
        self.ends = [pair[0] for pair in pairs]
        lost = [own.sum() * math.nan for own in self.outputs]
        totals = [one if scored is None else scored.total for one, scored in zip(lost, self.scored, strict=True)]
        return torch.stack(totals)

    def backward(self, totals: Float[Tensor, "seeds"]) -> None:
        """Add gradients to the parameters, after a look at those of each term where the step is recorded."""
        for seed, (copy, scored, outputs) in enumerate(zip(self.copies, self.scored, self.outputs, strict=True)):
            due = self.reads_gradients or self.recorders[seed].due(copy.criterion.position)
            self.grams[seed] = gramian(scored.losses, outputs) if due and scored is not None else None
        if not self.balances:
            totals.sum().backward()
            return
        for seed, scored in enumerate(self.scored):
            self._balance(seed, scored)
        torch.autograd.backward(self.ends, [outputs.grad for outputs in self.outputs])

    def step(self) -> None:
        """Move every copy on by the optimiser step that was made."""
        weights = []
        for seed, (copy, scored, gram) in enumerate(zip(self.copies, self.scored, self.grams, strict=True)):
            record = None if scored is None else copy.criterion.step(scored, gram=gram)
            if record is not None:
                self.recorders[seed](record, gram)
            given = {} if record is None else record.weights
            weights.append({name: weight.item() * self.factors[seed].get(name, 1.0) for name, weight in given.items()})
        for name in dict.fromkeys(name for own in weights for name in own) or list(self.course):
            self.course[name].append([own.get(name, math.nan) for own in weights])

    def weights(self, epochs: int) -> dict[str, Float[Tensor, "seeds epochs"]]:
        """The mean weight of each term in each epoch."""
        found = {name: torch.tensor(steps) for name, steps in self.course.items()}
        return {name: steps.unflatten(0, (epochs, -1)).mean(1).T for name, steps in found.items()}

    def _score(self, seed: int, outputs: Tensor, target: Tensor) -> Scored | None:
        """A seed's score; None once it has failed. An error on finite outputs in the first step is the user's own."""
        if self.failures[seed]:
            return None
        try:
            return self.copies[seed].criterion.score(outputs, target)  # type: ignore[no-any-return]
        except InputError as error:
            if not self.course and outputs.isfinite().all():
                raise
            self.failures[seed] = str(error)
            return None

    def _balance(self, seed: int, scored: Scored | None) -> None:
        outputs = self.outputs[seed]
        outputs.grad = torch.zeros_like(outputs)
        try:
            if scored is not None:
                compound = self.copies[seed].criterion
                found = compound.backward(scored, shared=[outputs])
                self.factors[seed] = dict(zip(compound.terms, found.weights.tolist(), strict=True))
        except InputError as error:
            self.failures[seed] = str(error)
        if self.failures[seed]:
            outputs.grad.fill_(math.nan)


def _copy(linked: nn.Module, seed: int) -> nn.Module:
    """A seed's own copy of a compound: what it draws is that seed's too."""
    copy = deepcopy(linked)
    for module in copy.modules():
        generator = getattr(module, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(generator.initial_seed() + seed + 1)  # the first draw was made with the seed itself
    return copy


def arm_loss(
    linked: nn.Module | Sequence[nn.Module], seeds: Sequence[int], steps_per_epoch: int
) -> StackedLoss | CompoundLoss:
    """A criterion over the seeds of its arm, or one for each seed, which differ in what they learn alone."""
    each = [linked] * len(seeds) if isinstance(linked, nn.Module) else linked
    if hasattr(getattr(each[0], "criterion", None), "score"):
        return CompoundLoss(each, seeds, steps_per_epoch)
    return StackedLoss(each)


class StackedLoss:
    """A criterion over the seeds of its arm: all rows at once where each stands for itself, else one vmap where the
    loss allows it, else one seed after another."""

    def __init__(self, criteria: Sequence[nn.Module]) -> None:
        self.criterion = criteria[0]
        state = [dict(criterion.named_parameters()) for criterion in criteria]
        self.state = {name: torch.stack([own[name].detach() for own in state]).requires_grad_() for name in state[0]}
        self.parameters = list(self.state.values())
        self.path: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, outputs: Float[Tensor, "seeds b k"], target: Tensor) -> Float[Tensor, "seeds"]:
        """The mean loss of each seed."""
        if self.path is None:
            self.path = self._choose(outputs.detach().requires_grad_(), target)
        return self.path(outputs, target)

    def backward(self, totals: Float[Tensor, "seeds"]) -> None:
        """Add gradients to the parameters."""
        totals.sum().backward()

    def step(self) -> None:
        """Nothing moves but what the optimiser moves."""

    def _choose(self, outputs: Tensor, target: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """The fastest path that agrees with the plain one on the first batch."""
        plain = self._in_turn(outputs, target)
        expected = torch.autograd.grad(plain.sum(), outputs)[0] if plain.isfinite().all() else None
        card = getattr(self.criterion, "card", None)
        rowwise = card is not None and card.rowwise and not self.state and not list(self.criterion.buffers())
        for path in ([self._flat] if rowwise else []) + [self._together]:
            with _FILTERS, warnings.catch_warnings():
                warnings.simplefilter("error")  # a missing batching rule: a slow loop inside, and no faster than ours
                try:
                    values = path(outputs, target)
                    found = torch.autograd.grad(values.sum(), outputs)[0]
                except (RuntimeError, ValueError, TypeError, AttributeError, UserWarning):
                    continue
            if expected is None or (torch.allclose(values, plain) and torch.allclose(found, expected, atol=1e-6)):
                return path
        return self._in_turn

    def _flat(self, outputs: Tensor, target: Tensor) -> Tensor:
        options = self.criterion._call_options()
        values = self.criterion.per_example(outputs.flatten(0, 1), target.flatten(0, 1), **options)
        return values.view(outputs.shape[0], -1).mean(1)

    def _one(self, state: dict[str, Tensor], outputs: Tensor, target: Tensor) -> Tensor:
        return functional_call(self.criterion, state, (outputs, target)) if state else self.criterion(outputs, target)

    def _together(self, outputs: Tensor, target: Tensor) -> Tensor:
        return vmap(self._one, randomness="different")(self.state, outputs, target)

    def _in_turn(self, outputs: Tensor, target: Tensor) -> Tensor:
        values = []
        for seed in range(outputs.shape[0]):
            state = {name: tensor[seed] for name, tensor in self.state.items()}
            finite = outputs[seed].isfinite().all()  # a diverged model stays as it is; checks would raise on it
            values.append(self._one(state, outputs[seed], target[seed]) if finite else outputs[seed].sum() * math.nan)
        return torch.stack(values)
