"""Every loss of the catalogue against every check of the battery."""

from __future__ import annotations

import random

import pytest

import perdita
from perdita.testing import CHECKS, run_battery
from perdita.testing.battery import subject_of
from perdita.testing.transform_checks import compile_equals_eager
from tests.references import ARGUMENTS, SAMPLES

NAMES = [card.name for card in perdita.cards()]
INDUCTOR_SAMPLE = random.Random(0).sample(NAMES, min(3, len(NAMES)))


def _given(name):
    return {"sampler": SAMPLES.get(name), "arguments": ARGUMENTS.get(name)}


@pytest.fixture(autouse=True)
def _untimed_guards(monkeypatch):
    """The compiler times its guards after emptying the processor's caches: a tenth of a second for each graph."""
    monkeypatch.setattr("torch._dynamo.guards.profile_guard_manager", lambda *_: 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_conforms(name):
    """All checks in one test, as `perdita check` runs them: a test for each takes longer than most checks."""
    outcomes = run_battery(perdita.card(name), **_given(name))
    assert [outcome.check for outcome in outcomes] == list(CHECKS)
    failed = [f"{o.check}: {o.message}" for o in outcomes if o.status not in ("pass", "limit", "not applicable")]
    assert not failed, "\n".join(failed)


def test_limits_name_checks():
    """A limit that names no check would never be proved."""
    assert [card.name for card in perdita.cards() if not set(card.limits) <= set(CHECKS)] == []


# PyTorch's own inductor still imports what PyTorch deprecates
TORCH_ITSELF = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")


@TORCH_ITSELF
@pytest.mark.slow
@pytest.mark.parametrize("name", INDUCTOR_SAMPLE)
def test_inductor_sample(name):
    _compile_with_inductor(name)


@TORCH_ITSELF
@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in NAMES if name not in INDUCTOR_SAMPLE])
def test_inductor(name):
    _compile_with_inductor(name)


def _compile_with_inductor(name):
    if "compile" in perdita.card(name).limits:
        return  # that it does not compile is proved with the battery
    compile_equals_eager(subject_of(perdita.card(name), **_given(name)), backend="inductor")


def test_samplers_and_arguments_belong_to_losses():
    assert set(SAMPLES) | set(ARGUMENTS) <= set(NAMES)


def test_every_check_applies_to_some_loss():
    """A check that applies to no loss of the catalogue would show nothing."""
    subjects = [subject_of(perdita.card(name), **_given(name)) for name in NAMES]
    idle = [name for name, check in CHECKS.items() if all(check.reason_against(subject) for subject in subjects)]
    assert sorted(idle) == ["long_batch", "silent"]  # of losses that know nothing of perdita: tests/testing has them
