"""Arithmetic on criteria: ``Dice() + 0.5 * CrossEntropy()`` is a sum with named, weighted parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from perdita.core.errors import InputError

if TYPE_CHECKING:
    from perdita.core.criterion import Criterion


class Sum(nn.Module):
    r"""A weighted sum of criteria over the same inputs: total = \sum_k weights[k] * parts[k].

    Args:
        parts: (name, weight, criterion) for each part; names are unique.
    """

    def __init__(self, parts: Iterable[tuple[str, float, nn.Module]]) -> None:
        super().__init__()
        self.criteria = nn.ModuleDict()
        self.weights: dict[str, float] = {}
        for name, weight, criterion in parts:
            unique, copy = name, 2
            while unique in self.weights:
                unique, copy = f"{name}_{copy}", copy + 1
            self.criteria[unique] = criterion
            self.weights[unique] = float(weight)

    @classmethod
    def of(cls, criterion: Criterion) -> Sum:
        return cls([(criterion.card.name, 1.0, criterion)])

    def parts(self, *tensors: Tensor, **named: Any) -> dict[str, Tensor]:
        """The value of each part by name, before its weight."""
        return {name: criterion(*tensors, **named) for name, criterion in self.criteria.items()}

    def forward(self, *tensors: Tensor, **named: Any) -> Tensor:
        """The weighted total. Raises `InputError` where parts that are not reduced differ in shape."""
        parts = self.parts(*tensors, **named)
        shapes = {name: tuple(value.shape) for name, value in parts.items()}
        if len(set(shapes.values())) > 1:
            raise InputError(f"the parts of a sum must have one shape, but they have {shapes}; reduce each part")
        terms = [self.weights[name] * value for name, value in parts.items()]
        return sum(terms[1:], start=terms[0])

    def to_config(self) -> dict[str, Any]:
        """The configuration from which `perdita.build` makes an equal sum."""
        return {
            "sum": [
                {"name": name, "weight": self.weights[name], "criterion": criterion.to_config()}  # type: ignore[operator]
                for name, criterion in self.criteria.items()
            ]
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sum:
        from perdita.core.catalogue import build

        parts = [(item["name"], item.get("weight", 1.0), build(item["criterion"])) for item in config["sum"]]
        if not parts:
            raise InputError("config['sum'] must have at least one part")
        return cls(parts)

    def extra_repr(self) -> str:
        return " + ".join(f"{weight:g} * {name}" for name, weight in self.weights.items())

    def _terms(self) -> list[tuple[str, float, nn.Module]]:
        return [(name, self.weights[name], criterion) for name, criterion in self.criteria.items()]

    def __add__(self, other: Criterion | Sum) -> Sum:
        if not isinstance(other, nn.Module) or not hasattr(other, "to_config"):
            return NotImplemented
        return Sum(self._terms() + (other._terms() if isinstance(other, Sum) else Sum.of(other)._terms()))

    def __mul__(self, factor: float) -> Sum:
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            return NotImplemented
        return Sum((name, weight * factor, criterion) for name, weight, criterion in self._terms())

    __rmul__ = __mul__
