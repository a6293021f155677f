"""The contract that every loss keeps."""

from perdita.core.apply import debug
from perdita.core.card import Card, Choice, Cost, Range, Traits
from perdita.core.catalogue import build, card, cards, component
from perdita.core.combine import Sum
from perdita.core.contract import loss
from perdita.core.criterion import Criterion
from perdita.core.errors import InputError, MissingExtraError
from perdita.core.reduction import reduce

__all__ = [
    "Card", "Choice", "Cost", "Criterion", "InputError", "MissingExtraError", "Range", "Sum", "Traits", "build", "card",
    "cards", "component", "debug", "loss", "reduce",
]  # fmt: skip
