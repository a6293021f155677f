"""Valid random inputs for any loss, from its signature alone: letters become sizes, domains become distributions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from perdita.core.card import Card, Choice, Range
from perdita.core.signature import REQUIRED, Field, Shape, Sizes

SIZES = {"c": 4, "d": 6}  # of the letters with a customary meaning; n is asked for
OTHER_SIZES = (3, 7, 2, 8, 9, 10, 11, 12)  # of all other letters, in order of appearance
GRID = 64  # simplex points for half precision lie on multiples of 1 / GRID, so that they still sum to one
SIZED = {  # constructor arguments and hyper-parameters that are a size, and its letter
    **dict.fromkeys(("classes", "num_classes", "n_classes", "class_count"), "c"),
    **dict.fromkeys(("dim", "dimension", "dimensions", "features", "in_features"), "d"),
    **dict.fromkeys(("embedding_dim", "embedding_size", "feat_dim"), "d"),
}


@dataclass(frozen=True)
class Sample:
    """The tensors of one call by name, and the hyper-parameters that it needs."""

    tensors: dict[str, Tensor]
    options: dict[str, Any] = field(default_factory=dict)

    def but(self, **tensors: Tensor | None) -> Sample:
        """The same sample with some tensors changed; None takes one out."""
        changed = {**self.tensors, **tensors}
        return replace(self, tensors={name: value for name, value in changed.items() if value is not None})


Sampler = Callable[..., "Sample | Mapping[str, Tensor]"]


def sample(
    card: Card,
    generator: torch.Generator,
    *,
    n: int = 5,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    extra: tuple[int, ...] = (),
    optional: bool = False,
    alternative: int = 0,
    samplers: Mapping[str, Sampler] | None = None,
    classes: int | None = None,
    sizes: Mapping[str, int] | None = None,
    given: Container[str] = (),
) -> Sample:
    """Draw inputs that a loss accepts.

    Args:
        card: the loss.
        generator: source of all randomness.
        n: number of items.
        dtype: of every floating tensor.
        device: of every tensor.
        extra: the sizes that variadic dimensions stand for.
        optional: fill optional tensors too, else they are left out.
        alternative: which of several allowed shapes a tensor takes (the last one where it has fewer).
        samplers: name of a loss → function of (generator, n, dtype) for losses whose inputs no signature can tell; it
            gives a `Sample` or the tensors by name.
        classes: the size of the letter c; None takes the customary one.
        sizes: of letters that are not to have their customary sizes.
        given: hyper-parameters that the caller gives, so that none is guessed for them.

    Returns:
        The sample; optional class masks leave out the last class, which then is no target.
    """
    if samplers and card.name in samplers:
        found = samplers[card.name](generator, n=n, dtype=dtype)
        made = found if isinstance(found, Sample) else Sample(dict(found))
        own = {**options_for(card, _letter_sizes(card, n), given), **made.options}
        return Sample({name: tensor.to(device) for name, tensor in made.tensors.items()}, own)
    few = min(max(2, n // 2), (sizes or {}).get("c", n + 2))  # labels of no letter c
    sizes = {**_letter_sizes(card, n), **(sizes or {}), **({} if classes is None else {"c": classes})}
    fields = [item for item in card.signature.fields if optional or not item.optional]
    targets = sizes["c"] - 1 if optional and any(_is_class_mask(item) for item in fields) else sizes["c"]
    items = (card.signature.returns.dims or card.signature.fields[0].shapes[0].dims or ("",))[0]
    tensors = {}
    for item in fields:
        shape = item.shapes[min(alternative, len(item.shapes) - 1)]
        full = [size for dim in shape.dims for size in (extra if dim.startswith("*") else (_size(dim, sizes),))]
        if shape.dims and shape.dims[0].startswith("*") and shape.dims[0] == items:  # the items are variadic themselves
            full = [n, *full]
        bound = {letter for other in fields for s in other.shapes for letter in s.dims}
        classes = targets if "c" in bound else few
        tensors[item.name] = _draw(item, shape, full, classes, sizes, dtype, generator).to(device)
    return Sample(tensors, options_for(card, sizes, given))


def options_for(card: Card, sizes: Mapping[str, int], given: Container[str] = ()) -> dict[str, Any]:
    """The hyper-parameters without a default that are not given: sizes by their names, others from their ranges."""
    found: dict[str, Any] = {}
    for name, default in card.signature.defaults.items():
        if default is not REQUIRED or name in given:
            continue
        allowed = card.ranges.get(name)
        if name in SIZED:
            found[name] = sizes[SIZED[name]]
        elif isinstance(allowed, Choice):
            found[name] = allowed.values[0]
        elif isinstance(allowed, Range):
            found[name] = inside(allowed)
        elif name == "class_counts":
            found[name] = [10 * (index + 1) for index in range(sizes["c"])]
        else:
            raise TypeError(f"{card.name}: no value can be guessed for {name}; give it a range, or the loss a sampler")
    return found


def inside(allowed: Range, share: float = 0.5) -> float | int:
    """A number inside a range, ``share`` of the way through its search interval."""
    low, high = allowed.search or (max(allowed.low, -3.0), min(allowed.high, max(allowed.low, -3.0) + 3.0))
    number = low * (high / low) ** share if allowed.log and low > 0 else low + (high - low) * share
    if allowed.integer:
        return round(number)
    eps = 1e-3 * (high - low) if allowed.open else 0.0
    return min(max(number, low + eps), high - eps)


def construct(card: Card, arguments: Mapping[str, Any] | None = None) -> Any:
    """A module of a loss that is a class, with arguments from `options_for`; its parameters are the same each time."""
    assert card.criterion is not None
    given = dict(arguments or {})
    known = inspect.signature(card.criterion.__init__).parameters
    guessed = options_for(card, _letter_sizes(card, 5), given)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return card.criterion(**{**{name: value for name, value in guessed.items() if name in known}, **given})


def shape_of(item: Field, tensor: Tensor) -> Shape:
    """The alternative of a field that a tensor has taken."""
    for shape in item.shapes:
        trial: Sizes = {}
        if shape.takes(tensor.dtype) and shape.bind(tensor, trial):
            return shape
    return item.shapes[0]


def class_axis(shape: Shape, ndim: int) -> int:
    """The dimension of the classes: the one called c, else the one after the items."""
    axis = shape.dims.index("c") if "c" in shape.dims else 1
    after_variadic = any(dim.startswith("*") for dim in shape.dims[:axis])
    return axis + ndim - len(shape.dims) if after_variadic else axis


def _letter_sizes(card: Card, n: int) -> dict[str, int]:
    sizes = {**SIZES, "n": n}
    others = iter(OTHER_SIZES)
    for item in card.signature.fields:
        for shape in item.shapes:
            for dim in shape.dims:
                if not dim.startswith("*") and not dim.isdigit() and dim not in sizes:
                    sizes[dim] = next(others)
    return sizes


def _size(dim: str, sizes: Mapping[str, int]) -> int:
    return int(dim) if dim.isdigit() else sizes[dim]


def _is_class_mask(item: Field) -> bool:
    return item.name == "class_mask"


def _draw(
    item: Field, shape: Shape, full: list[int], classes: int, sizes: Mapping[str, int], dtype: torch.dtype,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """One tensor of a shape whose numbers lie in the field's domain."""
    if _is_class_mask(item):
        axis = shape.dims.index("c")
        last = torch.arange(full[axis]) == full[axis] - 1
        return ~last.view([-1 if index == axis else 1 for index in range(len(full))]).expand(full)
    if shape.kind == "Bool":
        return torch.rand(full, generator=generator) > 0.3
    if shape.kind == "Int":
        return _draw_integers(item, full, classes, sizes, generator)
    unit = torch.rand(full, generator=generator, dtype=torch.float64)
    normal = torch.randn(full, generator=generator, dtype=torch.float64)
    if item.domain == "binary":
        return (unit > 0.5).to(dtype)
    if item.domain == "sign":
        return (unit > 0.5).to(dtype) * 2 - 1
    if item.domain in ("simplex", "labels"):
        return _simplex(normal, classes, dtype)
    if item.domain == "log_probs":
        axis = class_axis(shape, len(full))
        return (normal.log_softmax(axis) if axis < len(full) else unit.clamp_min(0.01).log()).to(dtype)
    if item.domain == "unit":
        return (0.05 + 0.9 * unit).to(dtype)
    if item.domain in ("nonnegative", "positive"):
        return (0.1 + 2 * unit).to(dtype)
    return normal.to(dtype)


def _draw_integers(
    item: Field, full: list[int], classes: int, sizes: Mapping[str, int], generator: torch.Generator
) -> Tensor:
    count = torch.Size(full).numel()
    offset = torch.randint(0, 1000, (), generator=generator)
    shuffled = offset + torch.randperm(max(count, 1), generator=generator)[:count].view(full)
    if item.domain == "labels":  # every class occurs, where there are items enough
        return shuffled % classes
    if item.domain in ("binary", "unit"):
        return shuffled % 2
    if item.domain == "sign":
        return (shuffled % 2) * 2 - 1
    if item.domain == "lengths":
        return 1 + shuffled % max(1, min((size for dim, size in sizes.items() if dim not in "ncd"), default=sizes["d"]))
    return shuffled % max(1, sizes["n"])


def _simplex(normal: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    if normal.shape[1] > classes:
        normal = normal.masked_fill(
            (torch.arange(normal.shape[1]) >= classes).view(-1, *[1] * (normal.ndim - 2)), -torch.inf
        )
    probs = normal.softmax(1)
    if dtype in (torch.float16, torch.bfloat16):
        counts = (probs * GRID).floor()
        best = torch.zeros_like(counts).scatter_(1, probs.argmax(1, keepdim=True), 1.0) if probs.numel() else counts
        probs = (counts + best * (GRID - counts.sum(1, keepdim=True))) / GRID
    return probs.to(dtype)
