"""Training: every loss at every seed as one stacked model.

The parameters of all models are stacked, (arms, seeds, …), and one step trains them all: one batched forward pass, the
value and gradient of each loss on its own models' outputs, one batched backward pass, one optimiser step. A model's
numbers do not depend on what its neighbours in the stack do: the sum of their losses has separate gradients.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compare.spec import Training

CHUNK = 1 << 24  # numbers in the largest activation of a prediction


@dataclass(frozen=True)
class Fold:
    """One seed's training tensors, and the features of each part to predict afterwards."""

    features: Float[Tensor, "n *f"]
    target: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Trained:
    """What training gave; the arms are in the order of the criteria."""

    outputs: dict[str, Float[Tensor, "arms seeds n k"]]
    curve: Float[Tensor, "arms seeds epochs"]  # mean training loss of each epoch
    seconds: dict[str, float]  # wall time of each arm at one seed: its own loss, and its share of the model
    states: dict[str, Tensor]  # trained parameters and buffers, each (arms, seeds, …)


def train_together(
    criteria: Mapping[str, nn.Module],
    make_model: Callable[[], nn.Module],
    folds: Sequence[Fold],
    training: Training,
    seeds: Sequence[int],
    *,
    stacked: bool = True,
    learning_rates: Sequence[float] | None = None,
    after_epoch: Callable[[int, Callable[[str], Tensor]], None] | None = None,
) -> Trained:
    """Train one model for each criterion and seed, all of them together.

    Args:
        criteria: arm's name → criterion, called as criterion(outputs (b, k), target (b, …)) for a scalar.
        make_model: called once for each seed, under that seed: every arm starts from the same weights.
        folds: one for each seed, of equal sizes.
        training: epochs, batch size, optimiser, schedule; the same for every arm.
        seeds: fix the initial weights and the order of the batches.
        stacked: False trains the models one after another (for models with batch norm, dropout or data-dependent code).
        learning_rates: one for each arm, instead of the training's.
        after_epoch: called with the epoch and a function from a part's name to the current outputs.

    Returns:
        Outputs on each part, training curves, seconds and the trained parameters.

    Raises:
        InputError: folds of different sizes, or as many folds as seeds are not given.
    """
    if len(folds) != len(seeds) or len({fold.features.shape for fold in folds}) != 1:
        raise InputError("train_together needs one fold for each seed, all of one size")
    rates = list(learning_rates or [training.learning_rate] * len(criteria))
    with torch.random.fork_rng(devices=[]):
        if stacked:
            return _train(criteria, make_model, folds, training, seeds, True, rates, after_epoch)
        single = [
            [
                _train({arm: criterion}, make_model, [fold], training, [seed], False, [rate], None)
                for fold, seed in zip(folds, seeds, strict=True)
            ]
            for (arm, criterion), rate in zip(criteria.items(), rates, strict=True)
        ]
    return _join(list(criteria), single)


def _train(
    criteria: Mapping[str, nn.Module],
    make_model: Callable[[], nn.Module],
    folds: Sequence[Fold],
    training: Training,
    seeds: Sequence[int],
    stacked: bool,
    learning_rates: Sequence[float],
    after_epoch: Callable[[int, Callable[[str], Tensor]], None] | None,
) -> Trained:
    arms = list(criteria)
    base, parameters, buffers = _initial(make_model, seeds, len(arms), stacked)
    forward = _forward(base, parameters, buffers, stacked)
    losses = [_Arm(criterion, len(seeds)) for criterion in criteria.values()]
    features = torch.stack([fold.features for fold in folds])  # (seeds, n, *f)
    target = torch.stack([fold.target for fold in folds])
    order = [torch.Generator().manual_seed(seed) for seed in seeds]
    n, rows = features.shape[1], torch.arange(len(seeds)).unsqueeze(1)
    batch = n if training.batch_size is None else min(training.batch_size, n)
    steps = math.ceil(n / batch)
    own = [parameter for loss in losses for parameter in loss.parameters]
    optimizer = _Optimizer(training, parameters, own, steps * training.epochs, learning_rates)
    curve = torch.zeros(len(arms), len(seeds), training.epochs)
    spent, started = [0.0] * len(arms), time.perf_counter()

    def predict(part: str) -> Tensor:
        return _predict(forward, torch.stack([fold.parts[part] for fold in folds]), parameters)

    for epoch in range(training.epochs):
        base.train()
        shuffled = torch.stack([torch.randperm(n, generator=generator) for generator in order])
        for start in range(0, n, batch):
            chosen = shuffled[:, start : start + batch]
            outputs = forward(features[rows, chosen])  # (arms, seeds, b, k)
            gradient = torch.empty_like(outputs)
            wanted = target[rows, chosen]
            optimizer.zero_grad()
            for index, loss in enumerate(losses):
                begun = time.perf_counter()
                values, gradient[index] = loss.value_and_gradient(outputs[index].detach(), wanted)
                curve[index, :, epoch] += values * (chosen.shape[1] / n)
                spent[index] += time.perf_counter() - begun
            outputs.backward(gradient)
            optimizer.step()
        if after_epoch is not None:
            base.eval()
            after_epoch(epoch, predict)
    base.eval()
    outputs = {part: predict(part) for part in folds[0].parts}
    shared = (time.perf_counter() - started - sum(spent)) / len(arms)
    seconds = {arm: (shared + own_time) / len(seeds) for arm, own_time in zip(arms, spent, strict=True)}
    states = {name: tensor.detach() for name, tensor in {**parameters, **buffers}.items()}
    if not stacked:
        states = {name: tensor[None, None] for name, tensor in states.items()}
    return Trained(outputs, curve, seconds, states)


class _Arm:
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

    def value_and_gradient(
        self, outputs: Float[Tensor, "seeds b k"], target: Tensor
    ) -> tuple[Float[Tensor, "seeds"], Float[Tensor, "seeds b k"]]:
        """The mean loss of each seed, and its gradient; those of the criterion's own parameters go to ``.grad``."""
        outputs = outputs.requires_grad_()
        if self.path is None:
            self.path = self._choose(outputs, target)
        values = self.path(outputs, target)
        (gradient, *own) = torch.autograd.grad(values.sum(), [outputs, *self.parameters])
        for parameter, its in zip(self.parameters, own, strict=True):
            parameter.grad = its
        return values.detach(), gradient

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


class _Optimizer:
    """A torch optimiser over stacked parameters, with a cosine or constant schedule, and a learning rate for each arm.

    Every update here is linear in the learning rate, so arms with rates of their own take a step at rate one and keep
    the share of it that their rate says.
    """

    def __init__(
        self, training: Training, model: dict[str, Tensor], own: list[Tensor], steps: int, rates: Sequence[float]
    ) -> None:
        self.model = list(model.values())
        self.rates = torch.tensor(rates) if len(set(rates)) > 1 else None
        rate = rates[0] if self.rates is None else 1.0
        groups: list[dict[str, Any]] = [{"params": self.model}]
        if own:  # the losses' own parameters
            groups.append({"params": own, "lr": training.learning_rate})
        shared = {"lr": rate, "weight_decay": training.weight_decay}
        if training.optimizer == "sgd":
            self.optimizer: torch.optim.Optimizer = torch.optim.SGD(
                groups, momentum=training.momentum, nesterov=training.nesterov, **shared
            )
        elif training.optimizer in ("adam", "adamw"):
            kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.Adam
            self.optimizer = kind(groups, fused=True, **shared)
        else:
            raise InputError(f"optimizer must be adamw, adam or sgd, not {training.optimizer!r}")
        if training.schedule not in ("cosine", "constant"):
            raise InputError(f"schedule must be cosine or constant, not {training.schedule!r}")
        cosine = training.schedule == "cosine"
        self.scale = [0.5 * (1 + math.cos(math.pi * step / steps)) if cosine else 1.0 for step in range(steps)]
        self.base = [group["lr"] for group in self.optimizer.param_groups]
        self.done = 0

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    @torch.no_grad()
    def step(self) -> None:
        scale = self.scale[self.done]
        self.done += 1
        for group, base in zip(self.optimizer.param_groups, self.base, strict=True):
            group["lr"] = base * scale
        if self.rates is None:
            self.optimizer.step()
            return
        self.optimizer.param_groups[0]["lr"] = 1.0
        before = [parameter.clone() for parameter in self.model]
        self.optimizer.step()
        for parameter, old in zip(self.model, before, strict=True):
            share = (self.rates * scale).view((-1,) + (1,) * (parameter.ndim - 1))
            parameter.copy_(old + share * (parameter - old))


def _initial(
    make_model: Callable[[], nn.Module], seeds: Sequence[int], arms: int, stacked: bool
) -> tuple[nn.Module, dict[str, Tensor], dict[str, Tensor]]:
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(make_model())
    torch.manual_seed(seeds[0])  # of what the models draw while they train (dropout)
    if not stacked:
        model = models[0]
        return model, dict(model.named_parameters()), dict(model.named_buffers())
    parameters, buffers = stack_module_state(models)

    def spread(tensor: Tensor) -> Tensor:
        return tensor.detach().expand(arms, *tensor.shape).clone()

    return (
        models[0],
        {name: spread(tensor).requires_grad_() for name, tensor in parameters.items()},
        {name: spread(tensor) for name, tensor in buffers.items()},
    )


def _forward(
    base: nn.Module, parameters: dict[str, Tensor], buffers: dict[str, Tensor], stacked: bool
) -> Callable[[Tensor], Tensor]:
    if not stacked:
        return lambda features: base(features[0])[None, None]

    def one(state: dict[str, Tensor], held: dict[str, Tensor], features: Tensor) -> Tensor:
        return functional_call(base, {**state, **held}, (features,))

    over_seeds = vmap(one, randomness="different")
    over_arms = vmap(over_seeds, in_dims=(0, 0, None), randomness="different")
    return lambda features: over_arms(parameters, buffers, features)


@torch.no_grad()
def _predict(forward: Callable[[Tensor], Tensor], features: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    widest = max(parameter.shape[-2] if parameter.ndim > 1 else 1 for parameter in parameters.values())
    models = next(iter(parameters.values())).shape[:2].numel() if parameters else 1
    rows = max(1, CHUNK // max(1, widest * models))
    return torch.cat([forward(chunk) for chunk in features.split(rows, dim=1)], dim=2)


def _join(arms: list[str], single: list[list[Trained]]) -> Trained:
    def grid(pick: Callable[[Trained], Tensor]) -> Tensor:
        return torch.cat([torch.cat([pick(trained) for trained in row], dim=1) for row in single])

    first = single[0][0]
    return Trained(
        {part: grid(lambda t, part=part: t.outputs[part]) for part in first.outputs},
        grid(lambda t: t.curve),
        {arm: sum(t.seconds[arm] for t in row) / len(row) for arm, row in zip(arms, single, strict=True)},
        {name: grid(lambda t, name=name: t.states[name]) for name in first.states},
    )
