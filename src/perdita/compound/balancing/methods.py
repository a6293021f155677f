"""Weights from a Gramian of gradients, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from perdita.core.errors import InputError, nearest

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

Method = Callable[..., "Tensor"]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    """Register a function of the Gramian G (k, k) of k gradients, none of them zero, that gives their k weights.

    The balanced gradient is the weighted sum. Weights are on the scale of a plain sum: k gradients that are orthogonal
    and of one length have weights 1 (those of `conflict_averse` are 1 + c). A method that draws takes ``generator``.
    """

    def register(function: Method) -> Method:
        METHODS[name] = function
        return function

    return register


def choose(name: str) -> Method:
    """A method by its name. Raises `InputError` for an unknown one."""
    if name not in METHODS:
        raise InputError(f"unknown balancer {name!r}{nearest(name, METHODS)}; there are {', '.join(METHODS)}")
    return METHODS[name]


def check_lengths(squares: Sequence[float], names: list[str] | None) -> None:
    """Raise `InputError` where the squared length of a gradient is NaN or infinite, with the name of its term."""
    for place, square in enumerate(squares):
        if not math.isfinite(square):
            name = repr(names[place]) if names else str(place)
            raise InputError(f"the gradient of term {name} is not finite: its squared length is {square}")


def balanced_weights(
    gram: Float[Tensor, "k k"], function: Callable[..., Any], names: list[str] | None = None, **options: Any
) -> Float[Tensor, "k"]:
    """A method's weights; a term whose gradient is zero is left out and has the weight 1.

    Args:
        gram: inner products of the gradients.
        function: of `METHODS`, or any other from a Gramian to weights.
        names: of the terms, for messages.
        options: of the method.

    Raises:
        InputError: no square matrix; a gradient that is NaN or infinite, which the message names.
    """
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise InputError(f"gram must be (k, k), not {tuple(gram.shape)}")
    small = gram.detach().cpu()
    lengths = small.diagonal().tolist()
    check_lengths(lengths, names)
    if all(square > 0 for square in lengths):
        return function(small, **options).to(gram)  # type: ignore[no-any-return]
    weights = torch.ones(len(small), dtype=torch.float64)
    active = [place for place, square in enumerate(lengths) if square > 0]
    if active:
        weights[active] = function(small[active][:, active], **options).double()
    return weights.to(gram)
