"""Backspaces: what they do to a text, to the input of a model, to data, and to what a model writes."""

from __future__ import annotations

import pytest
import torch

from perdita.core import InputError
from perdita.training.backtracking import (
    apply_backspaces,
    backspace_inputs,
    match_sequences,
    sample_actions,
    with_corrections,
)
from tests.training.tiny_models import tiny

BACK = 9


def written(actions, protected=1):
    """The text by a stack, one action after another."""
    text = []
    for place, action in enumerate(actions):
        if action != BACK or place < protected:
            text.append(action)
        elif len(text) > protected:
            text.pop()
    return text


def drawn(rows=40, width=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randint(1, 9, (rows, width), generator=generator)
    back = torch.rand(rows, width, generator=generator) < 0.4
    return torch.where(back & (torch.arange(width) > 0), BACK, actions)


@pytest.mark.parametrize("protected", [1, 3])
def test_texts_are_those_of_a_stack(protected):
    actions = drawn()
    lengths = torch.randint(protected, 13, (40,))
    text, length = apply_backspaces(actions, BACK, lengths=lengths, protected=protected)
    for row in range(40):
        assert text[row, : length[row]].tolist() == written(actions[row, : lengths[row]].tolist(), protected)


def test_inputs_by_hand():
    given = backspace_inputs(torch.tensor([[1, 5, 6, BACK, 7, BACK, BACK, BACK]]), BACK)
    assert given.input_ids.tolist() == [[1, 5, 6, 5, 7, 5, 1, 1]]
    assert given.position_ids.tolist() == [[0, 1, 2, 1, 2, 1, 0, 0]]
    assert given.labels.tolist() == [[5, 6, BACK, 7, BACK, BACK, BACK, -100]]
    seen = [row.nonzero().flatten().tolist() for row in given.attention_mask[0, 0]]
    assert seen == [[0], [0, 1], [0, 1, 2], [0, 3], [0, 1, 4], [0, 5], [6], [7]]


def test_without_a_backspace_texts_stand_as_they_are_written():
    actions, lengths = torch.randint(0, 9, (6, 7)), torch.randint(2, 8, (6,))
    for none, never in zip(
        *(vars(backspace_inputs(actions, b, lengths=lengths)).values() for b in (None, BACK)), strict=True
    ):
        assert torch.equal(none, never)
    text, found = apply_backspaces(actions, None, lengths=lengths)
    assert torch.equal(text, actions)
    assert torch.equal(found, lengths)


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_logits_after_a_correction_are_those_of_the_text_without_it(family):
    model, actions = tiny(family), drawn(rows=6, width=10)
    given = {name: value.double() if value.is_floating_point() else value for name, value in
             backspace_inputs(actions, BACK).kwargs().items()}  # fmt: skip
    with torch.no_grad():
        logits = model(**given).logits
        for row, place in torch.cartesian_prod(torch.arange(6), torch.arange(10)).tolist():
            text = written(actions[row, : place + 1].tolist())
            torch.testing.assert_close(logits[row, place], model(torch.tensor([text])).logits[0, -1])


def test_corrections_leave_the_text():
    actions, lengths = torch.randint(0, 9, (200, 8)), torch.randint(2, 9, (200,))
    noisy, longer = with_corrections(actions, lengths, BACK, tokens=9, rate=0.3)
    text, found = apply_backspaces(noisy, BACK, lengths=longer)
    assert found.tolist() == lengths.tolist()
    for row in range(200):
        assert text[row, : lengths[row]].tolist() == actions[row, : lengths[row]].tolist()
        own = noisy[row, : longer[row]]
        after = own[1:][own[:-1] == BACK]  # what follows a backspace is not what it took back
        assert (after != own[:-2][own[1:-1] == BACK][: len(after)]).all()
    share = ((longer - lengths).sum() / 2 / (lengths - 1).sum()).item()
    assert share == pytest.approx(0.3, abs=0.05)
    plain, same = with_corrections(actions, lengths, BACK, tokens=9, rate=0.0)
    assert same.tolist() == lengths.tolist()
    assert plain.tolist() == actions[:, : lengths.max()].tolist()


def counter(given):
    """Logits of a model that counts upwards, but writes 7 after 2 and takes it back once in a while."""
    top = given.input_ids
    wanted = torch.where(top == 2, 7, torch.where(top == 7, BACK, top + 1))
    return torch.nn.functional.one_hot(wanted, 10).double() * 50


def test_sampling_executes_backspaces_and_stops_at_the_end():
    actions, lengths, ended = sample_actions(
        counter, torch.tensor([[3], [1]]), 6, backspace=BACK, end=5, temperature=0.0
    )
    assert actions[0, : lengths[0]].tolist() == [3, 4, 5]
    assert actions[1].tolist() == [1, 2, 7, BACK, 7, BACK, 7]  # after the backspace 2 is on top again
    assert ended.tolist() == [True, False]
    assert lengths.tolist() == [3, 7]


class Table(torch.nn.Module):
    """Logits from the last token alone."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(5, 5))

    def forward(self, given):
        return self.logits[given.input_ids]


@pytest.mark.parametrize(("backspace", "final"), [(None, 0.0), (None, 1.0), (4, 1.0)])
def test_training_learns_the_data(backspace, final):
    """Start 0, then 1 or 2, then the end 3: four tokens, and a backspace where there is one."""
    data = torch.tensor([[0, 1, 3], [0, 1, 3], [0, 1, 3], [0, 2, 3]])
    model, generator = Table(), torch.Generator().manual_seed(0)
    losses = match_sequences(
        model, model.parameters(), data, torch.full((4,), 3), end=3, tokens=4, backspace=backspace, steps=150,
        batch_size=16, final=final, rate=0.01, learning_rate=0.1, generator=generator, discount=0.99,
    )  # fmt: skip
    assert len(losses) == 150
    start = torch.zeros(400, 1, dtype=torch.int64)
    actions, lengths, ended = sample_actions(model, start, 8, backspace=backspace, end=3, generator=generator)
    text, found = apply_backspaces(actions, backspace, lengths=lengths)
    right = ended & (found == 3) & ((text[:, 1] == 1) | (text[:, 1] == 2))
    assert right.double().mean() > 0.85
    assert (text[:, 1] == 1).double().mean() == pytest.approx(0.75, abs=0.15)


class Tables(torch.nn.Module):
    """A table for each model, which reads its share of the rows."""

    def __init__(self, models):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(models, 5, 5, dtype=torch.float64))

    def forward(self, given):
        shares = given.input_ids.chunk(len(self.logits))
        return torch.cat([table[own] for table, own in zip(self.logits, shares, strict=True)])


@pytest.mark.parametrize("backspace", [None, 4])
def test_models_that_learn_together_learn_as_each_alone(backspace):
    texts = torch.tensor([[0, 1, 3, 3], [0, 1, 2, 3], [0, 2, 3, 3], [0, 2, 1, 3], [0, 1, 1, 3], [0, 2, 2, 3]])
    ends = torch.tensor([3, 4, 3, 4, 4, 4])
    options = {
        "end": 3, "tokens": 4, "backspace": backspace, "steps": 40, "batch_size": 8, "rate": 0.3, "learning_rate": 0.1,
        "every": 5, "buffer": 2, "discount": 0.99,
    }  # fmt: skip

    def learnt(shares, seeds, source):
        model = Tables(len(seeds))
        rows = torch.cat([texts.chunk(2)[share] for share in shares]), torch.cat([ends.chunk(2)[s] for s in shares])
        return model, match_sequences(model, model.parameters(), *rows, generator=source, **options)

    sources = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    both, losses = learnt([0, 1], [0, 1], sources)
    alone = [learnt([seed], [seed], torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    for table, (model, _) in zip(both.logits, alone, strict=True):
        torch.testing.assert_close(table, model.logits[0])
    courses = zip(*(course for _, course in alone), strict=True)
    assert losses == pytest.approx([sum(pair) / 2 for pair in courses])


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match="protected"):
        backspace_inputs(torch.zeros(1, 3, dtype=torch.int64), BACK, protected=4)
    with pytest.raises(InputError, match="rate"):
        with_corrections(torch.zeros(1, 3, dtype=torch.int64), torch.tensor([3]), BACK, tokens=9, rate=2.0)
    several, texts = [torch.Generator() for _ in range(2)], torch.zeros(3, 3, dtype=torch.int64)
    with pytest.raises(InputError, match="3 rows cannot be shared equally among 2 generators"):
        with_corrections(texts, torch.full((3,), 3), BACK, tokens=9, generator=several)
    for sources in (several, []):
        with pytest.raises(InputError, match=f"each of {len(sources)} generators, not 3 in all"):
            match_sequences(
                Tables(2), [torch.zeros(1)], texts, torch.full((3,), 3), end=3, tokens=4, backspace=None, steps=1,
                generator=sources,
            )  # fmt: skip
