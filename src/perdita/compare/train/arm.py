"""One loss, or one compound of losses, on the stacked outputs of its models."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

if TYPE_CHECKING:
    from jaxtyping import Float


class CompoundLoss:
    """A compound over the seeds of its arm: a copy for each, since its weights move by the losses of its own seed."""

    def __init__(self, linked: nn.Module, seeds: int) -> None:
        self.copies = [deepcopy(linked) for _ in range(seeds)]
        self.parameters = [parameter for copy in self.copies for parameter in copy.parameters()]
        self.scored: list[Any] = []
        self.course: dict[str, list[list[float]]] = defaultdict(list)  # a term's weights, step by step: (steps, seeds)

    def __call__(self, outputs: Float[Tensor, "seeds b k"], target: Tensor) -> Float[Tensor, "seeds"]:
        """The total of each seed."""
        given = [copy.link(*pair) for copy, pair in zip(self.copies, zip(outputs, target, strict=True), strict=True)]
        self.scored = [copy.criterion.score(*pair) for copy, pair in zip(self.copies, given, strict=True)]
        return torch.stack([scored.total for scored in self.scored])

    def step(self) -> None:
        """Move every copy on by the optimiser step that was made."""
        records = [copy.criterion.step(scored) for copy, scored in zip(self.copies, self.scored, strict=True)]
        for name in records[0].weights:
            self.course[name].append([record.weights[name].item() for record in records])

    def weights(self, epochs: int) -> dict[str, Float[Tensor, "seeds epochs"]]:
        """The mean weight of each term in each epoch."""
        found = {name: torch.tensor(steps) for name, steps in self.course.items()}
        return {name: steps.unflatten(0, (epochs, -1)).mean(1).T for name, steps in found.items()}


def arm_loss(linked: nn.Module, seeds: int) -> StackedLoss | CompoundLoss:
    """A criterion over the seeds of its arm."""
    moves = hasattr(getattr(linked, "criterion", None), "score")
    return CompoundLoss(linked, seeds) if moves else StackedLoss(linked, seeds)


class StackedLoss:
    """A criterion over the seeds of its arm: all rows at once where each stands for itself, else one vmap where the
    loss allows it, else one seed after another."""

    def __init__(self, criterion: nn.Module, seeds: int) -> None:
        self.criterion = criterion
        state = {name: parameter.detach() for name, parameter in criterion.named_parameters()}
        self.state = {
            name: tensor.expand(seeds, *tensor.shape).clone().requires_grad_() for name, tensor in state.items()
        }
        self.parameters = list(self.state.values())
        self.path: Callable[[Tensor, Tensor], Tensor] | None = None

    def __call__(self, outputs: Float[Tensor, "seeds b k"], target: Tensor) -> Float[Tensor, "seeds"]:
        """The mean loss of each seed."""
        if self.path is None:
            self.path = self._choose(outputs.detach().requires_grad_(), target)
        return self.path(outputs, target)

    def _choose(self, outputs: Tensor, target: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
        """The fastest path that agrees with the plain one on the first batch."""
        plain = self._in_turn(outputs, target)
        expected = torch.autograd.grad(plain.sum(), outputs)[0] if plain.isfinite().all() else None
        card = getattr(self.criterion, "card", None)
        rowwise = card is not None and card.rowwise and not self.state and not list(self.criterion.buffers())
        for path in ([self._flat] if rowwise else []) + [self._together]:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "error"
                )  # a missing batching rule is a slow loop inside: the plain one is as good
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
