"""Samples fit the signature, lie in their domains and are the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import perdita
from perdita.core import Choice, Range
from perdita.core.domains import DOMAINS
from perdita.core.signature import REQUIRED
from perdita.testing import Sample, sample
from perdita.testing.rejection_checks import outside
from perdita.testing.sample import inside, options_for
from tests.references import ARGUMENTS, SAMPLES

CARDS = [card for card in perdita.cards() if card.name not in SAMPLES and card.name not in ARGUMENTS]


def draw(card, seed=0, **wanted):
    return sample(card, torch.Generator().manual_seed(seed), **wanted)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_fits_the_signature_and_the_domains(card):
    for optional in (False, True):
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
            _expect_fits(card, draw(card, optional=optional, dtype=dtype, n=3), optional, dtype)


def _expect_fits(card, drawn, optional, dtype):
    sizes = {}
    for item in card.signature.fields:
        if item.name not in drawn.tensors:
            assert item.optional
            assert not optional
            continue
        tensor = drawn.tensors[item.name]
        item.bind(tensor, sizes)  # raises where the shape does not fit
        domain = "simplex" if item.domain == "labels" and tensor.is_floating_point() else item.domain
        bad = DOMAINS[domain].outside
        assert tensor.dtype is torch.bool or bad is None or not bad(tensor).any()
        if tensor.is_floating_point():
            assert tensor.dtype is dtype


def test_same_seed_same_sample():
    card = perdita.card("cross_entropy")
    first, again, other = draw(card, 1), draw(card, 1), draw(card, 2)
    assert torch.equal(first.tensors["logits"], again.tensors["logits"])
    assert torch.equal(first.tensors["target"], again.tensors["target"])
    assert not torch.equal(first.tensors["logits"], other.tensors["logits"])


def test_sizes_alternatives_and_further_dimensions():
    card = perdita.card("cross_entropy")
    assert draw(card, n=2).tensors["logits"].shape == (2, 4)
    assert draw(card, n=0).tensors["target"].shape == (0,)
    wide = draw(card, n=2, extra=(2, 3), alternative=1)
    assert wide.tensors["logits"].shape == wide.tensors["target"].shape == (2, 4, 2, 3)
    assert wide.tensors["target"].is_floating_point()


def test_every_class_occurs_and_one_item_has_any_class():
    card = perdita.card("cross_entropy")
    assert set(draw(card, n=8).tensors["target"].tolist()) == {0, 1, 2, 3}
    assert len({draw(card, seed, n=1).tensors["target"].item() for seed in range(30)}) == 4


def test_masked_class_is_no_target():
    drawn = draw(perdita.card("cross_entropy"), n=20, optional=True)
    assert drawn.tensors["target"].max() == 2
    assert not drawn.tensors["class_mask"][:, 3].any()
    assert drawn.tensors["class_mask"][:, :3].all()


def test_sampler_is_asked_first():
    card = perdita.card("cross_entropy")
    own = {"logits": torch.zeros(1, 2), "target": torch.tensor([1])}
    made = sample(card, torch.Generator(), samplers={"cross_entropy": lambda generator, n, dtype: own})
    assert made == Sample(own)


@pytest.mark.parametrize(
    "allowed",
    [
        Range(0, 1), Range(0, 1, open="both"), Range(0, open="low"), Range(high=2), Range(), Range(1, 9, integer=True),
        Range(0, 5, search=(0.01, 1.0), log=True),
    ],
)  # fmt: skip
def test_numbers_inside_and_outside_a_range(allowed):
    for share in (0.0, 0.3, 1.0):
        allowed.check("number", inside(allowed, share))
    for bad in outside(allowed):
        with pytest.raises(perdita.InputError, match="number"):
            allowed.check("number", bad)
    assert len(outside(Choice(("a",)))) == 1


def test_nothing_is_guessed_for_what_the_caller_gives():
    """A hyper-parameter that cannot be guessed, a tensor say, may come with the arguments."""
    card = perdita.card("number_token")
    with pytest.raises(TypeError, match="no value can be guessed for table"):
        options_for(replace(card, ranges={}, signature=replace(card.signature, defaults={"table": REQUIRED})), {"c": 4})
    assert options_for(card, {"c": 4}, given=("table",)) == {}


def test_the_number_of_classes_can_be_chosen():
    assert draw(perdita.card("cross_entropy"), classes=2, n=3).tensors["logits"].shape == (3, 2)
