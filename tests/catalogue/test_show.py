"""A card's page and its JSON tell everything, and nothing that is not on the card."""

import json

import pytest

import perdita
from perdita.catalogue.show import describe, list_rows, page


def test_the_page_of_a_loss():
    parts = dict(page(perdita.card("squentropy")))
    assert next(iter(parts)) == "squentropy (Squentropy)"
    shown = " ".join(parts["Hyper-parameters"].split())
    assert "square_weight default 1.0, a number in [0, inf), searched in 0.01 to 10" in shown
    assert "\\sum_{k \\ne y} z_k^2" in parts["Definition"]
    assert ".. math::" not in parts["Definition"]
    assert "not proper, classification calibrated, convex" in parts["Traits"]
    assert "passes over the first argument" in parts["Cost"]
    assert "2302.03952" in parts["Source"]
    assert parts["Paper"].startswith("squentropy: Hui, Belkin, Wright")
    assert ">>> " in parts["Example"]
    assert "logit of the true class" in parts["Shape"]


def test_the_page_without_unicode_draws_in_ascii():
    assert dict(page(perdita.card("squentropy"), unicode=False))["Shape"].isascii()


@pytest.mark.parametrize("name", [card.name for card in perdita.cards()])
def test_every_card_has_a_page_and_is_json(name):
    card = perdita.card(name)
    facts = json.loads(json.dumps(describe(card), allow_nan=False))
    assert (facts["name"], facts["class"], facts["task"]) == (name, card.class_name, card.task)
    assert [own["name"] for own in facts["hyperparameters"]] == list(card.signature.defaults)
    assert [tensor["name"] for tensor in facts["tensors"]] == [field.name for field in card.signature.fields]
    assert all(head and text for head, text in page(card))


def test_the_list_is_the_catalogue():
    assert [row["name"] for row in list_rows()] == [card.name for card in perdita.cards()]
    assert {row["task"] for row in list_rows("multiclass")} == {"multiclass"}


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(perdita.InputError, match=r"'multclass'; did you mean 'multiclass'.*tasks: "):
        list_rows("multclass")
