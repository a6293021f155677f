"""Q-learning on a corridor whose values are known: five cells, an end on the right that pays 1."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import perdita.functional as P
from perdita import InputError
from perdita.losses.value.histogram import bellman_atoms
from perdita.nn.value_heads import HistogramHead
from perdita.training.value_learning import Transitions, learn_action_values

CELLS, DISCOUNT = 5, 0.8


def corridor() -> Transitions:
    """Every step left (0) and right (1) from every cell; the right end pays 1 and ends."""
    cell, action = torch.cartesian_prod(torch.arange(CELLS), torch.arange(2)).unbind(1)
    done = (cell == CELLS - 1) & (action == 1)
    following = (cell + 2 * action - 1).clamp(0, CELLS - 1)
    states = torch.eye(CELLS)
    return Transitions(states[cell], action, done.float(), states[following], done)


def exact() -> torch.Tensor:
    best = DISCOUNT ** torch.arange(CELLS - 1, -1, -1.0)
    left = DISCOUNT * best[(torch.arange(CELLS) - 1).clamp_min(0)]
    return torch.stack([left, best], 1)


def mse(outputs, target):
    return P.mse(outputs, target)


def hl_gauss(outputs, target):
    return P.hl_gauss(outputs, target, low=-0.5, high=1.5)


def two_hot(outputs, target):
    return P.two_hot(outputs, target, low=-0.5, high=1.5)


def c51(outputs, following, reward, discount):
    support = {"low": -0.5, "high": 1.5}
    atoms = bellman_atoms(reward, discount, outputs.shape[1], **support)
    return P.categorical_projection(outputs, following.softmax(1), atoms, **support)


@pytest.mark.parametrize(
    ("criterion", "grid"), [(mse, None), (hl_gauss, "centers"), (two_hot, "ends"), (c51, "ends")],
    ids=["mse", "hl_gauss", "two_hot", "c51"],
)  # fmt: skip
def test_the_values_of_the_corridor_are_found(criterion, grid):
    torch.manual_seed(0)
    if grid is None:
        network, decode = nn.Linear(CELLS, 2), nn.Identity()
    else:
        network = HistogramHead(CELLS, 31, low=-0.5, high=1.5, grid=grid, values=2)
        decode = network.decode
    losses = learn_action_values(
        network,
        corridor(),
        criterion,
        decode=decode,
        discount=DISCOUNT,
        steps=600,
        learning_rate=0.1,
        refresh=25,
        distributional=criterion is c51,
        generator=torch.Generator().manual_seed(0),
    )
    assert len(losses) == 600
    found = decode(network(torch.eye(CELLS)))
    torch.testing.assert_close(found, exact(), atol=0.03, rtol=0)


def test_bad_settings_are_refused():
    steps = corridor()
    given = {"decode": nn.Identity(), "steps": 1}
    with pytest.raises(InputError, match="discount"):
        learn_action_values(nn.Linear(CELLS, 2), steps, mse, discount=1.5, **given)
    with pytest.raises(InputError, match="refresh"):
        learn_action_values(nn.Linear(CELLS, 2), steps, mse, discount=0.5, refresh=0, **given)
    with pytest.raises(InputError, match="same number of steps"):
        Transitions(steps.state[:3], steps.action, steps.reward, steps.next_state, steps.done)
