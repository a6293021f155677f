"""Optimisers with two momenta: against torch's own, against the formulas, and resumed."""

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn

import perdita
from perdita.compound import Compound, Term
from perdita.compound.two_momenta import TwoMomentaAdamW, TwoMomentaSGD
from perdita.core import InputError

BOTH = [TwoMomentaSGD, TwoMomentaAdamW]


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def terms(model, step):
    generator = torch.Generator().manual_seed(step)
    x, y = torch.randn(8, 4, generator=generator).double(), torch.randint(3, (8,), generator=generator)
    z = model(x)
    return perdita.functional.cross_entropy(z, y), 0.3 * z.square().mean()


def train(model, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        optimizer.backward(*terms(model, step))
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def alone(model, optimizer, steps):
    for step in steps:
        optimizer.zero_grad()
        sum(terms(model, step)).backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_without_a_difference_it_is_the_optimiser_on_the_sum(decay):
    one, two = network(), network()
    ours = train(one, TwoMomentaSGD(one.parameters(), 0.1, delta=0.0, weight_decay=decay), range(12))
    theirs = alone(two, torch.optim.SGD(two.parameters(), 0.1, momentum=0.9, weight_decay=decay), range(12))
    torch.testing.assert_close(ours, theirs)
    one, two = network(), network()
    ours = train(one, TwoMomentaAdamW(one.parameters(), 0.01, delta=0.0, weight_decay=decay), range(12))
    theirs = alone(two, torch.optim.AdamW(two.parameters(), 0.01, weight_decay=decay), range(12))
    torch.testing.assert_close(ours, theirs)


def test_the_longer_momentum_by_hand():
    """Adam's update written out again in NumPy, with gradients of linear terms."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 5, 3))
    start = generator.normal(size=3)
    lr, beta, squares, delta, eps, decay = 0.1, 0.8, 0.95, 0.1, 1e-8, 0.02
    p, m, v = start.copy(), np.zeros((2, 3)), np.zeros(3)
    for t in range(1, 6):
        g = np.stack([first[t - 1], second[t - 1]])
        own = np.array([[beta - delta], [beta + delta]])
        m = own * m + (1 - beta) * g
        v = squares * v + (1 - squares) * g.sum(0) ** 2
        p = (1 - lr * decay) * p - lr * (m / (1 - own**t)).sum(0) / (np.sqrt(v / (1 - squares**t)) + eps)
    parameter = nn.Parameter(torch.tensor(start))
    options = {"lr": lr, "betas": (beta, squares), "delta": delta, "eps": eps, "weight_decay": decay}
    optimizer = TwoMomentaAdamW([parameter], **options)
    for one, two in zip(torch.tensor(first), torch.tensor(second), strict=True):
        optimizer.zero_grad()
        optimizer.backward((one * parameter).sum(), (two * parameter).sum())
        optimizer.step()
    np.testing.assert_allclose(parameter.detach().numpy(), p, rtol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_parameter_of_one_term_has_the_middle_momentum(decay):
    """Of the second term alone, weight decay sets in with the second step; of the first, at once."""
    for which in range(2):
        ours, theirs, free = (nn.Parameter(torch.tensor(2.0)) for _ in range(3))
        optimizer = TwoMomentaSGD([ours, free], 0.1, momentum=0.5, delta=0.3, weight_decay=decay)
        plain = torch.optim.SGD([theirs], 0.1, momentum=0.5, weight_decay=decay)
        for step in range(4):
            optimizer.zero_grad()
            given = [free * 1.0, free * 1.0]
            given[which] = given[which] + 3.0 * ours
            optimizer.backward(*given)
            optimizer.step()
            plain.param_groups[0]["weight_decay"] = 0.0 if which and step == 0 else decay
            theirs.grad = torch.tensor(3.0)
            plain.step()
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kind", BOTH)
def test_a_resumed_run_is_the_same_to_the_last_bit(kind):
    whole, half = network(), network()
    expected = train(whole, kind(whole.parameters(), 0.05, weight_decay=1e-3), range(10))
    optimizer = kind(half.parameters(), 0.05, weight_decay=1e-3)
    train(half, optimizer, range(4))
    file = io.BytesIO()
    torch.save({"model": half.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = network()
    again.load_state_dict(saved["model"])
    resumed = kind(again.parameters(), 0.9, weight_decay=0.5)
    resumed.load_state_dict(saved["optimizer"])
    found = train(again, resumed, range(4, 10))
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))


@pytest.mark.parametrize("kind", BOTH)
def test_accumulated_halves_are_the_whole(kind):
    one, two = network(), network()
    whole, halves = kind(one.parameters(), 0.05), kind(two.parameters(), 0.05)
    for step in range(3):
        whole.zero_grad()
        whole.backward(*terms(one, step))
        whole.step()
        halves.zero_grad()
        for _ in range(2):
            halves.backward(*(0.5 * term for term in terms(two, step)))
        halves.step()
    torch.testing.assert_close(list(one.parameters()), list(two.parameters()))


def test_a_scaler_and_a_scheduler_work_as_with_any_optimiser():
    one, two = network(), network()
    plain, scaled = (TwoMomentaSGD(model.parameters(), 0.05) for model in (one, two))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=1000)
    schedulers = [torch.optim.lr_scheduler.MultiStepLR(optimizer, [2]) for optimizer in (plain, scaled)]
    for step in range(4):
        plain.zero_grad()
        plain.backward(*terms(one, step))
        plain.step()
        scaled.zero_grad()
        scaled.backward(*(scaler.scale(term) for term in terms(two, step)))
        scaler.step(scaled)
        scaler.update()
        for scheduler in schedulers:
            scheduler.step()
    torch.testing.assert_close(list(one.parameters()), list(two.parameters()))
    assert scaled.param_groups[0]["lr"] == pytest.approx(0.005)

    before = [parameter.detach().clone() for parameter in two.parameters()]
    scaled.zero_grad()
    first, second = terms(two, 9)
    scaled.backward(scaler.scale(first), scaler.scale(second) * float("inf"))  # only the second overflows
    scaler.step(scaled)
    assert all(torch.equal(one, two) for one, two in zip(before, two.parameters(), strict=True))
    scaler.update()
    scaled.zero_grad()
    scaled.backward(*(scaler.scale(term) for term in terms(two, 9)))
    scaler.unscale_(scaled)
    with pytest.raises(InputError, match="unscale_ must not be called"):
        scaler.step(scaled)


def test_two_terms_of_a_compound_and_groups_of_their_own():
    model = network()
    compound = Compound(ce=Term(perdita.CrossEntropy(), weight=0.1), square=Term(perdita.MultiMargin(), weight=0.9))
    groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.0, "delta": 0.0}]
    optimizer = TwoMomentaSGD(groups, 0.1)
    last = [parameter.detach().clone() for parameter in model[2].parameters()]
    x, y = torch.randn(5, 4).double(), torch.tensor([0, 1, 2, 0, 1])
    optimizer.backward(*compound.score(model(x), y).terms)
    expected = torch.autograd.grad(0.9 * perdita.functional.multi_margin(model(x), y), model[0].weight)
    torch.testing.assert_close(optimizer.pending[model[0].weight], *expected)
    before = model[0].weight.detach().clone()
    moved = model[0].weight.grad + optimizer.pending[model[0].weight]
    optimizer.step()
    torch.testing.assert_close(model[0].weight.detach(), before - 0.1 * moved)
    assert all(torch.equal(one, two) for one, two in zip(last, model[2].parameters(), strict=True))


@pytest.mark.parametrize("kind", BOTH)
def test_a_copy_goes_on_alike(kind):
    model = network()
    optimizer = kind(model.parameters(), 0.05)
    train(model, optimizer, range(3))
    other, twin = copy.deepcopy((model, optimizer))
    torch.testing.assert_close(train(model, optimizer, range(3, 6)), train(other, twin, range(3, 6)), rtol=0, atol=0)


def test_a_closure_is_called_and_a_frozen_parameter_stays():
    model = network()
    model[0].weight.requires_grad_(False)
    frozen = model[0].weight.clone()
    optimizer = TwoMomentaSGD(model.parameters(), 0.05)

    def closure():
        optimizer.zero_grad()
        first, second = terms(model, 0)
        optimizer.backward(first, second)
        return (first + second).item()

    assert optimizer.step(closure) > optimizer.step(closure)
    assert torch.equal(frozen, model[0].weight)
    optimizer.zero_grad()
    first, _ = terms(model, 0)
    optimizer.backward(first, torch.tensor(0.0))  # a second term without a graph
    assert not optimizer.pending


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (TwoMomentaSGD, {"momentum": 0.95}, r"momentum \+ delta < 1"),
        (TwoMomentaSGD, {"delta": -0.1}, "0 <= delta"),
        (TwoMomentaSGD, {"momentum": 0.05}, "delta <= momentum"),
        (TwoMomentaSGD, {"weight_decay": -1.0}, "weight_decay must be at least 0"),
        (TwoMomentaSGD, {"lr": float("nan")}, "lr and weight_decay"),
        (TwoMomentaAdamW, {"betas": (0.93, 0.999)}, r"momentum \+ delta < 1"),
        (TwoMomentaAdamW, {"betas": (0.9, 1.0)}, r"betas\[1\] must be in"),
        (TwoMomentaAdamW, {"eps": 0.0}, "eps above 0"),
    ],
)
def test_options_out_of_range(kind, options, message):
    with pytest.raises(InputError, match=message):
        kind(network().parameters(), **{"lr": 0.1, **options})


def test_terms_must_be_scalars():
    model = network()
    with pytest.raises(InputError, match="scalars"):
        TwoMomentaSGD(model.parameters(), 0.1).backward(model(torch.ones(1, 4).double()), torch.tensor(0.0))
