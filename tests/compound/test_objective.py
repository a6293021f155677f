"""Compounds: what they sum up, what they read, how they nest, move on, resume and complain."""

import copy
import doctest
import importlib

import pytest
import torch
from torch import nn

import perdita
from perdita.compound import Compound, Cosine, EnsLoss, Stepwise, Term, UncertaintyWeighting, WarmUp, build, gramian
from perdita.compound.weighting import WEIGHTINGS
from perdita.core import InputError
from perdita.training.accumulation import shared_normalizer

EPOCHS = {name: {"steps_per_epoch": 3} for name in ("dynamic_average", "igb_v1", "igb_v2")}


def tasks(n=12, seed=0):
    """Outputs with a graph, and a batch with labels, depths and a mask."""
    generator = torch.Generator().manual_seed(seed)
    outputs = {
        "kind": torch.randn(n, 4, generator=generator, dtype=torch.float64).requires_grad_(),
        "depth": torch.randn(n, generator=generator, dtype=torch.float64).requires_grad_(),
    }
    batch = {
        "kind": torch.randint(4, (n,), generator=generator),
        "depth": torch.randn(n, generator=generator, dtype=torch.float64),
        "valid": torch.rand(n, generator=generator) < 0.6,
    }
    return outputs, batch


def two_terms(**options):
    return Compound(
        kind=Term(perdita.CrossEntropy(), outputs="kind", batch="kind"),
        depth=Term(perdita.Mse(), outputs="depth", batch={"target": "depth", "mask": "valid"}, weight=0.25),
        **options,
    ).double()


def by_hand(outputs, batch):
    kind = perdita.functional.cross_entropy(outputs["kind"], batch["kind"])
    return kind, perdita.functional.mse(outputs["depth"], batch["depth"], mask=batch["valid"])


def test_total_and_parts_in_one_pass():
    outputs, batch = tasks()
    scored = two_terms().score(outputs, batch)
    kind, depth = by_hand(outputs, batch)
    torch.testing.assert_close(scored.total, kind + 0.25 * depth)
    torch.testing.assert_close(scored.parts, {"kind": kind, "depth": depth})
    torch.testing.assert_close(scored.terms.sum(), scored.total)
    assert {name: weight.item() for name, weight in scored.weights.items()} == {"kind": 1.0, "depth": 0.25}
    torch.testing.assert_close(two_terms()(outputs, batch), scored.total)


def test_arithmetic_becomes_a_compound():
    logits, target = torch.randn(6, 3), torch.randint(3, (6,))
    total = perdita.Focal() + 0.5 * perdita.CrossEntropy()
    compound = Compound.of(total)
    torch.testing.assert_close(compound(logits, target), total(logits, target))
    assert list(compound.score(logits, target).parts) == list(total.criteria)
    learned = Compound.of(total, weights="uncertainty")
    assert isinstance(learned.weighting, UncertaintyWeighting)


def test_fields_of_tuples_and_objects():
    class Output:
        logits = torch.randn(4, 3)

    target, weight = torch.randint(3, (4,)), torch.rand(4)
    by_place = Compound(ce=Term(perdita.CrossEntropy(), outputs="logits", batch={"target": 0, "weight": 1}))
    expected = perdita.functional.cross_entropy(Output.logits, target, weight=weight)
    torch.testing.assert_close(by_place(Output(), (target, weight)), expected)


def test_terms_of_torch_itself():
    x, y = torch.randn(5), torch.randn(5)
    compound = Compound(square=nn.MSELoss(), absolute=nn.L1Loss(), weights={"absolute": 2})
    torch.testing.assert_close(compound(x, y), nn.functional.mse_loss(x, y) + 2 * nn.functional.l1_loss(x, y))


def test_nested_parts_have_full_names_and_learn():
    outputs, batch = tasks()
    inner = two_terms(weights="uncertainty")
    outer = Compound(
        both=inner, again=Term(perdita.L1(), outputs="depth", batch="depth"), weights={"both": 0.5}
    ).double()
    scored = outer.score(outputs, batch)
    assert list(scored.parts) == ["both", "both.kind", "both.depth", "again"]
    torch.testing.assert_close(scored.parts["both"], inner(outputs, batch))
    torch.testing.assert_close(scored.total, 0.5 * scored.parts["both"] + scored.parts["again"])
    outer.step(scored)
    assert (outer.position, inner.position, inner.weighting.steps) == (1, 1, 1)
    assert [name for name, _ in outer.named_parameters()] == ["criteria.both.weighting.log_vars"]


def test_a_sum_is_a_nested_compound():
    logits, target = torch.randn(6, 3), torch.randint(3, (6,))
    total = perdita.Focal() + 0.5 * perdita.CrossEntropy()
    scored = Compound(sum=total, square=perdita.Squentropy()).score(logits, target)
    assert list(scored.parts) == ["sum", "sum.focal", "sum.cross_entropy", "square"]
    torch.testing.assert_close(scored.parts["sum"], total(logits, target))


def test_schedules_move_with_the_steps():
    x, y = torch.randn(5), torch.randn(5)
    compound = Compound(
        up=Term(perdita.Mse(), schedule=WarmUp(until=0.5)),
        down=Term(perdita.Mse(), weight=2.0, schedule=Cosine()),
        own=Term(perdita.Mse(), schedule=lambda progress: 1 - progress),
        at=Term(perdita.Mse(), schedule=Stepwise({0.75: 0.0, 0.25: 0.1})),
        steps=4,
    )
    seen = []
    for _ in range(4):
        seen.append(compound.scales.tolist())
        compound.step(compound.score(x, y))
    expected = [[0, 2, 1, 1], [0.5, 1 + 2**-0.5, 0.75, 0.1], [1, 1, 0.5, 0.1], [1, 1 - 2**-0.5, 0.25, 0]]
    torch.testing.assert_close(torch.tensor(seen), torch.tensor(expected))


def test_a_schedule_that_ends_before_the_training():
    x, y = torch.randn(5), torch.randn(5)
    compound = Compound(a=Term(perdita.Mse(), schedule="cosine"), steps=2)
    for _ in range(2):
        compound.step(compound.score(x, y))
    with pytest.raises(InputError, match="schedule of term 'a' ended at step 2, and the training goes on"):
        compound.step(compound.score(x, y))
    unplanned = Compound(a=Term(perdita.Mse(), schedule="cosine"))
    with pytest.raises(InputError, match="'a' has a schedule, so the compound needs steps"):
        unplanned.step(unplanned.score(x, y))


def micro_batches(outputs, batch, parts):
    pieces = [{name: tensor.chunk(parts) for name, tensor in source.items()} for source in (outputs, batch)]
    return [tuple({name: chunks[i] for name, chunks in piece.items()} for piece in pieces) for i in range(parts)]


@pytest.mark.parametrize("weights", [None, {"kind": 3.0}, "uncertainty", "random"])
def test_accumulated_micro_batches_are_the_whole_batch(weights):
    outputs, batch = tasks()
    whole, parts = two_terms(weights=weights), two_terms(weights=weights)
    scored = whole.score(outputs, batch)
    scored.total.backward()
    expected = [outputs[name].grad.clone() for name in outputs] + [p.grad for p in whole.parameters()]
    record = whole.step(scored)
    for tensor in outputs.values():
        tensor.grad = None
    valid = batch["valid"].chunk(3)
    normalizer = {"kind": 12.0, "depth": shared_normalizer(batch["depth"].chunk(3), masks=valid)}
    assert len({int(mask.sum()) for mask in valid}) > 1  # so that the mean of means would be another gradient
    pieces = [
        parts.score(some, own, normalizer=normalizer, micro_batches=3) for some, own in micro_batches(outputs, batch, 3)
    ]
    for piece in pieces:
        piece.total.backward()
    found = [outputs[name].grad for name in outputs] + [p.grad for p in parts.parameters()]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(parts.step(*pieces), record)


def test_an_absent_term_is_left_out_with_its_price():
    outputs, batch = tasks()
    compound = two_terms(weights="uncertainty")
    scored = compound.score({"kind": outputs["kind"]}, {"kind": batch["kind"]}, absent={"depth"})
    scored.total.backward()
    torch.testing.assert_close(scored.total, by_hand(outputs, batch)[0])
    assert compound.weighting.log_vars.grad[1] == 0
    assert "depth" not in compound.step(scored).parts
    with pytest.raises(InputError, match="geometric needs every term"):
        two_terms(weights="geometric").score(outputs, batch, absent=["depth"])


@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_compiles_whole_and_never_again(method):
    torch.compiler.reset()
    outputs, batch = tasks()
    compound = two_terms(weights={"method": method, **EPOCHS.get(method, {})})
    compiled = torch.compile(compound, fullgraph=True, backend="aot_eager")
    for stance in ("default", "fail_on_recompile", "fail_on_recompile"):
        scored = compound.score(outputs, batch)
        with torch.compiler.set_stance(stance):
            torch.testing.assert_close(compiled(outputs, batch), scored.total)
        compound.step(scored, gram=torch.eye(2))


def train(compound, steps, model=None, optimizer=None, start=0):
    """A small run on batches that follow from the step's number alone."""
    for step in range(start, start + steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 3, generator=generator)
        outputs = model(x)
        target = torch.stack([x.sum(1), (x**2).sum(1)], 1) + 0.1 * torch.randn(16, 2, generator=generator)
        scored = compound.score(
            {"a": outputs[:, 0], "b": outputs[:, 1]}, {"a": target[:, 0], "b": target[:, 1], "all": target}
        )
        gram = gramian(scored.losses, [model[0].weight])
        optimizer.zero_grad()
        scored.total.backward()
        optimizer.step()
        record = compound.step(scored, gram=gram)
    return record


def setting(method):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    options = {"update_every": 4, "start_epoch": 2, "update_after": 1} if method == "igb_v2" else {}
    weights = {"method": method, **EPOCHS.get(method, {}), **options}
    terms = {name: Term(perdita.Mse(), name, name, schedule=Cosine(1.0, 0.5)) for name in ("a", "b")}
    compound = Compound(terms, weights=weights, steps=30)
    optimizer = torch.optim.Adam([*model.parameters(), *compound.parameters()], lr=0.01)
    return model, compound, optimizer


@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_resuming_from_a_checkpoint_is_exact(method, tmp_path):
    model, compound, optimizer = setting(method)
    train(compound, 13, model, optimizer)
    saved = {"model": model, "compound": compound, "optimizer": optimizer}
    torch.save({name: part.state_dict() for name, part in saved.items()}, tmp_path / "checkpoint.pt")
    expected = train(compound, 13, model, optimizer, start=13)

    model, compound, optimizer = setting(method)
    loaded = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name, part in {"model": model, "compound": compound, "optimizer": optimizer}.items():
        part.load_state_dict(loaded[name])
    assert compound.position == 13
    found = train(compound, 13, model, optimizer, start=13)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("method", list(WEIGHTINGS))
def test_copies_and_configurations_are_equal(method):
    model, compound, optimizer = setting(method)
    train(compound, 7, model, optimizer)
    outputs, batch = {"a": torch.ones(4), "b": torch.zeros(4)}, {"a": torch.full((4,), 3.0), "b": torch.ones(4)}
    expected = compound.score(outputs, batch)
    twin = copy.deepcopy(compound)
    torch.testing.assert_close(twin.score(outputs, batch), expected, rtol=0, atol=0)
    twin.step(expected, gram=torch.eye(2))
    torch.testing.assert_close(compound.score(outputs, batch), expected, rtol=0, atol=0)  # the twin stands for itself
    rebuilt = build(compound.to_config())
    assert rebuilt.to_config() == compound.to_config()
    rebuilt.load_state_dict(compound.state_dict())
    torch.testing.assert_close(rebuilt.score(outputs, batch), expected, rtol=0, atol=0)


def test_numbers_that_are_none_name_term_and_step():
    class Broken(nn.Module):
        def forward(self, x, y):
            return (x - y).sum() * float("nan")

    x, y = torch.randn(5), torch.randn(5)
    compound = Compound(fine=perdita.Mse(), broken=Broken())
    compound.position = 17
    with pytest.raises(InputError, match="term 'broken' is nan at step 17"):
        compound(x, y)
    with pytest.raises(InputError, match="term 'fine' at step 0: prediction must be finite"):
        Compound(fine=perdita.Mse())(x * float("inf"), y)


def test_a_weight_that_reaches_infinity():
    x, y = torch.randn(5), torch.randn(5)
    compound = Compound(a=perdita.Mse(), b=perdita.L1(), weights={"method": "uncertainty", "lowest": -1000.0})
    with torch.no_grad():
        compound.weighting.log_vars[1] = -200
    with pytest.raises(InputError, match="term 'b' has a weight of inf at step 0"):
        compound(x, y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Compound(), "at least one term"),
        (lambda: Compound({"a.b": perdita.Mse()}), "no dot"),
        (lambda: Compound(items=perdita.Mse()), "cannot have this name"),
        (lambda: Compound(a=3), "criterion must be a module"),
        (lambda: Compound(a=perdita.Mse(), weights={"b": 1.0}), "'b', which is not there"),
        (lambda: Compound(depth=perdita.Mse(), weights={"dept": 1.0}), "did you mean 'depth'"),
        (lambda: Compound(a=perdita.Mse(), weights="uncertanty"), "did you mean 'uncertainty'"),
        (lambda: Compound(a=perdita.Mse(), weights=["uncertainty"]), "not list"),
        (lambda: Compound(a=perdita.Mse(), weights=UncertaintyWeighting(2)), "2 losses, but there are 1 terms"),
        (
            lambda: Compound(a=perdita.Mse(), weights={"method": "uncertainty", "kinds": {"b": "laplace"}}),
            "kinds names",
        ),
        (lambda: Compound(a=perdita.Mse(), weights={"method": "random", "spread": 1}), "weighting random: .*spread"),
        (lambda: Term(perdita.Mse(), schedule="cosin"), "did you mean 'cosine'"),
        (lambda: Term(perdita.Mse(), schedule={"shape": "warm_up", "untill": 1}), "untill"),
        (lambda: Term(perdita.Mse(), schedule={"shape": "warm_up", "until": 2}), r"until must be a share"),
        (lambda: Term(perdita.Mse(), weight="big"), "weight must be a number"),
    ],
)
def test_what_cannot_be_built(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_missing_fields_are_named():
    outputs, batch = tasks()
    compound = two_terms()
    with pytest.raises(InputError, match="term 'depth' reads the output 'depth', which is not there; there are: kind"):
        compound({"kind": outputs["kind"]}, batch)
    with pytest.raises(InputError, match="batch field 'depth', which is not there; did you mean 'depht'"):
        compound(outputs, {"kind": batch["kind"], "depht": batch["depth"]})
    with pytest.raises(InputError, match="term 'kind' reads the output 'kind', but a Tensor came"):
        compound(torch.zeros(3), batch)


def test_unknown_names_when_scored_and_unreduced_terms():
    outputs, batch = tasks()
    with pytest.raises(InputError, match="absent names the term 'deep'"):
        two_terms()(outputs, batch, absent=["deep"])
    with pytest.raises(InputError, match="normalizer names the term 'deep'"):
        two_terms()(outputs, batch, normalizer={"deep": 2.0})
    with pytest.raises(InputError, match=r"'a' must be one number, but has the shape \(5,\)"):
        Compound(a=perdita.Mse(reduction="none"))(torch.zeros(5), torch.zeros(5))
    with pytest.raises(InputError, match="step takes what score gave"):
        two_terms().step()


@pytest.mark.parametrize("module", ["objective", "terms", "config"])
def test_the_examples_run(module):
    found = doctest.testmod(
        importlib.import_module(f"perdita.compound.{module}"),
        extraglobs={"torch": torch, "perdita": perdita},
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert found.attempted > 0
    assert found.failed == 0


def test_terms_of_a_weighting_go_to_a_gradient_balancer():
    outputs, batch = tasks()
    scored = two_terms(weights={"method": "igb_v1", "base_losses": [1.0, 1.0]}).score(outputs, batch)
    gram = gramian(scored.terms, list(outputs.values()))
    one = torch.autograd.grad(scored.terms[1], outputs["depth"], retain_graph=True)[0]
    torch.testing.assert_close(gram, torch.diag(gram.diagonal()))  # each term reads an output of its own
    torch.testing.assert_close(gram[1, 1], one.square().sum())


def test_a_random_ensemble_is_a_term():
    logits, target = torch.randn(8).requires_grad_(), torch.randint(2, (8,))
    compound = Compound(ensemble=EnsLoss(generator=torch.Generator().manual_seed(0)), logistic=nn.SoftMarginLoss())
    compound(logits, target).backward()
    assert logits.grad.isfinite().all()
