"""Every loss against its slow definition in NumPy: several samples, hyper-parameters, optional inputs, dimensions."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import perdita
from perdita.core.card import Choice, Range
from perdita.testing import Sample
from perdita.testing.battery import subject_of
from perdita.testing.sample import inside
from tests.references import ARGUMENTS, REFERENCES, SAMPLES

NAMES = [card.name for card in perdita.cards()]
KNOWN = [name for name in NAMES if name in REFERENCES]


def test_every_loss_has_a_reference():
    assert sorted(set(NAMES) - set(REFERENCES)) == []


def test_every_reference_has_a_loss():
    assert sorted(set(REFERENCES) - set(NAMES)) == []


def _options(card, seed):
    """Hyper-parameters from the card's ranges; the first sample keeps the defaults."""
    if seed == 0:
        return {}
    found = {}
    for name, allowed in card.ranges.items():
        if isinstance(allowed, Choice):
            found[name] = allowed.values[seed % len(allowed.values)]
        elif isinstance(allowed, Range) and isinstance(card.signature.defaults[name], int | float):
            found[name] = inside(allowed, (0.15, 0.5, 0.85)[seed % 3])
    for name, default in card.signature.defaults.items():
        if isinstance(default, bool):
            found[name] = bool(seed % 2)
    return found


def _accepted(reference, arrays, options, state):
    """The reference takes what its signature names; a tensor it does not know is a fault of the reference."""
    parameters = inspect.signature(reference).parameters
    given = {**arrays, **options, **({"state": state} if "state" in parameters else {})}
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        assert set(given) <= set(parameters), f"the reference does not take {sorted(set(given) - set(parameters))}"
    return reference(**given)


CASES = [
    (name, seed, extra, optional)
    for name in KNOWN
    for seed, extra, optional in ((0, (), False), (1, (), True), (2, (2,), False), (3, (2, 3), True), (4, (), False))
]


def _extra_fits(card, extra):
    return not extra or any(shape.variadic for item in card.signature.fields for shape in item.shapes)


@pytest.mark.parametrize(("name", "seed", "extra", "optional"), CASES)
def test_equals_reference(name, seed, extra, optional):
    subject = subject_of(perdita.card(name), sampler=SAMPLES.get(name), arguments=ARGUMENTS.get(name))
    card = subject.card
    alternatives = 1 if subject.sampler else max(len(item.shapes) for item in card.signature.fields)
    extra = extra if _extra_fits(card, extra) else ()
    for alternative in range(alternatives):
        drawn = subject.sample(200 + seed, extra=extra, optional=optional, alternative=alternative)
        options = {} if card.function is None else {**drawn.options, **_options(card, seed)}
        state = {key: value.detach().numpy() for key, value in subject.parameters().items()}
        found = subject(Sample(drawn.tensors, options), reduction="none").detach().numpy()
        arrays = {key: tensor.numpy() for key, tensor in drawn.tensors.items()}
        given = dict(subject.arguments or {}) if card.function is None else options
        expected = _accepted(REFERENCES[name], arrays, given, state)
        values, counts = expected if isinstance(expected, tuple) else (expected, None)
        np.testing.assert_allclose(found, values, rtol=1e-10, atol=1e-12, err_msg=f"{name} with {options}")
        if counts is not None:
            mean = subject(Sample(drawn.tensors, options), reduction="mean").item()
            total = np.sum(counts)
            np.testing.assert_allclose(mean, np.sum(values) / total if total else 0.0, rtol=1e-10, atol=1e-12)


def test_reference_comparison_can_fail():
    """A loss that is off by one part in a million is noticed."""
    subject = subject_of(perdita.card("squentropy"))
    drawn = subject.sample(200)
    found = subject(Sample(drawn.tensors), reduction="none").numpy() * (1 + 1e-6)
    expected = REFERENCES["squentropy"](**{key: tensor.numpy() for key, tensor in drawn.tensors.items()})
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert torch.is_tensor(drawn.tensors["logits"])
