"""Gradient balancers: their values against TorchJD and their definitions, and what a balanced backward pass does."""

import math
import sys

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import nn
from torchjd import aggregation
from torchjd._linalg import QuadprogProjector
from torchjd.autojac import jac_to_grad, mtl_backward

import perdita
from perdita.compound import Compound, Term, build
from perdita.compound.balancing import METHODS, GradientBalancer, conflict_averse, minimum_norm, nash_bargaining
from perdita.compound.balancing.complementarity import complementary
from perdita.compound.weighting import WEIGHTINGS
from perdita.core import InputError, MissingExtraError

OWN = sorted(set(METHODS) - {"torchjd"})


def jacobians():
    """Independent, opposed, dependent, ill-scaled and nearly orthogonal gradients."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for k, width in ((2, 3), (3, 7), (5, 30), (8, 40)):
        rows = torch.randn(k, width, generator=generator).double()
        found += [rows, rows - 0.4 * rows.sum(0), rows * torch.logspace(-2, 2, k).unsqueeze(1)]
    found.append(torch.eye(6, 40).double() + 0.05 * torch.randn(6, 40, generator=generator).double())
    return [rows for rows in found if torch.linalg.matrix_rank(rows) == len(rows)]


JACOBIANS = jacobians()


def weights(method, rows, **options):
    return GradientBalancer(method, **options)(rows @ rows.T)


@pytest.mark.parametrize("rows", JACOBIANS, ids=lambda rows: f"{len(rows)}")
def test_values_are_those_of_torchjd(rows):
    """Theirs are of a mean where ours are of a sum."""
    k, gram = len(rows), rows @ rows.T
    pairs = [
        ("imtl_g", {}, aggregation.IMTLGWeighting()),
        *(
            ("aligned_mtl", {"scale": s}, aggregation.AlignedMTLWeighting(scale_mode=s))
            for s in ("min", "median", "rmse")
        ),
    ]
    for method, options, theirs in pairs:
        torch.testing.assert_close(weights(method, rows, **options), k * theirs(gram), rtol=1e-6, atol=1e-8)
    solver = aggregation.UPGradWeighting(projector=QuadprogProjector(norm_eps=0.0, reg_eps=1e-15))
    torch.testing.assert_close(weights("upgrad", rows) @ rows, k * solver(gram) @ rows, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", JACOBIANS, ids=lambda rows: f"{len(rows)}")
def test_gradient_surgery_meets_the_others_in_the_same_order_as_torchjd(rows, monkeypatch):
    k = len(rows)
    order = iter(torch.rand(k, k, generator=torch.Generator().manual_seed(7)).argsort(1))
    monkeypatch.setattr(torch, "randperm", lambda _: next(order))
    torch.testing.assert_close(weights("pcgrad", rows, seed=7), aggregation.PCGradWeighting()(rows @ rows.T))


@pytest.mark.parametrize("rows", JACOBIANS, ids=lambda rows: f"{len(rows)}")
def test_definitions_are_met(rows):
    k, gram = len(rows), rows @ rows.T
    shares = minimum_norm(gram) / k
    rates = gram @ shares
    assert (shares >= 0).all()
    assert shares.sum().item() == pytest.approx(1)
    assert (rates >= shares @ rates - 1e-6 * gram.diagonal().min()).all()  # optimal: no loss falls slower than the mean
    frank_wolfe = aggregation.MGDAWeighting(epsilon=1e-6, max_iters=500)(gram)
    assert shares @ gram @ shares <= frank_wolfe @ gram @ frank_wolfe * (1 + 1e-9)
    agreed = nash_bargaining(gram)
    bargain = agreed * (gram @ agreed)
    torch.testing.assert_close(bargain, bargain.mean().expand(k), rtol=1e-5, atol=0)
    projected = weights("upgrad", rows) @ rows
    assert (rows @ projected >= -1e-6 * rows.norm(dim=1) * projected.norm()).all()


@pytest.mark.parametrize("c", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("k", [2, 3, 6])
def test_conflict_averse_is_what_a_general_solver_finds(k, c):
    rows = torch.randn(k, 20, generator=torch.Generator().manual_seed(k)).double()
    gram = (rows @ rows.T).numpy()
    with_mean, radius = gram.mean(1), c * math.sqrt(gram.mean())

    def dual(w):
        length = math.sqrt(w @ gram @ w)
        return with_mean @ w + radius * length, with_mean + radius * gram @ w / length

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones(k)}
    options = {"ftol": 1e-15, "maxiter": 500}
    best = minimize(
        dual, np.ones(k) / k, jac=True, method="SLSQP", bounds=[(0, 1)] * k, constraints=simplex, options=options
    )
    found = conflict_averse(rows @ rows.T, c=c)
    expected = 1 + k * radius / math.sqrt(best.x @ gram @ best.x) * best.x
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    shift = (found / k) @ rows - rows.mean(0)
    assert shift.norm().item() == pytest.approx(c * rows.mean(0).norm().item())


def test_complementarity_holds_for_every_solution():
    generator = torch.Generator().manual_seed(0)
    for k in (1, 2, 5, 12):
        rows = torch.randn(k, k + 2, generator=generator).double()
        matrix, offset = rows @ rows.T, torch.randn(40, k, generator=generator).double()
        x = complementary(matrix, offset)
        y = x @ matrix + offset
        assert (x >= 0).all()
        assert (y >= -1e-8).all()
        assert (x * y).abs().max() < 1e-7


@pytest.mark.parametrize("method", OWN)
def test_what_every_method_keeps(method):
    orthogonal = torch.eye(4).double() * 3
    expected = torch.ones(4).double() * (1.5 if method == "cagrad" else 1.0)
    torch.testing.assert_close(weights(method, orthogonal), expected)
    torch.testing.assert_close(weights(method, orthogonal[:1]), expected[:1])
    rows = JACOBIANS[6]
    first = weights(method, rows)
    torch.testing.assert_close(weights(method, 1000 * rows), first, rtol=1e-6, atol=1e-9)
    if method != "pcgrad":  # which is random
        order = torch.tensor([3, 0, 4, 1, 2])
        torch.testing.assert_close(weights(method, rows[order]), first[order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("method", OWN)
@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_degenerate_gradients_give_finite_weights_and_lose_nothing(method, kind):
    rows = torch.randn(3, 6, generator=torch.Generator().manual_seed(1)).to(kind)
    padded = torch.cat([rows[:1], torch.zeros(1, 6, dtype=kind), rows[1:]])
    found = weights(method, padded)
    assert found[1] == 1
    torch.testing.assert_close(found[[0, 2, 3]], weights(method, rows))
    assert weights(method, torch.zeros(2, 6, dtype=kind)).tolist() == [1.0, 1.0]
    for hard in (rows[[0, 0, 1]], torch.stack([rows[0], -rows[0]]), torch.cat([rows, -rows.sum(0, keepdim=True)])):
        assert weights(method, hard).isfinite().all()


class Tasks(nn.Module):
    """A trunk, three heads, and a parameter that nothing reads."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Linear(5, 8), nn.Tanh())
        self.heads = nn.ModuleDict({"a": nn.Linear(8, 3), "b": nn.Linear(8, 1), "c": nn.Linear(8, 1)})
        self.idle = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        hidden = self.trunk(x)
        return {"hidden": hidden, **{name: head(hidden).squeeze(1) for name, head in self.heads.items()}}


def batch():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(16, 5, generator=generator).double()
    return {"x": x, "a": torch.randint(3, (16,), generator=generator), "b": x.sum(1), "c": -3 * x.sum(1) + x[:, 0]}


def scored(model, weighting=None, **options):
    fields = batch()
    terms = {
        "a": Term(perdita.CrossEntropy(), "a", "a"),
        "b": Term(perdita.Mse(), "b", "b"),
        "c": Term(perdita.L1(), "c", "c"),
    }
    compound = Compound(terms, weights=weighting).double()
    outputs = model(fields["x"])
    return compound, compound.score(outputs, fields, **options), outputs["hidden"]


def gradients(module):
    return {name: None if own.grad is None else own.grad.clone() for name, own in module.named_parameters()}


@pytest.mark.parametrize("method", ["imtl_g", "aligned_mtl"])
def test_the_pass_gives_the_gradients_of_torchjd(method):
    ours, theirs = Tasks().double(), Tasks().double()
    _, found, _ = scored(ours)
    GradientBalancer(method).backward(found, shared=ours.trunk.parameters())
    _, found, hidden = scored(theirs)
    mtl_backward([found.parts[name] for name in "abc"], features=hidden)
    jac_to_grad(
        theirs.trunk.parameters(), {"imtl_g": aggregation.IMTLG(), "aligned_mtl": aggregation.AlignedMTL()}[method]
    )
    for parameter in theirs.trunk.parameters():
        parameter.grad *= 3
    torch.testing.assert_close(gradients(ours), gradients(theirs))


@pytest.mark.parametrize("weighting", ["equal", "uncertainty", "geometric", "igb_v1"])
def test_features_and_parameters_of_a_linear_trunk_agree_with_the_sum_where_weights_are_one(weighting):
    """With weights 1 every way is the plain backward pass: for the trunk, the heads, and what the weighting learns."""
    options = {"method": weighting, "steps_per_epoch": 2} if weighting == "igb_v1" else weighting
    found = []
    for way in ("plain", "shared", "features", "everything"):
        model = Tasks().double()
        compound, given, hidden = scored(model, options)
        if way == "plain":
            given.total.backward()
        else:
            place = {"shared": {"shared": model.trunk.parameters()}, "features": {"features": hidden}}.get(way, {})
            GradientBalancer(lambda gram: torch.ones(len(gram))).backward(given, **place)
        found.append({**gradients(model), **gradients(compound)})
    assert found[0]["idle"] is None
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_balanced_features_are_balanced_gradients():
    model = Tasks().double()
    _, given, hidden = scored(model, absent=["b"])
    rows = [torch.autograd.grad(given.parts[name], hidden, retain_graph=True)[0].flatten() for name in "ac"]
    expected = weights("mgda", torch.stack(rows)) @ torch.stack(rows)
    (wanted,) = torch.autograd.grad(hidden, model.trunk[0].weight, expected.view_as(hidden), retain_graph=True)
    found = GradientBalancer("mgda").backward(given, features=[hidden])
    torch.testing.assert_close(model.trunk[0].weight.grad, wanted)
    assert found.weights[1] == 1  # what is absent
    assert model.heads["a"].weight.grad.abs().sum() > 0
    assert not hidden._backward_hooks


def test_a_parameter_on_both_sides_of_the_features_gets_both_gradients():
    tied = torch.randn(4, 4, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    x = torch.eye(4).double()
    hidden = torch.tanh(x @ tied)
    losses = [(hidden @ tied).square().sum(), hidden.sum()]
    found = GradientBalancer(lambda gram: torch.tensor([1.0, 1.0])).backward(losses, features=hidden)
    hidden = torch.tanh(x @ tied)
    (expected,) = torch.autograd.grad((hidden @ tied).square().sum() + hidden.sum(), tied)
    torch.testing.assert_close(tied.grad, expected)
    assert found.weights.tolist() == [1.0, 1.0]


def test_terms_of_every_weighting_can_be_balanced():
    for name in WEIGHTINGS:
        options = {"steps_per_epoch": 2} if name in ("dynamic_average", "igb_v1", "igb_v2") else {}
        model = Tasks().double()
        _, given, hidden = scored(model, {"method": name, **options})
        columns = [torch.autograd.grad(term, hidden, retain_graph=True)[0].flatten() for term in given.terms]
        found = GradientBalancer("upgrad").backward(given, features=hidden)
        torch.testing.assert_close(found.gram, torch.stack(columns) @ torch.stack(columns).T)


def test_a_term_may_be_a_parameter_itself_and_a_parameter_may_miss_some_terms():
    own, other = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    found = GradientBalancer("mgda").backward([own, 2 * other.sum(), 3 * other[0]])
    rows = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 2.0], [0.0, 3.0, 0.0]])
    torch.testing.assert_close(found.gram, rows @ rows.T)
    torch.testing.assert_close(torch.cat([own.grad.reshape(1), other.grad]), found.weights @ rows)
    own.grad = other.grad = None
    GradientBalancer("mgda").backward([own, other.sum() + own], shared=[other])
    assert (own.grad.item(), other.grad.tolist()) == (2.0, [1.0, 1.0])


def test_gradients_accumulate_and_go_their_own_way():
    x = torch.ones(3, requires_grad=True)
    balancer = GradientBalancer("upgrad")
    balancer.backward([x[0] * 2, x[1] * 3])
    balancer.backward([x[0] * 2, x[1] * 3])
    assert x.grad.tolist() == [4.0, 6.0, 0.0]


@pytest.mark.parametrize("place", ["shared", "features"])
def test_a_gradient_that_is_not_finite_names_its_term_and_leaves_all_as_it_was(place):
    model = Tasks().double()
    _, given, hidden = scored(model)
    given.parts["b"].register_hook(lambda gradient: gradient * float("nan"))
    where = {"shared": list(model.trunk.parameters())} if place == "shared" else {"features": hidden}
    with pytest.raises(InputError, match="term 'b' is not finite"):
        GradientBalancer("pcgrad").backward(given, **where)
    assert all(parameter.grad is None for parameter in model.parameters())
    found = GradientBalancer("pcgrad").backward(given, **where, allow_nonfinite=True)
    assert found.weights.tolist() == [1.0, 1.0, 1.0]
    assert model.trunk[0].weight.grad.isnan().any()


def test_scaled_losses_have_the_same_weights():
    one, two = Tasks().double(), Tasks().double()
    _, given, hidden = scored(one)
    plain = GradientBalancer("cagrad").backward([given.parts[name] for name in "abc"], features=hidden)
    _, given, hidden = scored(two)
    scaled = GradientBalancer("cagrad").backward([2.0**16 * given.parts[name] for name in "abc"], features=hidden)
    torch.testing.assert_close(plain.weights, scaled.weights)


def test_half_precision_features_are_weighed_in_single():
    hidden = (100 * torch.ones(4, 50)).half().requires_grad_()
    found = GradientBalancer("upgrad").backward(
        [100 * (10 * hidden).float().sum(), hidden.float().sum()], features=hidden
    )
    assert found.gram.dtype is torch.float32
    assert found.weights.isfinite().all()


def test_random_orders_resume():
    rows = JACOBIANS[4]
    one, two = GradientBalancer("pcgrad", seed=5), GradientBalancer(**GradientBalancer("pcgrad", seed=5).to_config())
    one(rows @ rows.T)
    two.load_state_dict(one.state_dict())
    again = [one(rows @ rows.T) for _ in range(5)]
    torch.testing.assert_close([two(rows @ rows.T) for _ in range(5)], again, rtol=0, atol=0)
    assert len({tuple(found.tolist()) for found in again}) > 1


def balanced_pair(balance):
    return Compound(up=Term(perdita.Mse(), "out", "up"), down=Term(perdita.Mse(), "out", "down"), balance=balance)


def descend(compound, x, steps):
    """Where x is after some steps towards opposite targets; which gradient meets which first is drawn."""
    target = {"up": torch.tensor([1.0, 0.0, 2.0]), "down": torch.tensor([-1.0, 3.0, -2.0])}
    for _ in range(steps):
        x = x.detach().requires_grad_()
        scored = compound.score({"out": x}, target)
        found = compound.backward(scored, shared=[x])
        compound.step(scored)
        x = x - 0.1 * x.grad
    return x.detach(), found


def test_a_compound_that_balances_is_its_balancer_on_its_terms():
    x = torch.tensor([0.5, 0.2, -0.3])
    compound, apart = balanced_pair({"method": "pcgrad", "seed": 5}), balanced_pair(None)
    balancer = GradientBalancer("pcgrad", seed=5)
    apart.backward = lambda scored, shared: balancer.backward(scored, shared=shared)
    torch.testing.assert_close(descend(compound, x, 6), descend(apart, x, 6), rtol=0, atol=0)
    plain, found = descend(balanced_pair(None), x, 6)
    assert found is None
    assert (plain - descend(compound, x, 6)[0]).abs().max() > 1e-3
    again = build(compound.to_config())
    assert again.to_config() == compound.to_config()
    assert compound.to_config()["balance"] == {"method": "pcgrad", "seed": 5}


def test_a_compound_that_balances_resumes_to_the_last_bit():
    one, two = (balanced_pair({"method": "pcgrad", "seed": 5}) for _ in range(2))
    x, _ = descend(one, torch.tensor([0.5, 0.2, -0.3]), 3)
    two.load_state_dict(one.state_dict())
    torch.testing.assert_close(descend(one, x, 5), descend(two, x, 5), rtol=0, atol=0)
    assert two.position == 8


def test_weightings_of_torchjd_by_name_and_as_objects(monkeypatch):
    rows = JACOBIANS[3]
    expected = aggregation.DualProjWeighting()(rows @ rows.T)
    torch.testing.assert_close(weights("torchjd", rows, weighting="DualProj"), expected)
    torch.testing.assert_close(weights(aggregation.DualProjWeighting(), rows), expected)
    with pytest.raises(InputError, match="no weighting 'DualPoj'; did you mean 'DualProj'"):
        weights("torchjd", rows, weighting="DualPoj")
    monkeypatch.setitem(sys.modules, "torchjd", None)
    with pytest.raises(MissingExtraError, match="multitask"):
        weights("torchjd", rows, weighting="DualProj")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientBalancer("pcgard"), "unknown balancer 'pcgard'; did you mean 'pcgrad'"),
        (lambda: GradientBalancer("upgrad", c=0.5), "balancer upgrad: .*'c'"),
        (lambda: weights("cagrad", JACOBIANS[0], c=-1.0), "c must be at least 0"),
        (lambda: weights("aligned_mtl", JACOBIANS[0], scale="max"), "scale must be one of"),
        (lambda: GradientBalancer()(torch.ones(2, 3)), r"gram must be \(k, k\)"),
        (lambda: GradientBalancer().backward([]), "at least one scalar"),
        (lambda: GradientBalancer().backward([torch.ones(2)]), "at least one scalar"),
        (lambda: GradientBalancer().backward([torch.ones(())]), "must have a graph"),
        (lambda: balanced_pair(3), "balance must be a method's name or configuration, not int"),
        (lambda: balanced_pair({"c": 0.5}), "balance must have a method, one of .*upgrad"),
        (lambda: Compound(inner=balanced_pair("mgda"), b=perdita.Mse()), "'inner' is a compound that balances"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_where_to_balance_must_be_clear():
    x = torch.ones(2, requires_grad=True)
    for place, message in (
        ({"shared": [x], "features": x}, "not both"),
        ({"shared": []}, "shared must hold"),
        ({"features": torch.ones(2)}, "features must hold"),
        ({"names": ["one"]}, "names must be one for each of the 2 terms"),
    ):
        with pytest.raises(InputError, match=message):
            GradientBalancer().backward([x.sum(), x.prod()], **place)
