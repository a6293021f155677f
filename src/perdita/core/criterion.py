"""The module form of a loss. Where a loss has no parameters of its own, the class is derived from the function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.apply import apply, gather_tensors
from perdita.core.card import Card
from perdita.core.combine import Sum
from perdita.core.errors import InputError
from perdita.core.reduction import check_reduction
from perdita.core.signature import signature_of


class Criterion(nn.Module):
    """A loss as a module: ``criterion(logits, target)``.

    A loss with parameters or state is a subclass, registered by ``@loss``, whose ``__init__`` takes keyword-only
    hyper-parameters and whose ``per_example`` gives one value for each item; everything else is inherited.
    """

    card: Card
    _held: tuple[str, ...] = ()  # tensor fields that the module may hold as buffers
    options: dict[str, Any]

    def __init__(self, *, reduction: str = "mean", ignore_index: int | None = None) -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction = reduction
        self.ignore_index = ignore_index

    def per_example(self, *tensors: Tensor, **named: Any) -> Any:
        """One value for each item; what a subclass defines."""
        raise NotImplementedError(f"{type(self).__name__} defines no per_example")

    def forward(
        self,
        *tensors: Tensor,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        normalizer: float | Tensor | None = None,
        **fields: Tensor,
    ) -> Tensor:
        """The reduced loss; arguments as in the loss's function."""
        inputs = gather_tensors(self.card, tensors, fields)
        if fields:
            raise InputError(f"{type(self).__name__} takes no {', '.join(fields)} when it is called")
        for name in self._held:
            if name not in inputs and (held := getattr(self, name)) is not None:
                inputs[name] = held
        contract = (weight, mask, self.ignore_index, self.reduction, normalizer)
        return apply(self.card, self.per_example, inputs, self._call_options(), *contract)

    def _call_options(self) -> dict[str, Any]:
        return {}

    def to_config(self) -> dict[str, Any]:
        """The configuration from which `perdita.build` makes an equal criterion; parameters are in ``state_dict``."""
        given = {key: value.tolist() if isinstance(value, Tensor) else value for key, value in self.options.items()}
        return {"loss": self.card.name, **given}

    def extra_repr(self) -> str:
        return ", ".join(f"{key}={value!r}" for key, value in self.options.items() if not isinstance(value, Tensor))

    def __add__(self, other: Criterion | Sum) -> Sum:
        return Sum.of(self) + other

    def __mul__(self, factor: float) -> Sum:
        return Sum.of(self) * factor

    __rmul__ = __mul__


def derive_class(card: Card) -> type[Criterion]:
    """The `Criterion` of a loss that is a function."""
    names = list(card.signature.defaults)
    buffers = [item.name for item in card.signature.fields if not item.positional and item.optional]

    def __init__(self: Criterion, **options: Any) -> None:
        contract = {key: options.pop(key, getattr(card, key)) for key in ("reduction", "ignore_index")}
        tensors = {key: options.pop(key) for key in buffers if key in options}
        card.check_options(options)
        Criterion.__init__(self, **contract)
        defaults = card.signature.defaults
        self.options = {key: options.get(key, defaults[key]) for key in names}
        self.options |= {key: value for key, value in tensors.items() if value is not None}
        self.options |= {key: value for key, value in contract.items() if value != card.ignore_index}
        for key in buffers:
            value = tensors.get(key)
            self.register_buffer(key, None if value is None else torch.as_tensor(value))

    def per_example(self: Criterion, *tensors: Tensor, **named: Any) -> Any:
        return card.per_example(*tensors, **named)

    def _call_options(self: Criterion) -> dict[str, Any]:
        return {key: self.options[key] for key in names}

    __init__.__signature__ = module_signature(card)  # type: ignore[attr-defined]
    body = {
        "__init__": __init__, "per_example": per_example, "_call_options": _call_options, "_held": tuple(buffers),
        "card": card, "__doc__": card.doc, "__module__": "perdita",
    }  # fmt: skip
    return type(_camel(card.name), (Criterion,), body)


def module_signature(card: Card) -> inspect.Signature:
    """The constructor's signature of a derived class."""
    own = signature_of(card.per_example).parameters
    held = {item.name: None for item in card.signature.fields if not item.positional and item.optional}
    typed = {name: (default, own[name].annotation) for name, default in {**card.signature.defaults, **held}.items()}
    typed |= {"reduction": (card.reduction, "str"), "ignore_index": (card.ignore_index, "int | None")}
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (default, annotation) in typed.items()
    ]
    return inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *parameters])


def adopt_class(cls: type[Criterion], card: Card) -> type[Criterion]:
    """Give a `Criterion` subclass its card, and make its constructor remember and check what it was given."""
    if not issubclass(cls, Criterion):
        raise TypeError(f"{cls.__name__} must be a subclass of Criterion")
    written: Callable[..., None] = cls.__init__

    @functools.wraps(written)
    def __init__(self: Criterion, *args: Any, **kwargs: Any) -> None:
        try:
            bound = inspect.signature(written).bind(self, *args, **kwargs)
        except TypeError as error:
            raise InputError(f"{cls.__name__}: {error}") from error
        bound.apply_defaults()
        del bound.arguments["self"]
        given = {key: value for key, value in bound.arguments.items() if key != "ignore_index" or value is not None}
        card.check_options({key: value for key, value in given.items() if key in card.signature.defaults})
        written(self, *args, **kwargs)
        self.options = given

    cls.__init__ = __init__  # type: ignore[method-assign]
    cls.card = card
    cls.__doc__ = card.doc
    return cls


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
