"""What the report is made of: text that is safe where it stands, numbers as people write them, losses as curves."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from perdita.compare.report.shapes import POINTS, axis, trace
from perdita.compare.report.writing import (
    breakable,
    decimals,
    duration,
    escape,
    listing,
    memory,
    number,
    plot_text,
    probability,
    script_json,
    shorten,
)

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>", "a\u2028b & <!-- ]]>"]


def test_json_in_a_script_is_inert_and_says_the_same():
    value = {"a": HOSTILE, "n": [1.5, math.nan, math.inf, None, True]}
    text = script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["a"][:2] == HOSTILE[:2]
    assert json.loads(text)["n"] == [1.5, None, None, None, True]


def test_text_is_escaped_for_each_place():
    assert (
        escape("<a href=\"x\" title='y'>&\x00\ud800") == "&lt;a href=&quot;x&quot; title=&#x27;y&#x27;&gt;&amp;\ufffd?"
    )
    assert not set("<>%$") & set(plot_text("<b>%{x}</b>$y$"))
    assert shorten("focal(gamma=2.0)", 12) == "focal(…=2.0)"
    assert (decimals([0.5], [0.012]), decimals([54.321], []), decimals([], [])) == (3, 2, 3)


def test_a_loss_is_drawn_from_its_own_function():
    curve, x = trace({"loss": "cross_entropy"}, "multiclass", 5), axis("multiclass").numpy()
    np.testing.assert_allclose(curve.value, np.log1p(4 * np.exp(-x)), rtol=1e-9)
    np.testing.assert_allclose(curve.slope, -4 * np.exp(-x) / (1 + 4 * np.exp(-x)), rtol=1e-9)
    half = {"sum": [{"name": "ce", "weight": 0.5, "criterion": {"loss": "cross_entropy"}}]}
    np.testing.assert_allclose(trace(half, "multiclass", 5).value, np.array(curve.value) / 2, rtol=1e-9)
    assert len(trace({"loss": "cross_entropy"}, "binary", 9).slope) == POINTS
    assert "unknown loss" in trace({"loss": "no_such"}, "multiclass", 3).reason


def test_a_name_breaks_after_its_punctuation_and_stays_escaped():
    assert breakable("a_b(c=<i>)") == "a_<wbr>b(<wbr>c=<wbr>&lt;i&gt;)"
    assert breakable("plain") == "plain"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(-0.01234, 3), "−0.012"), (number(0.5, 2, sign=True), "+0.50"), (number(-1e-9, 2), "0.00"),
        (number(math.nan, 2), "–"), (number(None, 2), "–"), (probability(None), "–"), (duration(math.nan), "–"),
        (probability(0.0004), "< 0.001"), (probability(0.0449), "0.045"), (duration(0.25), "250 ms"),
        (duration(2.5), "2.5 s"), (duration(125.0), "2 min 5 s"), (memory(0), "–"), (memory(120_000_000), "120 MB"),
        (memory(2_500_000_000), "2.5 GB"), (listing([]), ""), (listing(["a"]), "a"),
        (listing(["a", "b", "c"]), "a, b and c"), (listing(list("abcdefgh"), 3), "a, b, c and 5 more"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(shown, expected):
    assert shown == expected


@pytest.mark.parametrize(
    ("config", "task", "reason"),
    [
        ({"loss": "no_such"}, "multiclass", "unknown loss"),
        ({"loss": "triplet_margin"}, "multiclass", "positive must be"),
        (7, "regression", ""),
    ],
)
def test_a_loss_that_has_no_curve_says_why(config, task, reason):
    curve = trace(config, task, 3)
    assert curve.value == []
    assert reason in curve.reason
    assert curve.reason
