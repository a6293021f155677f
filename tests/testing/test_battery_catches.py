"""Each check of the battery catches a loss made to fail it, and passes one without fault."""

from __future__ import annotations

import pytest
import torch

import perdita
from perdita.core import InputError, Traits, catalogue
from perdita.testing import CHECKS, ConformanceError, assert_loss_conforms, run_battery
from tests.testing import broken
from tests.testing.broken import BROKEN, good, make
from tests.testing.false_claims import WRONG_CLAIMS, claims, regression

CASES = [(check, builder) for check, builders in BROKEN.items() for builder in builders]


@pytest.fixture(autouse=True)
def catalogue_restored(monkeypatch):
    list(perdita.cards())  # the catalogue is full before it is copied
    monkeypatch.setattr(catalogue, "_CARDS", dict(catalogue._CARDS))
    monkeypatch.setattr(catalogue, "_ALIASES", dict(catalogue._ALIASES))


def status(made, check):
    (outcome,) = run_battery(made, [check])
    return outcome


def test_every_check_has_a_loss_that_fails_it():
    assert sorted(set(CHECKS) - set(BROKEN)) == ["long_batch", "silent"]  # of plain losses: test_plain_faults.py
    assert sorted(set(BROKEN) - set(CHECKS)) == []


@pytest.mark.parametrize(("check", "builder"), CASES, ids=[f"{c}-{b.__name__}-{i}" for i, (c, b) in enumerate(CASES)])
def test_fault_is_caught(check, builder):
    outcome = status(builder(), check)
    assert outcome.status == "fail", outcome
    assert outcome.message


@pytest.mark.parametrize("check", list(CHECKS))
def test_faultless_loss_passes(check):
    assert status(make(), check).status in ("pass", "not applicable")


@pytest.mark.parametrize("trait", list(WRONG_CLAIMS))
def test_true_claims_pass(trait):
    without, with_it = WRONG_CLAIMS[trait]
    assert status(claims(with_it, **{trait: True})(), f"trait_{trait}").status == "pass"
    catalogue._CARDS.pop("broken")
    assert status(claims(without, **{trait: False})(), f"trait_{trait}").status == "pass"


@pytest.mark.parametrize(("body", "statistic"), [(torch.square, "mean"), (torch.abs, "median")])
def test_true_minimizers_pass(body, statistic):
    assert status(regression(body, statistic)(), "trait_minimizer").status == "pass"


def test_unknown_statistic_is_named():
    assert "middle" in status(regression(torch.abs, "middle")(), "trait_minimizer").message


def test_claim_that_cannot_be_tested_fails():
    made = broken.batch_level(lambda z, mask: z.square().sum(), traits=Traits(proper=True))
    assert status(made, "trait_proper").status == "fail"


def test_message_shows_the_smallest_failing_input():
    outcome = status(broken.always_float32(), "result_dtype")
    assert "target=[" in outcome.message
    assert outcome.message.count("]") == 3  # one item: logits=[[…]], target=[…]


def test_needless_limit_fails():
    outcome = status(make(limits={"vmap": "no batching rule"}), "vmap")
    assert (outcome.status, "not needed" in outcome.message) == ("fail", True)


def test_limit_on_a_check_that_does_not_apply_fails():
    assert status(make(limits={"class_mask": "no such thing"}), "class_mask").status == "fail"


def test_real_limit_is_proved():
    outcome = status(
        make(broken.naive_softmax().per_example, name="other", limits={"extreme_inputs": "exp"}), "extreme_inputs"
    )
    assert outcome.status == "limit"
    assert outcome.message.startswith("exp [")


def test_silent_limit_of_a_transform_fails():
    """compile may be refused with an error, but a NaN hidden in compiled code is no accepted limit."""
    body = broken.hides_nan().per_example
    outcome = status(make(body, name="other", limits={"compile": "hides NaN"}), "compile")
    assert (outcome.status, "nothing is raised" in outcome.message) == ("fail", True)


def test_limit_with_an_accident_fails():
    def body(z, y):
        return good(z, y) if torch.compiler.is_compiling() or z.ndim < 2 else z.no_such_method()

    outcome = status(make(body, limits={"func_grad": "never"}), "func_grad")
    assert (outcome.status, "accident" in outcome.message) == ("fail", True)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="gradcheck"):
        run_battery(make(), ["gradchek"])
    with pytest.raises(InputError, match="no_such_check"):
        run_battery(make(name="other", limits={"no_such_check": "x"}))
    with pytest.raises(InputError, match="loss must be"):
        run_battery("cross_entropy")


def test_assert_loss_conforms():
    assert_loss_conforms(perdita.card("squentropy"), ["gradcheck", "reductions", "trait_convex"])
    with pytest.raises(ConformanceError, match="result_dtype"):
        assert_loss_conforms(broken.always_float32(), ["gradcheck", "result_dtype"])
