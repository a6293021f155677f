"""A loss's signature, read from its annotations: the shapes are checked from the one place where they are written.

``Float[Tensor, "n c *d"]`` says: a floating tensor with ``n`` items, ``c`` classes and any further dimensions ``*d``.
The same letter is the same size in every argument. Annotations stay strings (``from __future__ import annotations``),
so neither jaxtyping nor any evaluation is needed at run time.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from perdita.core.errors import InputError

_TENSOR = re.compile(r"(Float|Int|Bool|Num)\[Tensor,\s*[\"']([^\"']*)[\"']\]")
_KINDS = {"Float": "a floating", "Int": "an integer", "Bool": "a boolean", "Num": "a"}
Sizes = dict[str, Any]


@dataclass(frozen=True)
class Shape:
    """One alternative of a tensor argument: its kind of dtype and its dimensions, one of which may be variadic."""

    kind: str
    before: tuple[str, ...]
    variadic: str | None
    after: tuple[str, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        return self.before + ((f"*{self.variadic}",) if self.variadic else ()) + self.after

    def __str__(self) -> str:
        return f"{_KINDS[self.kind]} tensor of shape ({', '.join(self.dims)})"

    def takes(self, dtype: torch.dtype) -> bool:
        if self.kind == "Num":
            return True
        if self.kind == "Float":
            return dtype.is_floating_point
        return (dtype is torch.bool) if self.kind == "Bool" else not (dtype.is_floating_point or dtype is torch.bool)

    def bind(self, tensor: Tensor, sizes: Sizes) -> bool:
        """Match the tensor's shape, adding what is new to ``sizes``; False where it does not fit."""
        shape = tensor.shape
        rank, fixed = len(shape), len(self.before) + len(self.after)
        if rank != fixed if self.variadic is None else rank < fixed:
            return False
        ends = (*zip(self.before, shape, strict=False), *zip(self.after, shape[rank - len(self.after) :], strict=True))
        if not all(_fits(dim, size, sizes) for dim, size in ends):
            return False
        if self.variadic is None:
            return True
        middle = tuple(shape[len(self.before) : rank - len(self.after)])
        return bool(sizes.setdefault("*" + self.variadic, middle) == middle)


def _fits(dim: str, size: Any, sizes: Sizes) -> bool:
    if dim.isdigit():
        return bool(size == int(dim))
    return bool(sizes.setdefault(dim, size) == size)


@dataclass(frozen=True)
class Field:
    """A tensor argument of a loss."""

    name: str
    shapes: tuple[Shape, ...]
    domain: str = "real"
    optional: bool = False
    positional: bool = True

    def bind(self, tensor: Tensor, sizes: Sizes) -> None:
        """Check the tensor against the first alternative of its kind and rank. Raises `InputError`."""
        if not isinstance(tensor, Tensor):
            raise InputError(f"{self.name} must be {self.expected()}, not {type(tensor).__name__}")
        for shape in self.shapes:
            if shape.takes(tensor.dtype):
                trial = sizes if len(self.shapes) == 1 else dict(sizes)
                if shape.bind(tensor, trial):
                    sizes.update(trial)
                    return
        known = {dim: size for dim, size in sizes.items() if any(dim in shape.dims for shape in self.shapes)}
        where = f" with {', '.join(f'{dim} = {size}' for dim, size in known.items())}" if known else ""
        raise InputError(
            f"{self.name} must be {self.expected()}{where}, but came as {tensor.dtype} of shape {tuple(tensor.shape)}"
        )

    def expected(self) -> str:
        return " or ".join(str(shape) for shape in self.shapes)


@dataclass(frozen=True)
class Signature:
    """What a loss takes and gives: tensor fields, hyper-parameters with defaults, and the shape of its values."""

    fields: tuple[Field, ...]
    defaults: Mapping[str, Any]
    returns: Shape
    takes: frozenset[str]  # contract arguments that the loss handles itself
    mask_dims: tuple[str, ...]  # of the finest mask

    names: tuple[str, ...] = field(init=False)  # the tensors that come by position
    labels: Field | None = field(init=False)  # the integer target with a label for each value, for ignore_index
    level: str = field(init=False)  # "batch" where the loss has one value for the whole batch, else "item"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(item.name for item in self.fields if item.positional))
        object.__setattr__(self, "labels", next((item for item in self.fields if self._labels(item)), None))
        object.__setattr__(self, "level", "item" if self.returns.dims else "batch")

    def _labels(self, item: Field) -> bool:
        """One label for each value, or a finer one where the loss itself takes the mask that leaves labels out."""
        own = self.returns.dims
        finer = "mask" in self.takes and own != ()
        integers = [shape.dims for shape in item.shapes if shape.kind == "Int" and item.domain == "labels"]
        return any(dims == own or (finer and dims[: len(own)] == own) for dims in integers)


CONTRACT = ("weight", "mask", "ignore_index", "reduction", "normalizer")
REQUIRED = inspect.Parameter.empty
signature_of = functools.cache(inspect.signature)  # each loss's is read three times, at some 50 µs


def read_signature(function: Callable[..., Any], domains: Mapping[str, str]) -> Signature:
    """Parse the annotations of a loss function (or of a `Criterion`'s ``per_example`` method)."""
    parameters = signature_of(function).parameters
    takes = frozenset(CONTRACT) & frozenset(parameters)
    fields, defaults = [], {}
    for name, parameter in parameters.items():
        if name == "self" or name in takes:
            continue
        shapes = parse_shapes(str(parameter.annotation))
        if not shapes:
            if parameter.kind is not parameter.KEYWORD_ONLY:
                raise TypeError(f"{function.__qualname__}: {name} is no tensor, so it must be keyword-only")
            defaults[name] = parameter.default
            continue
        domain = domains.get(name, "labels" if shapes[0].kind == "Int" else "real")
        positional = parameter.kind is not parameter.KEYWORD_ONLY
        fields.append(Field(name, shapes, domain, parameter.default is None, positional))
    if unknown := set(domains) - {item.name for item in fields}:
        raise TypeError(f"{function.__qualname__}: domains names no tensor argument: {sorted(unknown)}")
    returns = parse_shapes(str(function.__annotations__.get("return")))
    if not returns:
        raise TypeError(f'{function.__qualname__}: the return annotation must be Float[Tensor, "…"]')
    masks = parse_shapes(str(parameters["mask"].annotation)) if "mask" in takes else returns
    return Signature(tuple(fields), defaults, returns[0], takes, masks[0].dims)


@functools.cache
def parse_shapes(annotation: str) -> tuple[Shape, ...]:
    """Every ``Kind[Tensor, "dims"]`` of an annotation, in order."""
    return tuple(_parse(kind, dims.split()) for kind, dims in _TENSOR.findall(annotation))


def _parse(kind: str, dims: list[str]) -> Shape:
    stars = [index for index, dim in enumerate(dims) if dim.startswith("*")]
    if len(stars) > 1:
        raise TypeError(f"at most one variadic dimension in {dims}")
    if not stars:
        return Shape(kind, tuple(dims), None, ())
    star = stars[0]
    return Shape(kind, tuple(dims[:star]), dims[star][1:], tuple(dims[star + 1 :]))
