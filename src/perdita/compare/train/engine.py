"""Training: every loss at every seed in one loop, the models of a loss's seeds stacked.

All arms see the same batches. The parameters of an arm's models are stacked, (seeds, …): one batched forward pass, the
loss of every seed and one batched backward pass for each arm, then one optimiser step for all of them. A model's
numbers do not depend on its neighbours: the sum of their losses has separate gradients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from perdita.compare.train.arm import CompoundLoss, arm_loss
from perdita.compare.train.dense import DenseArm, Workspace, is_dense
from perdita.compare.train.optimizer import ScheduledOptimizer
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float

    from perdita.compare.spec import Training

CHUNK = 1 << 24  # numbers in the largest activation of a prediction
STRETCH = 8  # batches that an arm trains on before the next arm does


@dataclass(frozen=True)
class Fold:
    """One seed's training tensors, and the features of each part to predict afterwards."""

    features: Float[Tensor, "n *f"]
    target: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
    order: Callable[[int, torch.Generator], Tensor] | None = None  # of n rows in an epoch; None: a permutation


@dataclass(frozen=True)
class Trained:
    """What training gave; the arms are in the order of the criteria."""

    outputs: dict[str, Float[Tensor, "arms seeds n k"]]
    curve: Float[Tensor, "arms seeds epochs"]  # mean training loss of each epoch
    seconds: dict[str, float]  # wall time of each arm at one seed: its own loss, and its share of the model
    states: dict[str, Tensor]  # trained parameters and buffers, each (arms, seeds, …)
    weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)  # compound's arm → term → (seeds, epochs)
    balance: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # compound's arm → report of each seed
    failures: dict[str, list[str]] = field(default_factory=dict)  # compound's arm → why each seed failed, or ""


def train_together(
    criteria: Mapping[str, nn.Module | Sequence[nn.Module]],
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
        criteria: arm's name → criterion, called as criterion(outputs (b, k), target (b, …)) for a scalar; or one for
            each seed, where what they learn starts from other numbers.
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
                _train({arm: own}, make_model, [fold], training, [seed], False, [rate], None)
                for own, fold, seed in zip(_of_each(criterion, len(seeds)), folds, seeds, strict=True)
            ]
            for (arm, criterion), rate in zip(criteria.items(), rates, strict=True)
        ]
    return _join(list(criteria), single)


def _of_each(criterion: nn.Module | Sequence[nn.Module], seeds: int) -> Sequence[nn.Module]:
    return [criterion] * seeds if isinstance(criterion, nn.Module) else criterion


def _train(
    criteria: Mapping[str, nn.Module | Sequence[nn.Module]],
    make_model: Callable[[], nn.Module],
    folds: Sequence[Fold],
    training: Training,
    seeds: Sequence[int],
    stacked: bool,
    learning_rates: Sequence[float],
    after_epoch: Callable[[int, Callable[[str], Tensor]], None] | None,
) -> Trained:
    base, arms = _initial(make_model, seeds, len(criteria), stacked)
    features = torch.stack([fold.features for fold in folds])  # (seeds, n, *f)
    target = torch.stack([fold.target for fold in folds])
    order = [torch.Generator().manual_seed(seed) for seed in seeds]
    n, rows = features.shape[1], torch.arange(len(seeds)).unsqueeze(1)
    batch = n if training.batch_size is None else min(training.batch_size, n)
    each = math.ceil(n / batch)  # steps of an epoch
    losses = [arm_loss(criterion, seeds, each) for criterion in criteria.values()]
    compounds = {name: loss for name, loss in zip(criteria, losses, strict=True) if isinstance(loss, CompoundLoss)}
    learnt = [arm.learnt for arm in arms], [loss.parameters for loss in losses]
    optimizer = ScheduledOptimizer(training, learnt[0], learning_rates, each * training.epochs, losses=learnt[1])
    curve = torch.zeros(len(arms), len(seeds), training.epochs)
    spent, started = [0.0] * len(arms), time.perf_counter()

    def predict(part: str) -> Tensor:
        given = torch.stack([fold.parts[part] for fold in folds])
        return torch.stack([_predict(arm, given) for arm in arms])

    for epoch in range(training.epochs):
        base.train()
        shuffled = torch.stack([_order(fold, n, generator) for fold, generator in zip(folds, order, strict=True)])
        for stretch in _stretches(range(0, n, batch)):
            chosen = [shuffled[:, start : start + batch] for start in stretch]
            batches = [(features[rows, own], target[rows, own]) for own in chosen]
            for index, (arm, loss) in enumerate(zip(arms, losses, strict=True)):
                begun = time.perf_counter()
                for step, (given, wanted) in enumerate(batches, start=epoch * each + stretch[0] // batch):
                    optimizer.zero_grad(index)
                    outputs = arm.outputs(given)
                    values = loss(outputs, wanted)
                    loss.backward(values)
                    arm.backward(outputs)
                    optimizer.step(index, step)
                    loss.step()
                    curve[index, :, epoch] += values.detach() * (wanted.shape[1] / n)
                spent[index] += time.perf_counter() - begun
        if after_epoch is not None:
            base.eval()
            after_epoch(epoch, predict)
    base.eval()
    outputs = {part: predict(part) for part in folds[0].parts}
    shared = (time.perf_counter() - started - sum(spent)) / len(arms)
    seconds = {name: (shared + own) / len(seeds) for name, own in zip(criteria, spent, strict=True)}
    held = [{**arm.parameters, **arm.buffers} for arm in arms]
    states = {name: torch.stack([state[name].detach() for state in held]) for name in held[0]}
    if not stacked:
        states = {name: tensor.unsqueeze(1) for name, tensor in states.items()}
    weights = {name: compound.weights(training.epochs) for name, compound in compounds.items()}
    balance = {name: [recorder.report() for recorder in compound.recorders] for name, compound in compounds.items()}
    failures = {name: compound.failures for name, compound in compounds.items()}
    return Trained(outputs, curve, seconds, states, weights, balance, failures)


def _stretches(starts: Sequence[int]) -> list[Sequence[int]]:
    """A few batches at a time: an arm goes through them alone, while its parameters are in the cache."""
    return [starts[first : first + STRETCH] for first in range(0, len(starts), STRETCH)]


def _order(fold: Fold, rows: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(rows, generator=generator) if fold.order is None else fold.order(rows, generator)


class _Models:
    """An arm's models, (seeds, …) parameters and buffers each, or the one model; autograd finds the gradients."""

    def __init__(
        self, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], forward: Callable[..., Tensor]
    ) -> None:
        self.parameters, self.buffers, self.forward = parameters, buffers, forward
        self.learnt = list(parameters.values())

    def outputs(self, features: Tensor) -> Tensor:
        """Outputs (seeds, b, k) on the models' own rows (seeds, b, *f)."""
        return self.forward(self.parameters, self.buffers, features)

    predict = outputs

    def backward(self, outputs: Tensor) -> None:
        """Nothing: the loss's backward pass has gone through the models."""


def _initial(
    make_model: Callable[[], nn.Module], seeds: Sequence[int], arms: int, stacked: bool
) -> tuple[nn.Module, list[_Models] | list[DenseArm]]:
    models = []
    for seed in seeds:
        torch.manual_seed(seed)
        models.append(make_model())
    torch.manual_seed(seeds[0])  # of what the models draw while they train (dropout)
    base = models[0]
    if not stacked:
        own = dict(base.named_parameters()), dict(base.named_buffers())
        return base, [_Models(*own, lambda parameters, buffers, features: base(features[0]).unsqueeze(0))]
    parameters, buffers = stack_module_state(models)
    if is_dense(base):
        held = {name: parameter.detach() for name, parameter in parameters.items()}
        workspace = Workspace(base, held)
        return base, [DenseArm(held, workspace) for _ in range(arms)]

    def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], features: Tensor) -> Tensor:
        return functional_call(base, {**parameters, **buffers}, (features,))

    def fresh(state: Mapping[str, Tensor], learnt: bool) -> dict[str, Tensor]:
        return {name: tensor.detach().clone().requires_grad_(learnt) for name, tensor in state.items()}

    over_seeds = vmap(one, randomness="different")
    return base, [_Models(fresh(parameters, True), fresh(buffers, False), over_seeds) for _ in range(arms)]


@torch.no_grad()
def _predict(arm: _Models | DenseArm, features: Tensor) -> Tensor:
    widest = max((parameter.shape[-2] for parameter in arm.parameters.values() if parameter.ndim > 1), default=1)
    rows = max(1, CHUNK // max(1, widest * len(features)))
    return torch.cat([arm.predict(chunk) for chunk in features.split(rows, dim=1)], dim=1)


def _join(arms: list[str], single: list[list[Trained]]) -> Trained:
    def grid(pick: Callable[[Trained], Tensor]) -> Tensor:
        return torch.cat([torch.cat([pick(trained) for trained in row], dim=1) for row in single])

    def in_turn(pick: Callable[[Trained], dict[str, list[Any]]]) -> dict[str, list[Any]]:
        rows = {arm: [pick(trained).get(arm) for trained in row] for arm, row in zip(arms, single, strict=True)}
        return {arm: [one for own in row for one in own] for arm, row in rows.items() if row[0] is not None}

    first = single[0][0]
    return Trained(
        {part: grid(lambda t, part=part: t.outputs[part]) for part in first.outputs},
        grid(lambda t: t.curve),
        {arm: sum(t.seconds[arm] for t in row) / len(row) for arm, row in zip(arms, single, strict=True)},
        {name: grid(lambda t, name=name: t.states[name]) for name in first.states},
        {
            arm: {term: torch.cat([t.weights[arm][term] for t in row]) for term in row[0].weights[arm]}
            for arm, row in zip(arms, single, strict=True)
            if arm in row[0].weights
        },
        in_turn(lambda t: t.balance),
        in_turn(lambda t: t.failures),
    )
