"""Key phrases by RAKE, versions that lack them, and the head that tells versions apart."""

from __future__ import annotations

import pytest
import torch

import perdita.functional as P
from perdita.core import InputError
from perdita.training.preference_degrees import PreferenceDegreeHead, degrade, degree_versions, rake

TEXT = "The red fox jumped over the lazy dog, and the red fox slept. Dogs bark!"


def test_rake_by_hand():
    # phrases: red fox jumped | lazy dog | red fox slept | dogs bark
    # red, fox: degree 6 over 2 = 3; jumped, slept: 3 over 1; lazy, dog, dogs, bark: 2 over 1
    expected = [("red fox jumped", 9.0), ("red fox slept", 9.0), ("lazy dog", 4.0), ("dogs bark", 4.0)]
    assert rake(TEXT) == expected
    assert rake("") == rake("the and of") == []


def test_phrases_end_at_punctuation_stop_words_and_line_ends_do_not_part_words():
    assert [phrase for phrase, _ in rake("alpha-beta, gamma_delta\nepsilon don’t zeta")] == [
        "delta epsilon",
        "alpha-beta",
        "gamma",
        "zeta",
    ]
    assert [phrase for phrase, _ in rake("eins und zwei", {"und"})] == ["eins", "zwei"]


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.0, TEXT),
        (0.124, TEXT),
        (0.125, "The over the lazy dog, and the red fox slept. Dogs bark!"),  # half of a phrase counts as one
        (0.5, "The over the lazy dog, and the. Dogs bark!"),
        (1.0, "The over the, and the.!"),
    ],
)
def test_degrade_takes_the_best_phrases_first(share, expected):
    assert degrade(TEXT, share) == expected


def test_a_phrase_goes_at_every_place_but_not_out_of_another_phrase():
    assert degrade("Model! The model, and a language model.", 0.5) == "Model! The model, and a."
    assert degrade("A model. The model. My cat.", 0.5) == "A. The. My cat."


def test_half_a_phrase_counts_as_one_where_the_share_is_no_float():
    text = " ".join(f"word{index}." for index in range(45))
    assert degrade(text, 7 / 10).count("word") == 45 - 32  # 7/10 of 45 is 31.5


def test_a_text_never_becomes_empty():
    assert degrade("Dogs bark!", 1.0) == "Dogs"


def test_versions_differ_or_say_that_they_do_not():
    versions, differ = degree_versions(TEXT, 3)
    assert differ
    assert versions == [TEXT, degrade(TEXT, 1 / 3), degrade(TEXT, 2 / 3)]
    assert degree_versions("Dogs bark", 3) == (["Dogs bark", "Dogs bark", "Dogs"], False)


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="share"):
        degrade(TEXT, 1.5)
    with pytest.raises(InputError, match="degrees"):
        degree_versions(TEXT, 1)


@pytest.mark.parametrize("left", [False, True])
def test_the_head_reads_the_last_token_that_counts(left):
    hidden, head = torch.randn(3, 5, 4), PreferenceDegreeHead(4, 3)
    lengths = torch.tensor([[5], [2], [1]])
    mask = torch.arange(5) >= 5 - lengths if left else torch.arange(5) < lengths
    last = [4, 4, 4] if left else [4, 1, 0]
    expected = torch.stack([head.linear(hidden[row, place]) for row, place in enumerate(last)])
    torch.testing.assert_close(head(hidden, mask), expected)
    torch.testing.assert_close(head(hidden), head.linear(hidden[:, -1]))


def test_a_head_learns_degrees_from_hidden_states():
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(8, 3, 6, generator=generator) + 3 * torch.eye(3, 6)  # the version shows in the state
    head = PreferenceDegreeHead(6, 3)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        P.preference_degree(head(hidden.flatten(0, 1).unsqueeze(1)).view(8, 3, 3)).backward()
        optimizer.step()
    found = head(hidden.flatten(0, 1).unsqueeze(1)).argmax(1).view(8, 3)
    assert (found == torch.arange(3)).double().mean() > 0.9
