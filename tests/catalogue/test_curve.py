"""The picture of a loss is the loss: right values, in their place, in characters that the terminal knows."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdita
from perdita.catalogue.curve import Curve, draw, loss_curve


def test_cross_entropy_against_the_logit_of_the_true_class():
    curve = loss_curve(perdita.card("cross_entropy"))
    assert curve.axis == "logit of the true class"
    assert curve.y == pytest.approx([math.log1p(2 * math.exp(-x)) for x in curve.x], rel=1e-12)


@pytest.mark.parametrize("name", [card.name for card in perdita.cards()])
def test_every_curve_of_the_catalogue_is_finite_or_left_out(name):
    curve = loss_curve(perdita.card(name))
    assert curve is None or (len(curve.x) == len(curve.y) and all(map(math.isfinite, curve.y)))


def test_a_loss_over_sets_has_no_curve():
    assert loss_curve(replace(perdita.card("cross_entropy"), rowwise=False)) is None


def test_a_falling_line_falls_from_corner_to_corner():
    lines = draw(Curve("x", (0.0, 1.0), (1.0, 0.0)), width=9, height=9, unicode=False)
    assert lines[0].split("|")[1].startswith("*")
    assert [line.split("|")[1].rstrip()[-1] for line in lines[:9]] == ["*"] * 9
    assert lines[8].split("|")[1].endswith("*")
    assert lines[8].split("|")[1][:7].strip() == ""
    assert lines[0].startswith("1 ")
    assert lines[8].startswith("0 ")


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.booleans())
def test_any_finite_curve_can_be_drawn(values, unicode):
    x = tuple(float(place) for place in range(len(values)))
    lines = draw(Curve("x", x, tuple(values)), width=30, height=5, unicode=unicode)
    assert len(lines) == 7
    assert len({line.find("│" if unicode else "|") for line in lines[:5]}) == 1
    assert unicode or all(line.isascii() for line in lines)
    body = [line.partition("│" if unicode else "|")[2] for line in lines[:5]]
    assert all(any(column < len(line) and line[column] != " " for line in body) for column in range(30))
