"""Measures of texts, by hand."""

from __future__ import annotations

import pytest

import perdita
from perdita.judge.answers import (
    answer_correctness,
    context_precision,
    entity_recall,
    judged_share,
    meteor,
    rouge_ngram,
    rouge_skip,
    rouge_weighted,
    token_f1,
)

REFERENCE, HYPOTHESIS = ["police", "killed", "the", "gunman"], ["police", "kill", "the", "gunman"]


def test_precision_of_a_search() -> None:
    assert context_precision([1, 0, 1, 1, 0]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert context_precision([0, 0]) == 0


def test_a_judge_is_asked_once_for_each_statement() -> None:
    asked = []
    assert judged_share(["a", "bb", "cc"], lambda text: not asked.append(text) and len(text) > 1) == 2 / 3
    assert asked == ["a", "bb", "cc"]
    with pytest.raises(perdita.InputError, match="statements"):
        judged_share([], bool)


def test_entities_and_tokens() -> None:
    assert entity_recall(["Rome", "Rome", "Oslo"], ["Rome", "Bern"]) == 0.5
    assert token_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 / 5)
    assert token_f1([], ["a"]) == 0
    assert answer_correctness(["a"], ["a"], 0.5, token_share=0.8) == pytest.approx(0.9)
    with pytest.raises(perdita.InputError, match="token_share"):
        answer_correctness(["a"], ["a"], 0.5, token_share=2.0)
    with pytest.raises(perdita.InputError, match="wanted"):
        entity_recall(["a"], [])


def test_rouge_of_pairs_as_in_its_paper() -> None:
    assert rouge_skip(HYPOTHESIS, REFERENCE) == 0.5
    assert rouge_skip(["the", "gunman", "kill", "police"], REFERENCE) == pytest.approx(1 / 6)
    assert rouge_skip(["the", "gunman", "police", "killed"], REFERENCE) == pytest.approx(1 / 3)


def test_unbroken_runs_are_worth_more() -> None:
    reference = list("abcdefg")
    together, apart = list("abcdhik"), list("ahbkcid")
    assert rouge_weighted(together, reference) > rouge_weighted(apart, reference) > 0
    assert rouge_weighted(apart, reference, power=1.0) == pytest.approx(4 / 7)
    assert rouge_weighted(reference, reference) == pytest.approx(1)
    assert rouge_weighted(list("x" * 400 + "a"), reference) == pytest.approx((1 / 7**1.2) ** (1 / 1.2))
    with pytest.raises(perdita.InputError, match="reference"):
        rouge_weighted(together, [])


def test_rouge_of_runs() -> None:
    assert rouge_ngram(HYPOTHESIS, REFERENCE) == 0.75
    assert rouge_ngram(HYPOTHESIS, REFERENCE, n=2) == pytest.approx(1 / 3)
    assert rouge_ngram(["a", "a"], ["a", "b"]) == 0.5
    with pytest.raises(perdita.InputError, match="from 1 to 4"):
        rouge_ngram(HYPOTHESIS, REFERENCE, n=5)


def test_meteor_by_hand() -> None:
    assert meteor(REFERENCE, REFERENCE) == pytest.approx(1 - 0.5 / 4**3)
    precision, recall, penalty = 3 / 4, 3 / 4, 0.5 * (2 / 3) ** 3  # "police", and "the gunman"
    expected = (1 - penalty) * 10 * precision * recall / (recall + 9 * precision)
    assert meteor(HYPOTHESIS, REFERENCE) == pytest.approx(expected)
    assert meteor(["cat"], REFERENCE) == 0
    assert meteor(["the", "mat"], ["the", "cat", "on", "the", "mat"]) > 0
