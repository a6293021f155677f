"""The attack: it stays in the ball, hurts, and the smooth adversarial loss bounds what it does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import perdita.functional as P
from perdita.core import InputError
from perdita.training.adversarial import moved_prediction, perturb, shifted_margins, wrong_class


@pytest.fixture
def setting():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4)).double()
        inputs, target = torch.rand(12, 6, dtype=torch.float64), torch.randint(4, (12,))
    return model, inputs, target


def attack(setting, **options):
    return perturb(*setting, radius=0.3, generator=torch.Generator().manual_seed(1), **options)


@pytest.mark.parametrize(("norm", "order"), [("inf", math.inf), ("2", 2)])
def test_it_stays_in_the_ball_and_the_valid_inputs(setting, norm, order):
    attacked = attack(setting, norm=norm, low=0.0, high=1.0)
    length = torch.linalg.vector_norm(attacked - setting[1], ord=order, dim=1)
    assert length.max() <= 0.3 + 1e-12
    assert length.min() > 0.01
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert not attacked.requires_grad


@pytest.mark.parametrize("objective", [shifted_margins, wrong_class, moved_prediction])
@pytest.mark.parametrize("norm", ["inf", "2"])
def test_it_beats_three_quarters_of_the_random_points_on_the_ball(setting, objective, norm):
    model, inputs, target = setting
    clean = model(inputs)
    found = objective(clean, target, model(attack(setting, objective=objective, norm=norm)))
    step = torch.randn((200, *inputs.shape), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = step.sign() * 0.3 if norm == "inf" else 0.3 * step / step.norm(dim=-1, keepdim=True)
    random = torch.stack([objective(clean, target, model(inputs + one)) for one in step])
    assert found.mean() >= random.quantile(0.75, 0).mean()
    assert (found > objective(clean, target, clean)).all()


def test_on_a_linear_model_it_is_the_worst_input():
    """The margin of a two-class linear model moves by radius times the dual norm of the weights' difference."""
    model = nn.Linear(5, 2).double()
    inputs, target = torch.zeros(3, 5, dtype=torch.float64), torch.tensor([0, 1, 0])
    difference = (model.weight[0] - model.weight[1]).detach()
    for norm, dual in (("inf", difference.abs().sum()), ("2", difference.norm())):
        attacked = perturb(model, inputs, target, radius=0.2, norm=norm, generator=torch.Generator().manual_seed(0))
        moved = shifted_margins(model(inputs), target, model(attacked))
        torch.testing.assert_close(moved.detach(), (0.2 * dual).expand(3), rtol=1e-4, atol=0.0)


@pytest.mark.parametrize("tau", [0.0, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("rho", [0.5, 2.0])
def test_the_smooth_loss_lies_above_the_adversarial_one(setting, tau, rho):
    model, inputs, target = setting
    attacked = attack(setting)
    clean, moved = model(inputs), model(attacked)
    smooth = P.smooth_adversarial_comp_sum(clean, target, moved, tau=tau, rho=rho, reduction="none")
    margins = moved.gather(1, target.unsqueeze(1)) - moved
    clipped = (1 - margins / rho).clamp(0, 1).sum(1) - 1  # the target's own margin is 0, which adds one
    adversarial = clipped.log1p() if tau == 1 else ((1 + clipped) ** (1 - tau) - 1) / (1 - tau)
    assert (smooth >= adversarial).all()


def test_it_leaves_the_model_as_it_is(setting):
    attack(setting)
    assert all(parameter.grad is None for parameter in setting[0].parameters())


@pytest.mark.parametrize("wrong", [{"radius": -1.0}, {"radius": 0.1, "steps": 0}, {"radius": 0.1, "norm": "1"}])
def test_bad_input_is_named(setting, wrong):
    with pytest.raises(InputError, match=list(wrong)[-1]):
        perturb(*setting, **wrong)
