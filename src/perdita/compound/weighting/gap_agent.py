"""Weights chosen by an agent that is rewarded for the smallest improvement among the losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.actor_critic import SoftActorCritic, Transitions, simplex_action
from perdita.compound.weighting.improvable_gap import BaseLosses
from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, log_losses
from perdita.core import component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

BATCH = 256


@component("igb")
def improvement_reward(
    before: Float[Tensor, "k"], losses: Float[Tensor, "k"], base_losses: Float[Tensor, "k"], floor: float = 1e-8
) -> Float[Tensor, ""]:
    """The least fall of a loss since the batch before, in units of its base."""
    return ((before - losses) / base_losses.clamp_min(floor)).amin()


@component("igb")
class IGBv2(Weighting, name="igb_v2"):
    r"""Improvable gap balancing by a soft actor-critic: it sees the losses and gives the weights.

    The objective is \sum_i w_i \log L_i with w held fixed. The weights are random (k softmax of normal numbers) until
    ``start_epoch``, and the agent's draw afterwards. From ``update_after`` epochs on, every ``update_every`` steps, it
    learns from the kept transitions: with m = 1 + kept / buffer_size, update_every m / 2 updates on 256 m / 2 of them.
    An update is some milliseconds of work, which a model of real size does not feel.

    The agent learns after a step, so what it learned from a batch serves from the next batch on; the authors' learns
    before it acts on that batch.

    Args:
        terms: number of losses, none of which may be negative.
        steps_per_epoch: optimiser steps in an epoch.
        base_epoch: whose mean training losses are the base; the first epoch is 0.
        base_losses: the base itself.
        start_epoch, update_after, update_every, buffer_size: as above.
        learning_rate: of the agent.
        reward_scale: factor of `improvement_reward`.
        relative_state: the agent sees losses in units of their base (1 until that is known), which serves it better
            where losses are large; the authors' sees them as they are.
        exact: as in `latent_log_prob`.
        floor: below which neither a loss's logarithm nor its base goes.
        seed: of its random numbers, equal on all ranks.

    Raises:
        InputError: a number that is not positive, or a negative loss.

    Source:
        Dai, Fei, Lu, "Improvable Gap Balancing for Multi-Task Learning", UAI 2023, arXiv 2307.15429, after the
        authors' code.
    """

    reads_losses = True

    def __init__(
        self,
        terms: int,
        *,
        steps_per_epoch: int,
        base_epoch: int = 1,
        base_losses: Sequence[float] | Tensor | None = None,
        start_epoch: int = 5,
        update_after: int = 3,
        update_every: int = 50,
        buffer_size: int = 10_000,
        learning_rate: float = 3e-4,
        reward_scale: float = 1.0,
        relative_state: bool = False,
        exact: bool = False,
        floor: float = 1e-8,
        seed: int = 0,
    ) -> None:
        given = base_losses.tolist() if isinstance(base_losses, torch.Tensor) else base_losses
        super().__init__(
            terms, seed=seed, steps_per_epoch=steps_per_epoch, base_epoch=base_epoch, base_losses=given,
            start_epoch=start_epoch, update_after=update_after, update_every=update_every, buffer_size=buffer_size,
            learning_rate=learning_rate, reward_scale=reward_scale, relative_state=relative_state, exact=exact,
            floor=floor,
        )  # fmt: skip
        for name, value in (("update_every", update_every), ("buffer_size", buffer_size)):
            check_number(name, value, 1)
        for name, value in (("learning_rate", learning_rate), ("floor", floor)):
            check_number(name, value, 0, excluded=True)
        self.start, self.update_from = start_epoch * steps_per_epoch, update_after * steps_per_epoch
        self.update_every, self.reward_scale = update_every, reward_scale
        self.relative_state, self.floor = relative_state, floor
        self.base = BaseLosses(terms, steps_per_epoch, base_epoch, base_losses)
        self.agent = SoftActorCritic(terms, learning_rate=learning_rate, exact=exact, seed=seed)
        self.optimizers = self.agent.optimizers
        self.register_buffer("noise", torch.randn(terms, generator=self.generator))
        self.register_buffer("acting", torch.tensor(self.start <= 0))
        self.register_buffer("before", torch.full((terms,), torch.nan))
        self.register_buffer("weights", torch.ones(terms))
        self.register_buffer("kept", torch.zeros((), dtype=torch.long))
        for name, width in (("states", (terms,)), ("actions", (terms,)), ("rewards", ()), ("nexts", (terms,))):
            self.register_buffer(name, torch.zeros(buffer_size, *width))

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Terms w_i log L_i and the weights w_i."""
        weights = self._weights(losses.detach()).to(losses)
        return Weighted(weights * log_losses(losses, self.floor), weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Keep what the last weights brought, learn where it is time, and draw the next step's noise."""
        losses = losses.to(self.before)
        weights = self._weights(losses)
        if not self.base.values.isnan().any() and not self.before.isnan().any():
            self._keep(losses)
        self.before.copy_(losses)
        self.weights.copy_(weights)
        self.base.add(losses, self.steps)
        if self.steps >= self.update_from and self.steps % self.update_every == 0 and self.kept > 0:
            self._train()
        self.noise.copy_(self._normal(len(losses)))
        self.acting.fill_(self.steps + 1 >= self.start)

    @torch.no_grad()
    def _weights(self, losses: Float[Tensor, "k"]) -> Float[Tensor, "k"]:
        chosen, _ = self.agent.act(self._state(losses).unsqueeze(0), self.noise.unsqueeze(0))
        return torch.where(self.acting, chosen.squeeze(0), simplex_action(self.noise))

    def _state(self, losses: Float[Tensor, "k"]) -> Float[Tensor, "k"]:
        state = losses.to(self.noise)
        if not self.relative_state:
            return state
        base = self.base.values.to(state)
        return torch.where(base.isnan(), 1.0, state / base.clamp_min(self.floor))

    def _keep(self, losses: Float[Tensor, "k"]) -> None:
        place = int(self.kept) % len(self.rewards)
        self.states[place] = self._state(self.before)
        self.actions[place] = self.weights
        base = self.base.values.to(losses)
        self.rewards[place] = self.reward_scale * improvement_reward(self.before, losses, base, self.floor)
        self.nexts[place] = self._state(losses)
        self.kept += 1

    def _train(self) -> None:
        size = min(int(self.kept), len(self.rewards))
        more = (1 + size / len(self.rewards)) / 2
        for _ in range(int(self.update_every * more)):
            rows = torch.randint(size, (int(BATCH * more),), generator=self.generator).to(self.rewards.device)
            seen = Transitions(self.states[rows], self.actions[rows], self.rewards[rows], self.nexts[rows])
            self.agent.update(seen, self._normal(2, *seen.states.shape))

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator).to(self.noise.device)
