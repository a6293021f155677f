"""SimpleX: cosines, histories, padding, and one training step."""

import pytest
import torch

import perdita.functional as P
from perdita import InputError
from perdita.core.numerics import normalize
from perdita.nn.simplex import AGGREGATORS, SimpleX

USER, CANDIDATES = torch.tensor([0, 3]), torch.tensor([[1, 2, 4], [0, 5, 6]])
HISTORY, MASK = torch.tensor([[1, 2, 2], [3, 0, 0]]), torch.tensor([[True, True, True], [True, False, False]])


def model(**given):
    torch.manual_seed(0)
    return SimpleX(5, 7, 8, dropout=0.0, deviation=1.0, **given)


def test_with_the_own_share_of_one_it_is_matrix_factorisation():
    made = model(own_share=1.0)
    expected = torch.nn.functional.cosine_similarity(
        made.users.weight[USER].unsqueeze(1), made.items.weight[CANDIDATES], dim=2
    )
    torch.testing.assert_close(made(USER, CANDIDATES, HISTORY, MASK), expected)


def by_hand(made, user, chosen):
    """One user's vector from the items of its history."""
    own, items = made.users.weight[user], made.items.weight
    if not chosen:
        return made.own_share * own
    if made.aggregator == "mean":
        average = torch.stack([items[i] for i in chosen]).mean(0)
    else:
        query = own if made.aggregator == "user_attention" else made.query
        score = torch.stack([query @ torch.tanh(made.keys.weight @ items[i] + made.keys.bias) for i in chosen])
        average = sum(share * items[i] for share, i in zip(score.softmax(0), chosen, strict=True))
    return made.own_share * own + (1 - made.own_share) * made.projection.weight @ average


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_the_user_blends_its_embedding_with_its_history(aggregator):
    made = model(own_share=0.6, aggregator=aggregator)
    expected = normalize(torch.stack([by_hand(made, 0, [1, 2, 2]), by_hand(made, 3, [3])]))
    torch.testing.assert_close(made.user_vector(USER, HISTORY, MASK), expected)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_padding_plays_no_part_and_an_empty_history_is_finite(aggregator):
    made = model(aggregator=aggregator)
    other = torch.where(MASK, HISTORY, 6)
    torch.testing.assert_close(made(USER, CANDIDATES, HISTORY, MASK), made(USER, CANDIDATES, other, MASK))
    nothing = torch.zeros_like(MASK)
    scores = made(USER, CANDIDATES, HISTORY, nothing)
    torch.testing.assert_close(scores, made(USER, CANDIDATES))
    P.cosine_contrastive(scores[:, 0], scores[:, 1:]).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in made.parameters())


def test_a_few_steps_draw_the_chosen_items_nearer():
    made = model()
    optimizer = torch.optim.Adam(made.parameters(), lr=0.05)
    before = made(USER, CANDIDATES, HISTORY, MASK)[:, 0].detach()
    for _ in range(20):
        scores = made(USER, CANDIDATES, HISTORY, MASK)
        optimizer.zero_grad()
        P.cosine_contrastive(scores[:, 0], scores[:, 1:], margin=0.2, negative_weight=1.0).backward()
        optimizer.step()
    after = made(USER, CANDIDATES, HISTORY, MASK)[:, 0].detach()
    assert (after > before + 0.2).all()


@pytest.mark.parametrize("given", [{"own_share": 1.5}, {"aggregator": "sum"}])
def test_bad_arguments_are_named(given):
    with pytest.raises(InputError, match=next(iter(given))):
        SimpleX(5, 7, **given)


def test_sizes_are_checked():
    with pytest.raises(InputError, match="dimension"):
        SimpleX(5, 7, 0)
