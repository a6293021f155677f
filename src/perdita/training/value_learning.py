"""Learn action values from stored transitions, whatever loss turns a target into a step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.core.numerics import pick

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@component("hl-gauss")
@dataclass(frozen=True)
class Transitions:
    """Steps of an agent: in a state it took an action, got a reward and came to the next state, or the end (done)."""

    state: Float[Tensor, "m *s"]
    action: Int[Tensor, "m"]
    reward: Float[Tensor, "m"]
    next_state: Float[Tensor, "m *s"]
    done: Bool[Tensor, "m"]

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in ("state", "action", "reward", "next_state", "done")}
        if len(set(sizes.values())) != 1 or not len(self.state):
            raise InputError(f"transitions must hold the same number of steps, at least one, but hold {sizes}")


@component("hl-gauss")
def learn_action_values(
    network: nn.Module,
    transitions: Transitions,
    criterion: Callable[[Tensor, Tensor], Tensor],
    *,
    decode: Callable[[Tensor], Tensor],
    discount: float,
    steps: int,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    refresh: int = 100,
    generator: torch.Generator | None = None,
) -> list[float]:
    """Q-learning with a target network, in place.

    Each step draws a batch, sets y = r + discount max_a Q(s', a) by the target network (y = r at an end) and descends
    the criterion between the outputs of the action taken and y.

    Args:
        network: states (n, *s) → outputs (n, actions), or (n, bins, actions) for a histogram.
        transitions: what it learns from.
        criterion: outputs of one action, (n,) or (n, bins), and targets (n,) → scalar.
        decode: outputs → (n, actions) values.
        discount: in [0, 1].
        steps, batch_size, learning_rate: of Adam.
        refresh: the target network becomes a copy of the network every so many steps.
        generator: draws the batches.

    Returns:
        The loss of each step.

    Raises:
        InputError: a discount outside [0, 1], a refresh below 1.
    """
    if not 0 <= discount <= 1:
        raise InputError(f"discount must be in [0, 1], not {discount}")
    if refresh < 1:
        raise InputError(f"refresh must be at least 1, not {refresh}")
    optimizer = torch.optim.Adam(network.parameters(), learning_rate)
    losses = []
    for step in range(steps):
        if step % refresh == 0:
            frozen = copy.deepcopy(network).requires_grad_(False)
        rows = torch.randint(len(transitions.reward), (batch_size,), generator=generator)
        with torch.no_grad():
            best = decode(frozen(transitions.next_state[rows])).amax(-1)
            target = transitions.reward[rows] + discount * torch.where(transitions.done[rows], 0.0, best)
        outputs = network(transitions.state[rows])
        actions = transitions.action[rows]
        if outputs.ndim == 3:  # (n, bins, actions): the bins of the action taken
            taken = outputs.gather(2, actions.view(-1, 1, 1).expand(-1, outputs.shape[1], 1)).squeeze(2)
        else:
            taken = pick(outputs, actions)
        loss = criterion(taken, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()
