"""The page that answers "which loss?" is the one that the cards give, and names every loss."""

import perdita
from tools.which_loss_page import PAGE, grouped, page


def test_the_page_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(), "docs/which-loss.md differs from the cards: run `python -m tools.which_loss_page`"


def test_every_loss_is_in_one_row() -> None:
    named = [card.name for cards in grouped().values() for card in cards]
    assert sorted(named) == sorted(card.name for card in perdita.cards())
    text = page()
    assert all(f"`{name}`" in text for name in named)
