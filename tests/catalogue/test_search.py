"""Words find losses: by name, alias, task, paper and trait, in part, inflected, misspelt or hostile."""

import inspect
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import perdita
from perdita.catalogue.search import find


def _card(name, task, doc, **facts):
    like = perdita.card("squentropy")
    facts = {"paper": None, "aliases": (), "traits": perdita.Traits(), **facts}
    return replace(like, name=name, task=task, doc=inspect.cleandoc(doc), criterion=None, **facts)


@pytest.fixture(scope="module")
def cards():
    return [
        _card("dice", "segmentation", "Overlap of two masks.\n\nFor imbalanced segmentation.", aliases=("soft_dice",)),
        _card("jaccard", "segmentation", "Intersection over union of two masks."),
        _card("focal", "multiclass", "Cross-entropy for imbalanced classes: easy items count less.", paper="polyloss"),
        _card("huber", "regression", "Quadratic near zero, linear far away.", traits=perdita.Traits(convex=True)),
    ]


def _names(query, cards):
    return [card.name for card in find(query, cards).cards]


def test_cards_with_all_of_the_words_come_first(cards):
    assert _names("imbalanced segmentation", cards)[0] == "dice"
    assert set(_names("imbalanced segmentation", cards)) == {"dice", "jaccard", "focal"}


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("focal", "focal"), ("soft_dice", "dice"), ("jacc", "jaccard"), ("regressions", "regression->huber"),
        ("convex", "huber"), ("Polynomial Expansion", "focal"), ("unions", "jaccard"), ("HUBER", "huber"),
    ],
)  # fmt: skip
def test_a_word_matches_in_every_column_from_its_beginning_and_inflected(cards, query, first):
    assert _names(query, cards)[0] == first.rpartition(">")[2]


@pytest.mark.parametrize(("query", "first"), [("foacl", "focal"), ("segmantation", "dice"), ("quadrattic", "huber")])
def test_a_misspelt_word_is_replaced_by_the_nearest_known_one(cards, query, first):
    found = find(query, cards)
    assert first in [card.name for card in found.cards]
    assert found.corrected[query]


def test_a_name_comes_before_all_that_mention_it(cards):
    mention = _card("aaa", "dice", "dice dice dice dice", aliases=("dice_like",))
    assert _names("dice", [mention, *cards])[0] == "dice"


def test_nothing_found_names_the_nearest(cards):
    found = find("hbrx", cards)
    assert found.cards == ()
    assert "'huber'" in found.hint
    assert find("qqqqqqqq", cards).hint == ""


@pytest.mark.parametrize("query", ["", "  ", "!!", '"', "*", "\0"])
def test_a_query_without_words_is_an_error(cards, query):
    with pytest.raises(perdita.InputError, match="letter or digit"):
        find(query, cards)


@pytest.mark.parametrize(
    "query",
    ['"focal', "focal*", "name:focal", "focal OR", "NEAR(focal, 1)", "focal); DROP TABLE cards;--", "-focal", "^focal"],
)
def test_search_syntax_in_a_query_is_just_words(cards, query):
    assert "focal" in _names(query, cards)


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_any_text_is_a_safe_query(cards, query):
    try:
        found = find(query, cards)
    except perdita.InputError:
        assert not any(character.isalnum() for character in query)
    else:
        assert set(found.cards) <= set(cards)


def test_filler_words_count_only_alone(cards):
    assert _names("the loss for segmentation", cards) == _names("segmentation", cards)
    assert {"dice", "jaccard"} <= set(_names("of", cards))


def test_the_limit_holds(cards):
    assert len(find("masks", cards, limit=1).cards) == 1


def test_the_whole_catalogue_is_searched_by_default():
    assert find("squentropy").cards[0] is perdita.card("squentropy")
