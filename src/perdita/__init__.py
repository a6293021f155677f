"""perdita: define, combine, compute, predict and compare the loss a model is trained on.

Importing this package loads nothing; the first name used loads PyTorch and the catalogue of losses.
"""

from __future__ import annotations

import importlib.util
from typing import Any

__version__ = "0.1.0"

_CORE = (
    "Card", "Choice", "Cost", "Criterion", "InputError", "MissingExtraError", "Range", "Sum", "Traits", "build", "card",
    "cards", "component", "debug", "loss", "reduce",
)  # fmt: skip
_PLACES = {  # what else is public here, and where it lives
    "Compound": "compound",
    "CrossBatchMemory": "losses.embedding.wrapping.memory",
    "Matryoshka": "losses.embedding.wrapping.nested",
    "blockwise_pairs": "kernels.pairs",
    "encode_in_chunks": "kernels.gradient_cache",
    "fused_linear": "kernels.linear",
    "fused_log_probabilities": "kernels.responses.log_probabilities",
    "pair_weights": "kernels.pair_weights",
}
_COMMANDS = {  # what a reader of the commands' help may try
    "find": "perdita.catalogue.search.find",
    "show": "perdita.catalogue.show.page",
    "choose": "perdita.catalogue.choose.choose",
    "check": "perdita.testing.doctor.diagnose",
}


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'perdita' has no attribute {name!r}")
    if name in _CORE:
        importlib.import_module("perdita.losses")  # the catalogue is full before anything asks it
        return getattr(importlib.import_module("perdita.core"), name)
    if name in _PLACES:
        return getattr(importlib.import_module(f"perdita.{_PLACES[name]}"), name)
    if name.islower() and importlib.util.find_spec(f"perdita.{name}"):
        return importlib.import_module(f"perdita.{name}")
    importlib.import_module("perdita.losses")
    catalogue = importlib.import_module("perdita.core.catalogue")
    card = catalogue.named(name)
    if card is not None and card.class_name == name:
        return card.criterion
    from perdita.core.errors import nearest

    if name in _COMMANDS:
        hint = f"; on the command line it is `perdita {name}`, in Python {_COMMANDS[name]}"
    elif card is not None and card.name == name and card.function is not None:
        hint = f"; the function is perdita.functional.{name}, the module {card.class_name}"
    else:
        hint = nearest(name, [card.class_name for card in catalogue.cards()])
    raise AttributeError(f"module 'perdita' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    importlib.import_module("perdita.losses")
    catalogue = importlib.import_module("perdita.core.catalogue")
    return sorted(
        {*_CORE, *_PLACES, "functional", "compare", "__version__", *(card.class_name for card in catalogue.cards())}
    )
