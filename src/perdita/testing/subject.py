"""A loss under test: how to draw its inputs, call it, differentiate it and take rows out of a batch."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from perdita.core.card import Card
from perdita.core.signature import REQUIRED, Field
from perdita.testing.plain import Plain
from perdita.testing.sample import SIZES, Sample, Sampler, construct, sample, shape_of

NO_GRADIENT = {"labels", "indices", "lengths", "binary", "sign"}  # domains that are no points of a continuum
DEFAULT: Any = object()


@dataclass(frozen=True, eq=False)
class Subject:
    """A loss, function or class, as every check of the battery sees it.

    Args:
        card: the loss.
        sampler: draws its inputs where the signature cannot tell them.
        arguments: of the constructor, where the loss is a class.
        plain: the callable itself, where it is no perdita loss.
        n, classes, digits: of a sample; the battery makes them smaller to find the smallest failing input.
    """

    card: Card
    sampler: Sampler | None = None
    arguments: Mapping[str, Any] | None = None
    plain: Plain | None = None
    n: int = 5
    classes: int | None = None
    digits: int | None = None

    def sample(self, seed: int = 0, **wanted: Any) -> Sample:
        """A sample of n items; arguments as in `perdita.testing.sample`."""
        if self.card.function is None:  # a module is made here, outside of any transform: its parameters are random
            self.module(torch.float32), self.module(torch.float64)
        generator = torch.Generator().manual_seed(seed)
        samplers = {self.card.name: self.sampler} if self.sampler else None
        signature = self.card.signature
        within = signature.level == "item" and signature.returns.variadic is None  # *d are an item's own pixels
        sizes = self.plain.sizes if self.plain else None
        given = {"samplers": samplers, "classes": self.classes, "sizes": sizes, "given": self.arguments or ()}
        drawn = sample(self.card, generator, **given, **{"n": self.n, "extra": (3,) if within else (), **wanted})
        return drawn if self.digits is None else self._rounded(drawn)

    def _rounded(self, drawn: Sample) -> Sample:
        """The sample with fewer digits, where any number will do."""
        real = {item.name for item in self.card.signature.fields if item.domain == "real"}
        floating = {k: t for k, t in drawn.tensors.items() if k in real and t.is_floating_point()}
        return drawn.but(**{k: t.double().round(decimals=self.digits).to(t.dtype) for k, t in floating.items()})

    def smaller(self, way: str) -> Iterator[Subject]:
        """The same loss on less, the least first: fewer ``rows``, fewer ``classes`` or fewer ``digits``."""
        if way == "rows":
            yield from (replace(self, n=n) for n in range(1, self.n))
        elif way == "digits":
            yield replace(self, digits=1)
        elif self.sizes_itself:
            yield from (replace(self, classes=classes) for classes in range(2, SIZES["c"]))

    @property
    def sizes_itself(self) -> bool:
        """Whether the number of classes is that of its inputs alone."""
        signature = self.card.signature
        lettered = any("c" in shape.dims for item in signature.fields for shape in item.shapes)
        told = self.plain is not None and "c" in self.plain.sizes
        sized = told or self.sampler or self.card.function is None or REQUIRED in signature.defaults.values()
        return lettered and not sized

    @property
    def reductions(self) -> tuple[str, ...]:
        """Those that turn values into one number; a plain loss has its own."""
        if self.plain is None:
            return ("mean", "sum", "batchmean")
        return ("mean", "sum") if self.plain.reduces or self.card.signature.level == "item" else ("mean",)

    def __call__(
        self,
        inputs: Sample,
        *,
        reduction: str = "mean",
        ignore_index: Any = DEFAULT,
        parameters: Any = None,
        **contract: Any,
    ) -> Tensor:
        """The loss of a sample, through its public surface."""
        given = {key: value for key, value in contract.items() if value is not None}
        positional, named = self.split(inputs.tensors)
        if self.card.function is not None:
            if ignore_index is not DEFAULT:
                given["ignore_index"] = ignore_index
            options = {**inputs.options, **self.randomness()}
            return self.card.function(*positional, **named, **options, reduction=reduction, **given)
        module = copy.copy(self.module(_floating(inputs)))
        module.reduction = reduction
        if ignore_index is not DEFAULT:
            module.ignore_index = ignore_index
        if parameters is not None:
            return torch.func.functional_call(module, parameters, tuple(positional), {**named, **given})
        return module(*positional, **named, **given)

    def split(self, tensors: Mapping[str, Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
        """The tensors that come by position, and the rest by name."""
        names = []
        for name in self.card.signature.names:
            if name not in tensors:
                break
            names.append(name)
        return [tensors[name] for name in names], {k: v for k, v in tensors.items() if k not in names}

    def randomness(self) -> dict[str, Any]:
        """A fresh generator, for losses that draw at random: each call then draws the same."""
        return {"generator": torch.Generator().manual_seed(0)} if "generator" in self.card.signature.defaults else {}

    def module(self, dtype: torch.dtype) -> Any:
        """The loss as a module, with its parameters in a dtype (half precision keeps float32 parameters)."""
        wide = torch.float64 if dtype is torch.float64 else torch.float32
        if wide not in self._modules:
            self._modules[wide] = construct(self.card, self.arguments).to(wide)
        return self._modules[wide]

    @functools.cached_property
    def _modules(self) -> dict[torch.dtype, Any]:
        return {}

    def parameters(self, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """The trainable parameters of a loss that is a class."""
        return {} if self.card.function else dict(self.module(dtype).named_parameters())

    @property
    def variants(self) -> list[dict[str, Any]]:
        """What to ask of `sample` to see every form of input: the plain one, each alternative shape, optional ones."""
        if self.sampler:
            return [{}]
        fields = self.card.signature.fields
        forms = max(len(item.shapes) for item in fields if not item.optional)
        optional = [{"optional": True}] if any(item.optional for item in fields) else []
        return [{}, *({"alternative": form} for form in range(1, forms)), *optional]

    @property
    def first(self) -> Field:
        return self.card.signature.fields[0]

    @property
    def item_dim(self) -> str:
        """The dimension that counts items: the first one of the values, else of the first argument."""
        return (self.card.signature.returns.dims or self.first.shapes[0].dims)[0]

    def differentiable(self, inputs: Sample) -> list[str]:
        """The floating arguments that are no targets: those that a gradient should reach."""
        names = []
        for item in self.card.signature.fields:
            tensor = inputs.tensors.get(item.name)
            target = item.name.startswith("target") or item.optional or item.domain in NO_GRADIENT
            if tensor is not None and tensor.is_floating_point() and not target:
                names.append(item.name)
        return names

    def gradients(
        self, inputs: Sample, *, within: AbstractContextManager[Any] | None = None, **call: Any
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and the gradient of its sum with respect to each differentiable argument (zero where none flows).

        ``within`` is a context for the forward pass alone."""
        names = self.differentiable(inputs)
        leaves = {name: inputs.tensors[name].detach().clone().requires_grad_() for name in names}
        with within or nullcontext():
            value = self(inputs.but(**leaves), **call)
        found = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True)
        return value.detach(), dict(zip(names, found, strict=True))

    def read_positions(self, inputs: Sample, name: str, limit: int = 3) -> list[int]:
        """A few places of a floating argument, in flat order, on which the value depends there."""
        leaf = inputs.tensors[name].detach().clone().requires_grad_()
        value = self(inputs.but(**{name: leaf}), reduction="sum")
        gradient = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
        places = [] if gradient is None else gradient.flatten().nonzero().flatten().tolist()
        if not places and name == self.first.name:
            return [0]
        return places[:: max(1, (len(places) - 1) // (limit - 1))][:limit]

    def take(self, inputs: Sample, rows: Tensor) -> Sample:
        """The sample with the chosen rows only, in their order; what belongs to no row stays."""
        return inputs.but(**{name: self.take_of(name, tensor, rows) for name, tensor in inputs.tensors.items()})

    def take_of(self, name: str, tensor: Tensor, rows: Tensor) -> Tensor:
        """The chosen rows of one argument."""
        for axis in self.item_axes(name, tensor):
            tensor = tensor.index_select(axis, rows)
        return tensor

    def item_axes(self, name: str, tensor: Tensor) -> list[int]:
        """The dimensions of an argument that count items (two for a relation between items)."""
        item = next(item for item in self.card.signature.fields if item.name == name)
        dims: list[str] = []
        shape = shape_of(item, tensor)
        for dim in shape.dims:
            dims += [dim, *[""] * (tensor.ndim - len(shape.dims))] if dim.startswith("*") else [dim]
        if dims and self.item_dim.startswith("*"):
            return [0] if dims[0] == self.item_dim else []
        return [axis for axis, dim in enumerate(dims[: tensor.ndim]) if dim == self.item_dim]


def _floating(inputs: Sample) -> torch.dtype:
    return next(
        (t.dtype for t in inputs.tensors.values() if isinstance(t, Tensor) and t.is_floating_point()), torch.float32
    )


def kept_bytes(step: Callable[[], object], inputs: list[Tensor]) -> int:
    """Bytes of the storages that autograd keeps in a call, each counted once, the inputs not at all."""
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    own = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in own)
