"""The doctor: each failure comes with its input and with what to do; traits and price of a loss that claims none."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import perdita
from perdita.core import InputError
from perdita.testing import CHECKS
from perdita.testing.battery import subject_of
from perdita.testing.doctor import diagnose, locate, to_junit
from perdita.testing.doctor.advice import ADVICE
from perdita.testing.doctor.diagnosis import seen_traits
from perdita.testing.doctor.inputs import ARGUMENTS, SAMPLERS
from perdita.testing.doctor.price import price, seconds
from tests.references import SAMPLES
from tests.testing import plain_losses


def test_every_check_says_what_it_asks_and_what_to_do():
    assert sorted(ADVICE) == sorted(CHECKS)
    for name, check in CHECKS.items():
        assert ADVICE[name].endswith("."), name
        assert (check.run.__doc__ or "").split("\n")[0].strip(), name


def test_a_failure_has_its_input_and_advice_apart_from_its_message():
    (found,) = diagnose(plain_losses.naive_cross_entropy, ["extreme_inputs"]).failures
    assert found.input == "input=[[10000.0, 10000.0]], target=[0]"
    assert "input" not in found.message
    assert found.advice == ADVICE["extreme_inputs"]


def test_what_passes_or_does_not_apply_has_no_advice():
    found = diagnose(nn.CrossEntropyLoss, ["gradcheck", "config"])
    assert [(one.verdict, one.advice) for one in found.findings] == [("pass", ""), ("not applicable", "")]
    assert (found.failures, found.price, found.traits) == ((), None, {})


def test_the_traits_of_a_foreign_loss_are_those_of_the_same_perdita_loss():
    card = perdita.card("cross_entropy")
    seen = seen_traits(subject_of(nn.CrossEntropyLoss))
    assert {trait: seen[trait] for trait, _ in card.traits.items()} == dict(card.traits.items())
    squared = seen_traits(subject_of(plain_losses.mean_squared_error))
    assert squared["constant_hessian"]
    assert not squared["bounded"]
    assert "symmetric" not in squared  # it has no labels to sum over


def test_a_whole_diagnosis_is_json():
    found = diagnose(plain_losses.good_cross_entropy).to_json()
    assert (found["loss"], found["task"], found["plain"], found["failed"]) == (
        "good_cross_entropy", "multiclass", True, 0
    )  # fmt: skip
    assert [one["check"] for one in found["findings"]] == list(CHECKS)
    assert found["traits"]["proper"]
    assert found["price"]["peer_seconds"] > 0


def test_a_loss_that_vmap_refuses_still_shows_its_traits():
    assert diagnose(plain_losses.naive_cross_entropy).traits["shift_invariant"]


def test_price_counts_what_is_kept_and_how_it_grows():
    def pairs(first, second):
        return (first @ second.T).square().exp().sum(1).log()

    own, cross, every = (price(subject_of(x)) for x in (plain_losses.good_cross_entropy, nn.CrossEntropyLoss(), pairs))
    assert cross.kept_bytes == cross.peer_kept_bytes >= 4 * cross.numbers
    assert (own.rows, own.numbers, own.growth) == (1024, 1024 * 256, 1.0)
    assert every.growth > 1.5
    assert min(own.seconds, own.peer_seconds) > 0


def test_times_are_of_turns_beside_each_other():
    calls = []
    quick, slow = seconds(lambda: calls.append("quick"), lambda: (calls.append("slow"), time.sleep(0.002)))
    assert quick < 0.002 <= slow
    assert calls == ["quick", "slow"] * (len(calls) // 2)


def test_junit_has_a_case_for_each_check():
    found = diagnose(plain_losses.naive_cross_entropy, ["gradcheck", "config", "extreme_inputs"])
    suite = ElementTree.fromstring(to_junit(found).encode())
    assert [suite.get(key) for key in ("tests", "failures", "skipped")] == ["3", "1", "1"]
    cases = {case.get("name"): case for case in suite}
    assert cases["gradcheck"].find("failure") is cases["gradcheck"].find("skipped") is None
    assert cases["config"].find("skipped").get("message") == "not applicable: it is no perdita loss"
    assert ADVICE["extreme_inputs"] in cases["extreme_inputs"].find("failure").text


def test_locate():
    assert locate("torch.nn:CrossEntropyLoss") is nn.CrossEntropyLoss
    assert locate("torch:nn.functional.mse_loss") is nn.functional.mse_loss
    with pytest.raises(InputError, match="no_such_module cannot be imported"):
        locate("no_such_module:loss")
    with pytest.raises(InputError, match="did you mean 'CrossEntropyLoss'"):
        locate("torch.nn:CrossEntropyLos")


def test_inputs_are_known_for_every_loss_whose_signature_cannot_tell_them():
    names = {card.name for card in perdita.cards()}
    assert set(SAMPLES) <= set(SAMPLERS) <= names
    assert set(ARGUMENTS) <= names


@pytest.mark.parametrize("name", [card.name for card in perdita.cards()])
def test_every_loss_of_the_catalogue_is_drawn_called_and_differentiated(name):
    subject = subject_of(perdita.card(name), sampler=SAMPLERS.get(name), arguments=ARGUMENTS.get(name))
    for seed in range(2):
        value, gradients = subject.gradients(subject.sample(seed))
        assert torch.isfinite(value)
        assert gradients


@pytest.mark.parametrize("name", ["ctc", "kl_div", "box_iou", "structural_similarity", "number_token"])
def test_nothing_fails_on_inputs_of_its_own(name):
    assert diagnose(perdita.card(name), [check for check in CHECKS if check != "compile"]).failures == ()
