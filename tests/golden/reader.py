"""What an adapter reads of a case: every key is taken once, and what is left over is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

REQUIRED: Any = object()


class UnreadError(ValueError):
    """A case holds a key or a value that its adapter does not know, or lacks one that it needs."""


class Reader:
    """The inputs and params of one case.

    Args:
        inputs: name → number or nested list, as in the JSON.
        params: name → value, as in the JSON.
    """

    def __init__(self, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self._inputs, self._params = dict(inputs), dict(params)
        self._leaves: dict[str, Tensor] = {}

    def has(self, name: str) -> bool:
        """Whether an input or a param of this name is still unread."""
        return name in self._inputs or name in self._params

    def value(self, name: str, default: Any = REQUIRED) -> Any:
        """An input as it stands in the JSON."""
        return self._take(self._inputs, "input", name, default)

    def tensor(self, name: str, default: Any = REQUIRED) -> Any:
        """An input as a float64 tensor with a gradient; `gradients` gives it under ``grad_<name>``."""
        found = self.value(name, default)
        if found is default and default is not REQUIRED:
            return default
        self._leaves[name] = torch.tensor(found, dtype=torch.float64, requires_grad=True)
        return self._leaves[name]

    def constant(self, name: str, default: Any = REQUIRED) -> Any:
        """An input as a tensor without a gradient: int64 or bool where all of its numbers are, else float64."""
        found = self.value(name, default)
        return found if found is default and default is not REQUIRED else as_tensor(found)

    def param(self, name: str, default: Any = REQUIRED, among: tuple[Any, ...] | None = None) -> Any:
        """A param as it stands in the JSON; ``among`` names the values that are understood."""
        found = self._take(self._params, "param", name, default)
        if among is not None and found not in among:
            raise UnreadError(f"param {name} is {found!r}; known are {', '.join(map(repr, among))}")
        return found

    def option(self, name: str, default: Any = REQUIRED) -> Any:
        """A param, or the input of that name: vectors hold weights and the like in either place."""
        return self.value(name) if name in self._inputs else self.param(name, default)

    def done(self) -> None:
        """Raise unless everything was read."""
        left = [f"input {name}" for name in self._inputs] + [f"param {name}" for name in self._params]
        if left:
            raise UnreadError(f"the adapter does not read {', '.join(left)}")

    def gradients(self, loss: Tensor, suffix: str = "") -> dict[str, Tensor]:
        """``grad_<name><suffix>`` of the loss (of its sum, where it is not reduced) for every tensor read with one."""
        leaves = list(self._leaves.values())
        if not leaves:
            return {}
        found = torch.autograd.grad(loss.sum(), leaves, retain_graph=True, allow_unused=True, materialize_grads=True)
        return {f"grad_{name}{suffix}": gradient for name, gradient in zip(self._leaves, found, strict=True)}

    def _take(self, source: dict[str, Any], kind: str, name: str, default: Any) -> Any:
        if name not in source and default is REQUIRED:
            raise UnreadError(f"the case has no {kind} {name}")
        return source.pop(name, default)


def as_tensor(value: Any) -> Tensor:
    """A nested list as a tensor: bool, int64 or float64, by its numbers."""
    return torch.tensor(value, dtype=torch.float64) if _has_float(value) else torch.tensor(value)


def _has_float(value: Any) -> bool:
    return any(map(_has_float, value)) if isinstance(value, list) else isinstance(value, float)
