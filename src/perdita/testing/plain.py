"""A loss that is no perdita loss, as the battery sees it: a function or module of tensors, called as it is.

Nothing of the contract stands between it and the checks: what it does with half precision, extremes or an empty batch
is its own doing.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.card import Card, Cost, Traits
from perdita.core.errors import InputError, nearest
from perdita.core.signature import Field, Signature, parse_shapes, read_signature
from perdita.testing.sample import sample

REDUCTIONS = ("none", "mean", "sum")
PREDICTION, CLASSES = 'Float[Tensor, "n"]', 'Float[Tensor, "n c"]'
VECTORS = 'Float[Tensor, "n d"]'
FORMS: dict[str, tuple[tuple[str, str, str], ...]] = {  # task → (argument, its shape, its domain)
    "multiclass": (("input", CLASSES, "real"), ("target", 'Int[Tensor, "n"]', "labels")),
    "regression": (("input", PREDICTION, "real"), ("target", PREDICTION, "real")),
    "binary": (("input", PREDICTION, "real"), ("target", PREDICTION, "binary")),
    "probabilities": (("input", PREDICTION, "unit"), ("target", PREDICTION, "binary")),
    "vectors": (("input", VECTORS, "real"), ("target", VECTORS, "real")),
    "soft": (("input", CLASSES, "real"), ("target", CLASSES, "simplex")),
    "multilabel": (("input", CLASSES, "real"), ("target", CLASSES, "binary")),
    "sign": (("input", PREDICTION, "real"), ("target", PREDICTION, "sign")),
    "counts": (("input", PREDICTION, "real"), ("target", PREDICTION, "nonnegative")),
    "log_probs": (("input", CLASSES, "log_probs"), ("target", CLASSES, "simplex")),
    "triplet": (("anchor", VECTORS, "real"), ("positive", VECTORS, "real"), ("negative", VECTORS, "real")),
}
GUESSED = ("multiclass", "regression", "binary", "probabilities", "vectors", "soft", "multilabel", "triplet")
AT_ITS_TARGET = ("regression", "vectors")  # their loss is least where the prediction is the target
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Plain:
    """A callable that is no perdita loss.

    Args:
        call: the function or module.
        reduces: how it takes a reduction: as an "attribute", an "argument", or "" where it has but one.
        additive: how its one number adds up over rows: as a "mean", a "sum", or "" where it does not.
    """

    call: Callable[..., Any]
    reduces: str = ""
    additive: str = ""
    _cast: dict[torch.dtype, Callable[..., Any]] = field(default_factory=dict)

    @property
    def module(self) -> nn.Module | None:
        """The module, where it is one."""
        return self.call if isinstance(self.call, nn.Module) else None

    @property
    def ignores(self) -> bool:
        """Whether it has an ``ignore_index`` of its own."""
        return hasattr(self.call, "ignore_index") or "ignore_index" in _parameters(self.call)

    def bound(self, dtype: torch.dtype, reduction: str | None = None, ignore_index: int | None = None) -> Any:
        """The callable itself with a reduction, its parameters and buffers in a dtype."""
        settings = {"reduction": reduction if self.reduces else None, "ignore_index": ignore_index}
        settings = {name: value for name, value in settings.items() if value is not None}
        if self.module is None:
            return self.call if not settings else lambda *tensors: self.call(*tensors, **settings)
        if dtype not in self._cast:
            self._cast[dtype] = copy.deepcopy(self.module).to(dtype)
        module = copy.copy(self._cast[dtype])
        for name, value in settings.items():
            setattr(module, name, value)
        return module

    def values(self, *tensors: Tensor, reduction: str = "none", ignore_index: int | None = None) -> Tensor:
        """What it gives under a reduction, or its own number where it has but one."""
        dtype = next((t.dtype for t in tensors if t.is_floating_point()), torch.float32)
        found: Tensor = self.bound(dtype, reduction, ignore_index)(*tensors)
        if self.reduces or reduction == "none" or not found.ndim:
            return found
        return found.mean() if reduction == "mean" and found.numel() else found.sum()


def plain_card(loss: Any, task: str | None = None, arguments: Mapping[str, Any] | None = None) -> tuple[Card, Plain]:
    """A card for a function, module or class that is no perdita loss; the catalogue does not learn of it.

    Args:
        loss: called with two tensors (or three: anchor, positive, negative); a class is constructed first.
        task: one of `FORMS`; None reads annotated shapes, or tries what the call accepts.
        arguments: of the constructor, where it is a class.

    Raises:
        InputError: it is not callable, needs arguments, or no form of input gives a finite value with a gradient.
    """
    call = _made(loss, dict(arguments or {}))
    if not callable(call):
        raise InputError(f"loss must be a card, a function or a module, not {loss!r}")
    name = getattr(loss, "__name__", type(call).__name__)
    annotated = None if task else _annotated(call)
    if task is not None and task not in FORMS:
        raise InputError(f"task must be one of {', '.join(FORMS)}, not {task!r}{nearest(task, FORMS)}")
    tried = {}
    for form in (task,) if task else ("annotated",) if annotated else GUESSED:
        try:
            return _finished(name, form, annotated, Plain(call)) if annotated else _fitted(name, form, call)
        except _MisfitError as misfit:
            tried[form] = str(misfit)
    reasons = "; ".join(f"{form}: {reason}" for form, reason in tried.items())
    raise InputError(f"{name} takes none of the inputs tried; annotate its shapes, or name a task ({reasons})")


class _MisfitError(Exception):
    """A form of input that a callable does not take."""


def _made(loss: Any, arguments: dict[str, Any]) -> Any:
    if not inspect.isclass(loss):
        return loss
    try:
        return loss(**arguments)
    except TypeError as error:
        raise InputError(f"{loss.__name__} cannot be constructed; give its arguments ({error})") from error


def _parameters(call: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    with contextlib.suppress(TypeError, ValueError):
        return inspect.signature(call.forward if isinstance(call, nn.Module) else call).parameters
    return {}


def _reduces(call: Callable[..., Any]) -> str:
    if getattr(call, "reduction", None) in REDUCTIONS:
        return "attribute"
    given = _parameters(call).get("reduction")
    return "argument" if given is not None and given.default in REDUCTIONS else ""


def _annotated(call: Callable[..., Any]) -> tuple[Field, ...]:
    """The arguments of a function whose annotations tell every shape."""
    if not inspect.isfunction(call):
        return ()
    try:
        fields = read_signature(call, {}).fields
    except TypeError:
        return ()
    needed = tuple(item for item in fields if not item.optional)
    return needed if all(item.positional for item in needed) else ()


def _fitted(name: str, form: str, call: Callable[..., Any]) -> tuple[Card, Plain]:
    fields = tuple(Field(own, parse_shapes(shape), domain) for own, shape, domain in FORMS[form])
    needed = sum(
        own.default is own.empty and own.kind in (own.POSITIONAL_ONLY, own.POSITIONAL_OR_KEYWORD)
        for own in _parameters(call).values()
    )
    if needed and needed != len(fields):
        raise _MisfitError(f"it takes {needed} tensors, not {len(fields)}")
    card, plain = _finished(name, form, fields, Plain(call, _reduces(call)))
    if form in AT_ITS_TARGET and not _least_at_its_target(card, plain):
        raise _MisfitError("it is not least where the prediction is the target")
    return card, plain


def _finished(name: str, form: str, fields: tuple[Field, ...], plain: Plain) -> tuple[Card, Plain]:
    drawn = _card(name, form, fields, plain, "")
    tensors = list(sample(drawn, torch.Generator().manual_seed(0)).tensors.values())
    values = _attempt(plain, *tensors)
    shapes = ("", "n", *(" ".join(item.shapes[0].dims) for item in fields))
    dims = next((dims for dims in shapes if _shape(dims, tensors, fields) == values.shape), None)
    if dims is None:
        raise _MisfitError(f"its values have the shape {tuple(values.shape)}")
    plain = Plain(plain.call, plain.reduces, "" if dims else _additive(plain, tensors))
    return _card(name, form, fields, plain, dims), plain


def _shape(dims: str, tensors: list[Tensor], fields: tuple[Field, ...]) -> tuple[int, ...]:
    sizes: dict[str, Any] = {}
    for item, tensor in zip(fields, tensors, strict=True):
        item.shapes[0].bind(tensor, sizes)
    return tuple(size for dim in dims.split() for size in (sizes[dim] if dim[0] == "*" else (sizes[dim],)))


def _attempt(plain: Plain, *tensors: Tensor) -> Tensor:
    """The values; raises where there are none, or none that training could use."""
    first = tensors[0].clone().requires_grad_()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of shapes that are broadcast, say
            values = plain.values(first, *tensors[1:])
    except Exception as error:
        raise _MisfitError(" ".join(str(error).split())[:120] or type(error).__name__) from error
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise _MisfitError(f"it gives a {type(values).__name__}, no floating tensor")
    if not torch.isfinite(values).all():
        raise _MisfitError("its value is not finite")
    if not values.requires_grad:
        raise _MisfitError("no gradient reaches the prediction")
    return values.detach()


def _additive(plain: Plain, tensors: list[Tensor]) -> str:
    """Whether the number of a batch is the mean or the sum of those of its rows."""
    try:
        rows = [plain.values(*(tensor[i : i + 1] for tensor in tensors)) for i in range(len(tensors[0]))]
    except Exception:
        return ""
    whole, apart = plain.values(*tensors), torch.stack(rows)
    found = {"mean": apart.mean(), "sum": apart.sum()}
    return next((how for how, value in found.items() if torch.isclose(whole, value, rtol=CLOSE, atol=CLOSE)), "")


def _least_at_its_target(card: Card, plain: Plain) -> bool:
    generator = torch.Generator().manual_seed(1)
    target = sample(card, generator).tensors[card.signature.names[1]]
    least = plain.values(target, target, reduction="sum").sum()
    moves = (torch.randn(target.shape, generator=generator, dtype=target.dtype) for _ in range(20))
    return all(bool(plain.values(target + move, target, reduction="sum").sum() >= least) for move in moves)


def _card(name: str, form: str, fields: tuple[Field, ...], plain: Plain, dims: str) -> Card:
    def function(*tensors: Tensor, reduction: str = "mean", ignore_index: int | None = None, **named: Any) -> Tensor:
        if named:
            raise InputError(f"{name} takes no {', '.join(named)}")
        return plain.values(*tensors, reduction=reduction, ignore_index=ignore_index)

    (returns,) = parse_shapes(f'Float[Tensor, "{dims}"]')
    return Card(
        name=name,
        task=form,
        paper=None,
        aliases=(),
        traits=Traits(),
        ranges={},
        cost=Cost(),
        signature=Signature(fields, {}, returns, frozenset(), returns.dims),
        per_example=plain.values,
        doc=inspect.cleandoc(plain.call.__doc__ or ""),
        rowwise=bool(dims or plain.additive),
        function=function,
    )
