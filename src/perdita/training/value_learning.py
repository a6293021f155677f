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
    criterion: Callable[..., Tensor],
    *,
    decode: Callable[[Tensor], Tensor],
    discount: float,
    steps: int,
    distributional: bool = False,
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
        criterion: outputs of one action, (n,) or (n, bins), and targets (n,) → scalar; where distributional, outputs of
            the action taken, the target network's of the best next one, rewards (n,) and discounts (n,), 0 at an end →
            scalar, as `categorical_projection` with `bellman_atoms` makes of them.
        decode: outputs → (n, actions) values.
        discount: in [0, 1].
        steps, batch_size, learning_rate: of Adam.
        distributional: hand on the next distribution instead of its mean.
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
        reward, done = transitions.reward[rows], transitions.done[rows]
        with torch.no_grad():
            following = frozen(transitions.next_state[rows])
            best, action = decode(following).max(-1)
        taken = _of_action(network(transitions.state[rows]), transitions.action[rows])
        if distributional:
            loss = criterion(taken, _of_action(following, action), reward, discount * torch.where(done, 0.0, 1.0))
        else:
            loss = criterion(taken, reward + discount * torch.where(done, 0.0, best))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()


def _of_action(outputs: Float[Tensor, "n *c a"], action: Int[Tensor, "n"]) -> Float[Tensor, "n *c"]:
    """The outputs of one action each: numbers of (n, actions), histograms of (n, bins, actions)."""
    if outputs.ndim == 2:
        return pick(outputs, action)
    return outputs.gather(2, action.view(-1, 1, 1).expand(-1, outputs.shape[1], 1)).squeeze(2)
