"""Weightings against their formulas, written out again in NumPy or by hand."""

import math

import numpy as np
import pytest
import torch

from perdita.compound.gradients import gramian
from perdita.compound.weighting import (
    FAMO,
    WEIGHTINGS,
    DynamicWeightAverage,
    GeometricLoss,
    GradNorm,
    IGBv1,
    IGBv2,
    RandomLossWeighting,
    ReLoBRaLo,
    SoftAdapt,
    UncertaintyWeighting,
    build_weighting,
)
from perdita.compound.weighting.actor_critic import latent_log_prob, simplex_action
from perdita.compound.weighting.uncertainty import multi_task_gaussian_nll, tempered_cross_entropy
from perdita.core import InputError

COURSE = torch.tensor([[2.0, 1.0, 0.5], [1.5, 0.9, 0.5], [1.0, 0.8, 0.4], [0.9, 0.85, 0.2], [0.5, 0.8, 0.1]]).double()
NEEDED = {name: {"steps_per_epoch": 2} for name in ("dynamic_average", "igb_v1", "igb_v2")}


def softmax(x):
    e = np.exp(np.asarray(x) - np.max(x))
    return e / e.sum()


def weights_over(weighting, course=COURSE, **given):
    """The weights that each row of losses met."""
    found = []
    for losses in course:
        found.append(weighting(losses).weights.numpy().copy())
        weighting.step(losses, **given)
    return np.array(found)


@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_the_terms_are_differentiable_and_forward_changes_nothing(method):
    weighting = build_weighting(method, 3, **NEEDED.get(method, {})).double()
    for row in COURSE:
        losses = row.clone().requires_grad_()
        state = {
            name: value.clone() for name, value in weighting.state_dict().items() if isinstance(value, torch.Tensor)
        }
        first, second = weighting(losses), weighting(losses)
        torch.testing.assert_close(first, second, rtol=0, atol=0)
        after = weighting.state_dict()
        assert all(torch.equal(after[name].nan_to_num(), value.nan_to_num()) for name, value in state.items())
        (gradient,) = torch.autograd.grad(first.terms.sum(), losses)
        assert gradient.isfinite().all()
        assert (gradient > 0).all()
        weighting.step(losses, gram=torch.eye(3).double())


@pytest.mark.parametrize(
    "method", ["random", "dynamic_average", "soft_adapt", "relobralo", "igb_v1", "igb_v2", "gradnorm"]
)
def test_weights_sum_to_their_number(method):
    weighting = build_weighting(method, 3, **NEEDED.get(method, {})).double()
    found = weights_over(weighting, gram=torch.diag(torch.tensor([1.0, 4.0, 9.0])).double())
    np.testing.assert_allclose(found.sum(1), 3.0, rtol=1e-6)
    assert (found > 0).all()


def test_uncertainty_by_kind():
    losses, s = torch.tensor([2.0, 0.5, 1.5]).double(), torch.tensor([0.3, -0.2, 0.1]).double()
    weighting = UncertaintyWeighting(3, kinds=["regression", "classification", "laplace"]).double()
    weighting.log_vars.data.copy_(s)
    weighted = weighting(losses)
    expected = [math.exp(-0.3) + 0.15, 0.5 * math.exp(0.2) - 0.1, 1.5 * math.exp(-0.1) + 0.1]
    torch.testing.assert_close(weighted.terms, torch.tensor(expected).double())
    torch.testing.assert_close(weighted.weights, torch.tensor([0.5, 1.0, 1.0]).double() * torch.exp(-s))


@pytest.mark.parametrize(("kind", "best"), [("regression", 0.5), ("classification", 0.5), ("laplace", 1.0)])
def test_the_best_log_variance_divides_by_the_loss(kind, best):
    losses = torch.tensor([4.0, 0.01]).double()
    weighting = UncertaintyWeighting(2, kinds=kind).double()
    factor = {"regression": 0.5, "classification": 1.0, "laplace": 1.0}[kind]
    weighting.log_vars.data.copy_((factor * losses / best).log())
    weighted = weighting(losses)
    torch.testing.assert_close(weighted.weights, best / losses)
    weighted.terms.sum().backward()
    torch.testing.assert_close(weighting.log_vars.grad, torch.zeros(2).double(), atol=1e-12, rtol=0)


def test_the_positive_penalty_keeps_the_total_above_zero():
    losses = torch.tensor([1e-3]).double()
    for s in (-8.0, -3.0, 0.0, 5.0):
        positive = UncertaintyWeighting(1, penalty="positive", init_log_var=s).double()
        price = positive(losses).terms - math.exp(-s) * losses
        assert price.item() == pytest.approx(math.log(1 + math.exp(s)), rel=1e-9)
        assert positive(losses).terms.item() > 0
    assert UncertaintyWeighting(1, init_log_var=-3.0).double()(losses).terms.item() < 0


def test_a_loss_of_zero_leaves_the_weight_finite():
    weighting = UncertaintyWeighting(1)
    optimizer = torch.optim.SGD(weighting.parameters(), lr=5.0)
    for loss in [0.0] * 10 + [3.0]:
        losses = torch.tensor([loss])
        optimizer.zero_grad()
        weighting(losses).terms.sum().backward()
        optimizer.step()
        weighting.step(losses)
        assert weighting(losses).weights.item() <= math.exp(10.0) * (1 + 1e-6)
    assert weighting.log_vars.item() > -10  # the loss that came back lifted it


def test_the_notebook_counts_the_log_variance_once_for_each_dimension():
    prediction, target, s = torch.randn(5, 3).double(), torch.randn(5, 3).double(), torch.tensor([0.7]).double()
    found = multi_task_gaussian_nll([prediction], [target], [s], reduction="none")
    expected = math.exp(-0.7) * ((prediction - target) ** 2).sum(1) + 3 * 0.7
    torch.testing.assert_close(found, expected)
    with pytest.raises(InputError, match="equally many, not 1, 1 and 2"):
        multi_task_gaussian_nll([prediction], [target], [s, s])


def test_the_exact_likelihood_is_a_temperature():
    logits, target = torch.randn(6, 4).double(), torch.randint(4, (6,))
    s = torch.tensor(0.4).double()
    expected = torch.nn.functional.cross_entropy(logits / math.exp(0.4), target)
    torch.testing.assert_close(tempered_cross_entropy(logits, target, s), expected)


def test_dynamic_average():
    found = weights_over(DynamicWeightAverage(3, steps_per_epoch=1, temperature=2.0).double())
    course = COURSE.numpy()
    expected = [np.ones(3)] * 2 + [3 * softmax(course[t - 1] / course[t - 2] / 2.0) for t in range(2, 5)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    by_epoch = weights_over(DynamicWeightAverage(3, steps_per_epoch=2).double())
    ratio = course[2:4].mean(0) / course[:2].mean(0)
    np.testing.assert_allclose(by_epoch, [np.ones(3)] * 4 + [3 * softmax(ratio / 2.0)], rtol=1e-12)


def test_soft_adapt():
    course = COURSE.numpy()
    found = weights_over(SoftAdapt(3, beta=2.0, normalized=False).double())
    expected = [np.ones(3)] * 2 + [3 * softmax(2.0 * (course[t - 1] - course[t - 2])) for t in range(2, 5)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = weights_over(SoftAdapt(3, beta=2.0, by_loss=True).double())[2]
    slope = course[1] - course[0]
    raw = course[1] * np.exp(2.0 * slope / np.abs(slope).sum())
    np.testing.assert_allclose(found, 3 * raw / raw.sum(), rtol=1e-7)


@pytest.mark.parametrize("lookback", [0.0, 1.0])
def test_relative_balance(lookback):
    course = COURSE.numpy()
    found = weights_over(ReLoBRaLo(3, alpha=0.7, temperature=0.5, lookback=lookback).double())
    expected = [np.ones(3)]
    for t in range(1, 5):
        first = 3 * softmax(course[t] / (0.5 * course[0]))
        last = 3 * softmax(course[t] / (0.5 * course[t - 1]))
        past = expected[-1] if lookback == 1.0 else first
        expected.append(0.7 * past + 0.3 * last)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_geometric_mean_and_its_gradient():
    losses = COURSE[0].clone().requires_grad_()
    total = GeometricLoss(3)(losses).terms.sum()
    (found,) = torch.autograd.grad(total, losses)
    mean = losses.prod() ** (1 / 3)
    torch.testing.assert_close(total, mean)
    torch.testing.assert_close(found, torch.autograd.grad(mean, losses)[0])


def test_random_weights_are_drawn_once_a_step_and_by_the_seed():
    first, second, third = (weights_over(RandomLossWeighting(3, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, third)
    assert len(np.unique(first[:, 0])) == len(COURSE)
    drawn = weights_over(RandomLossWeighting(2, distribution="dirichlet"), torch.ones(2000, 2))[:, 0]
    assert drawn.mean() == pytest.approx(1.0, abs=0.05)  # uniform on [0, 2]
    assert drawn.var() == pytest.approx(1 / 3, rel=0.1)


def test_gradnorm_follows_its_objective():
    weighting = GradNorm(3, learning_rate=1e-3)
    norms, first, losses = np.array([1.0, 2.0, 6.0]), np.array([2.0, 1.0, 1.0]), torch.tensor([1.0, 0.9, 0.9])
    weighting.step(torch.tensor(first).float(), gram=torch.diag(torch.tensor(norms**2)).float())
    before = weighting.weights.detach().double().numpy().copy()

    def objective(w):
        progress = losses.numpy() / first
        wanted = (before * norms).mean() * (progress / progress.mean()) ** 1.5  # held fixed
        return np.abs(w * norms - wanted).sum()

    slopes = [(objective(before + 1e-6 * e) - objective(before - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    weighting.step(losses, gram=torch.diag(torch.tensor(norms**2)).float())
    moved = weighting.weights.detach().numpy() * before.sum() / 3 - before
    assert (np.sign(moved) == -np.sign(slopes)).all()
    with pytest.raises(InputError, match="gramian"):
        weighting.step(losses)


def test_gradnorm_brings_norms_together():
    weighting = GradNorm(2, asymmetry=0.0)
    gram = torch.diag(torch.tensor([1.0, 16.0]))
    for _ in range(400):
        weighting.step(torch.ones(2), gram=gram)
    torch.testing.assert_close(weighting.weights.detach(), torch.tensor([1.6, 0.4]), atol=0.05, rtol=0)


def test_famo_by_automatic_differentiation():
    weighting = FAMO(3, decay=0.0, learning_rate=0.1).double()
    before, after = COURSE[0], COURSE[1]
    weighted = weighting(before)
    z = torch.full((3,), 1 / 3).double()
    c = (z / before).sum()
    torch.testing.assert_close(weighted.terms, z / c * before.log(), rtol=1e-6, atol=1e-8)
    logits = torch.zeros(3).double().requires_grad_()
    progress = torch.softmax(logits, 0) @ (before.log() - after.log())
    (expected,) = torch.autograd.grad(progress, logits)
    weighting.step(before, after=after)
    torch.testing.assert_close(weighting.logits.detach(), -0.1 * expected.sign(), rtol=1e-4, atol=1e-6)  # Adam's first
    assert weighting(after).weights[2] > weighting(after).weights[0]  # the third loss did not fall


def test_famo_without_a_second_look_compares_with_the_step_before():
    weighting = FAMO(3, decay=0.0, learning_rate=0.1).double()
    weighting.step(COURSE[0])
    assert not weighting.logits.any()
    weighting.step(COURSE[1])
    assert weighting.logits[2] > 0 > weighting.logits[0]  # the third loss did not fall, the first fell most


def test_the_base_of_the_gap_is_the_mean_of_its_epoch():
    weighting = IGBv1(3, steps_per_epoch=2, base_epoch=1).double()
    found = weights_over(weighting)
    base = COURSE[2:4].numpy().mean(0)
    np.testing.assert_allclose(weighting.base.values, base)
    np.testing.assert_allclose(found, [np.ones(3)] * 4 + [3 * softmax(COURSE[4].numpy() / base)], rtol=1e-12)


def test_the_agent_sees_acts_and_is_rewarded():
    weighting = IGBv2(3, steps_per_epoch=1, base_epoch=0, start_epoch=3, update_after=100).double()
    found = weights_over(weighting)
    assert int(weighting.kept) == 4
    torch.testing.assert_close(weighting.states[:4], COURSE[:4])
    torch.testing.assert_close(weighting.nexts[:4], COURSE[1:])
    np.testing.assert_allclose(weighting.actions[:4], found[:4])
    rewards = ((COURSE[:4] - COURSE[1:]) / COURSE[0]).amin(1)
    torch.testing.assert_close(weighting.rewards[:4], rewards)


def test_the_agents_density_is_that_of_torch():
    mean, log_std, latent = torch.randn(3, 5, 4).double().unbind()
    gaussian = torch.distributions.Normal(mean, log_std.exp()).log_prob(latent).sum(1)
    torch.testing.assert_close(latent_log_prob(latent, mean, log_std, exact=True), gaussian)
    squashed = gaussian - torch.log(1 - latent.tanh() ** 2).sum(1)
    torch.testing.assert_close(latent_log_prob(latent, mean, log_std), squashed)
    torch.testing.assert_close(simplex_action(latent).sum(1), torch.full((5,), 4.0).double())


def test_the_agent_learns_and_touches_nothing_else():
    def run():
        weighting = IGBv2(2, steps_per_epoch=5, start_epoch=1, base_epoch=0, update_after=1, update_every=5)
        first = [parameter.clone() for parameter in weighting.agent.parameters()]
        state = torch.random.get_rng_state()
        for step in range(20):
            weighting.step(torch.tensor([2.0, 1.0]) / (1 + step))
        assert torch.equal(state, torch.random.get_rng_state())
        return first, list(weighting.agent.parameters())

    (before, after), (_, again) = run(), run()
    assert all(not torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert all(torch.equal(one, two) for one, two in zip(after, again, strict=True))
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in after)


def test_the_gramian_of_parameters_and_of_features():
    x, weight = torch.randn(6, 3).double(), torch.randn(3, 2).double().requires_grad_()
    hidden = (x @ weight).tanh()
    losses = torch.stack([hidden[:, 0].square().mean(), hidden[:, 1].mean(), torch.ones(()).double()])
    rows = [torch.autograd.grad(loss, weight, retain_graph=True)[0].flatten() for loss in losses[:2]]
    rows = torch.stack([*rows, torch.zeros(6).double()])
    torch.testing.assert_close(gramian(losses, [weight]), rows @ rows.T)
    features = gramian(losses, hidden)
    assert features[0, 1] == 0  # each loss reads a column of its own
    with pytest.raises(InputError, match="graph"):
        gramian(losses.detach(), [weight])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UncertaintyWeighting(2, kinds=["regression"]), "one for each of the 2"),
        (lambda: UncertaintyWeighting(2, kinds="clasification"), "did you mean 'classification'"),
        (lambda: UncertaintyWeighting(2, penalty="posit"), "did you mean 'positive'"),
        (lambda: UncertaintyWeighting(0), "at least 1"),
        (lambda: DynamicWeightAverage(2, steps_per_epoch=0), "steps_per_epoch must be at least 1"),
        (lambda: ReLoBRaLo(2, alpha=1.5), "alpha must be at least 0 and at most 1"),
        (lambda: RandomLossWeighting(2, distribution="norm"), "did you mean 'normal'"),
        (lambda: IGBv1(2), "either base_losses or steps_per_epoch"),
        (lambda: IGBv1(2, base_losses=[1.0]), "must be 2 numbers"),
        (lambda: FAMO(2, least=[0.0]), "one number for each of the 2"),
        (lambda: IGBv1(2, base_losses=[1.0, 1.0])(torch.tensor([1.0, -0.5])), "losses must be >= 0"),
        (lambda: UncertaintyWeighting(2).step(torch.ones(3)), "weighs 2 losses, but"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
