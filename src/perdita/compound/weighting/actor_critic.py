"""A soft actor-critic whose actions are k positive weights that sum to k."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perdita.core import component

if TYPE_CHECKING:
    from jaxtyping import Float

HIDDEN = 128
LEAST_LOG_STD, LARGEST_LOG_STD = -20.0, 2.0
DISCOUNT, POLYAK = 0.99, 0.005
FIRST_TEMPERATURE = 0.2


@component("igb")
def simplex_action(latent: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
    """Positive weights that sum to k: k softmax(latent)."""
    return latent.shape[-1] * torch.softmax(latent, -1)


@component("igb")
def latent_log_prob(
    latent: Float[Tensor, "n k"], mean: Float[Tensor, "n k"], log_std: Float[Tensor, "n k"], *, exact: bool = False
) -> Float[Tensor, "n"]:
    r"""Log-density of a Gaussian policy's draw u.

    .. math:: \sum_j \log N(u_j; \mu_j, \sigma_j) - \sum_j 2 (\log 2 - u_j - \mathrm{softplus}(-2 u_j))

    The second sum is the correction for a = tanh(u), kept by the authors although the action is a softmax; ``exact``
    leaves it out, and so takes u itself for the action and the softmax for a part of the environment.
    """
    scaled = (latent - mean) * torch.exp(-log_std)
    gaussian = (-0.5 * scaled.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
    return gaussian if exact else gaussian - (2 * (math.log(2) - latent - F.softplus(-2 * latent))).sum(-1)


class Transitions(NamedTuple):
    """Steps of the environment: what was seen, what was done, what it brought, and what was seen then."""

    states: Float[Tensor, "n k"]
    actions: Float[Tensor, "n k"]
    rewards: Float[Tensor, "n"]
    nexts: Float[Tensor, "n k"]


class SoftActorCritic(nn.Module):
    """Actor, twin critics with their slow copies, and a learned temperature, over k losses.

    Args:
        terms: size of a state, and of an action.
        learning_rate: of the three optimisers.
        exact: as in `latent_log_prob`.
        seed: of the initial weights.

    Source:
        Haarnoja et al., "Soft Actor-Critic Algorithms and Applications", arXiv 1812.05905.
    """

    def __init__(self, terms: int, *, learning_rate: float, exact: bool, seed: int) -> None:
        super().__init__()
        self.exact, self.target_entropy = exact, -float(terms)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actor = _network(terms, 2 * terms)
            self.critics = nn.ModuleList([_network(2 * terms, 1), _network(2 * terms, 1)])
        self.targets = copy.deepcopy(self.critics)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(FIRST_TEMPERATURE)))
        self.requires_grad_(False)  # the model's optimiser and its process group have no business here
        self.learned = [list(self.actor.parameters()), list(self.critics.parameters()), [self.log_temperature]]
        self.optimizers = [torch.optim.Adam(group, lr=learning_rate, fused=True) for group in self.learned]

    def act(self, states: Float[Tensor, "n k"], noise: Float[Tensor, "n k"]) -> tuple[Tensor, Tensor]:
        """Actions (n, k) and their log-densities (n,)."""
        mean, log_std = self.actor(states).chunk(2, -1)
        log_std = log_std.clamp(LEAST_LOG_STD, LARGEST_LOG_STD)
        latent = mean + log_std.exp() * noise
        return simplex_action(latent), latent_log_prob(latent, mean, log_std, exact=self.exact)

    def update(self, seen: Transitions, noise: Float[Tensor, "2 n k"]) -> None:
        """One step of the critics, the actor, the temperature and the slow copies."""
        temperature = self.log_temperature.exp()
        with torch.no_grad():
            actions, log_prob = self.act(seen.nexts, noise[0])
            future = self._value(self.targets, seen.nexts, actions) - temperature * log_prob
            wanted = seen.rewards + DISCOUNT * future
        for parameter in (*self.actor.parameters(), *self.critics.parameters(), self.log_temperature):
            parameter.requires_grad_(True)
        with torch.enable_grad():
            values = [self._score(critic, seen.states, seen.actions) for critic in self.critics]
            self._descend(1, sum((F.mse_loss(value, wanted) for value in values), start=wanted.new_zeros(())))
            actions, log_prob = self.act(seen.states, noise[1])
            value = self._value(self.critics, seen.states, actions)
            self._descend(0, (temperature.detach() * log_prob - value).mean())
            self._descend(2, -(self.log_temperature * (log_prob.detach() + self.target_entropy)).mean())
        self.requires_grad_(False)
        with torch.no_grad():
            for slow, fast in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                slow.lerp_(fast, POLYAK)

    def _descend(self, which: int, objective: Tensor) -> None:
        objective.backward(inputs=self.learned[which])
        self.optimizers[which].step()
        self.optimizers[which].zero_grad()

    def _value(self, critics: nn.ModuleList, states: Tensor, actions: Tensor) -> Float[Tensor, "n"]:
        first, second = (self._score(critic, states, actions) for critic in critics)
        return torch.minimum(first, second)

    @staticmethod
    def _score(critic: nn.Module, states: Tensor, actions: Tensor) -> Float[Tensor, "n"]:
        return critic(torch.cat([states, actions], -1)).squeeze(-1)  # type: ignore[no-any-return]


def _network(inputs: int, outputs: int) -> nn.Sequential:
    hidden = [nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(HIDDEN, outputs))
