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
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from perdita.core.card import Card, Cost, Traits
from perdita.core.errors import InputError, nearest
from perdita.core.signature import Field, Signature, parse_shapes
from perdita.testing.forms import (
    AT_ITS_TARGET,
    FORMS,
    GUESSED,
    OF_TORCH,
    annotated_fields,
    form_fields,
    has_target,
    parameters_of,
    reason,
    refusal,
    sampled_fields,
    takes_tensors,
    told_sizes,
)
from perdita.testing.sample import Sampler, sample

REDUCTIONS = ("none", "mean", "sum")
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Plain:
    """A callable that is no perdita loss.

    Args:
        call: the function or module.
        reduces: how it takes a reduction: as an "attribute", an "argument", or "" where it has but one.
        additive: how its one number adds up over rows: as a "mean", a "sum", or "" where it does not.
        sizes: of the letters c and d, where the callable tells them.
        warns: what it warns of on a usual input.
        changes: the argument that it changes in place; it gets copies, but where that is what is checked.
    """

    call: Callable[..., Any]
    reduces: str = ""
    additive: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    warns: tuple[str, ...] = ()
    changes: str = ""
    _cast: dict[torch.dtype, Callable[..., Any]] = field(default_factory=dict)

    @property
    def module(self) -> nn.Module | None:
        """The module, where it is one."""
        return self.call if isinstance(self.call, nn.Module) else None

    @property
    def ignores(self) -> bool:
        """Whether it has an ``ignore_index`` of its own."""
        return hasattr(self.call, "ignore_index") or "ignore_index" in parameters_of(self.call)

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
        given = [tensor.clone() for tensor in tensors] if self.changes else tensors
        found: Tensor = self.bound(dtype, reduction, ignore_index)(*given)
        if self.reduces or reduction == "none" or not found.ndim:
            return found
        return found.mean() if reduction == "mean" and found.numel() else found.sum()


def plain_card(
    loss: Any, task: str | None = None, arguments: Mapping[str, Any] | None = None, sampler: Sampler | None = None
) -> tuple[Card, Plain]:
    """A card for a function, module or class that is no perdita loss; the catalogue does not learn of it.

    Args:
        loss: called with two tensors (or three: anchor, positive, negative); a class is constructed first.
        task: one of `FORMS`; None reads annotated shapes, or tries what the call accepts.
        arguments: of the constructor, where it is a class.
        sampler: draws its inputs, where no form has them.

    Raises:
        InputError: it is not callable, needs arguments, or no form of input gives a finite value with a gradient.
    """
    given = dict(arguments or {})
    call = _made(loss, given)
    if not callable(call):
        raise InputError(f"loss must be a card, a function or a module, not {loss!r}")
    name = getattr(loss, "__name__", type(call).__name__)
    if task is not None and task not in FORMS:
        raise InputError(f"task must be one of {', '.join(FORMS)}, not {task!r}{nearest(task, FORMS)}")
    plain = Plain(call, _reduces(call), sizes=told_sizes(call, given))
    if task is None and str(getattr(call, "__module__", "")).startswith("torch.nn"):
        task = OF_TORCH.get(name)
    annotated = sampled_fields(sampler) if sampler else () if task else annotated_fields(call)
    tried: dict[str, list[str]] = {}
    for form in (task,) if task else ("annotated",) if annotated else GUESSED:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they are recorded, and told by the check ``silent``
                return _finished(name, form, annotated, plain, sampler) if annotated else _fitted(name, form, plain)
        except _MisfitError as misfit:
            tried.setdefault(str(misfit), []).append(form)
    raise InputError(refusal(name, tried))


class _MisfitError(Exception):
    """A form of input that a callable does not take."""


def _made(loss: Any, arguments: dict[str, Any]) -> Any:
    if not inspect.isclass(loss):
        return loss
    try:
        return loss(**arguments)
    except TypeError as error:
        own = inspect.signature(loss).parameters
        missing = [name for name, one in own.items() if one.default is one.empty and one.kind < one.VAR_POSITIONAL]
        form = ", ".join(f'"{name}": …' for name in missing) or "…"
        raise InputError(
            f"{loss.__name__} cannot be constructed ({error}); give its arguments: {{{form}}}, on the command line as "
            f"--arguments '{{{form}}}'"
        ) from error


def _reduces(call: Callable[..., Any]) -> str:
    if getattr(call, "reduction", None) in REDUCTIONS:
        return "attribute"
    given = parameters_of(call).get("reduction")
    return "argument" if given is not None and given.default in REDUCTIONS else ""


def _fitted(name: str, form: str, plain: Plain) -> tuple[Card, Plain]:
    fields = form_fields(form)
    if against := takes_tensors(plain.call, len(fields)):
        raise _MisfitError(against)
    if form == "triplet" and has_target(plain.call):
        raise _MisfitError("one of its arguments is a target")
    card, plain = _finished(name, form, fields, plain)
    if form in AT_ITS_TARGET and not _least_at_its_target(card, plain):
        raise _MisfitError("it is not least where the prediction is the target")
    if form == "multiclass" and _only_compares_labels(card, plain):
        raise _MisfitError("it only asks which labels are equal")
    return card, plain


def _only_compares_labels(card: Card, plain: Plain) -> bool:
    """Whether other names for the classes change nothing, as in a loss of embeddings."""
    drawn = sample(card, torch.Generator().manual_seed(2), sizes=plain.sizes).tensors
    scores, target = drawn.values()
    values = plain.values(scores, target), plain.values(scores, scores.shape[1] - 1 - target)
    return values[0].shape == values[1].shape and torch.allclose(*values, rtol=CLOSE, atol=CLOSE)


def _finished(
    name: str, form: str, fields: tuple[Field, ...], plain: Plain, sampler: Sampler | None = None
) -> tuple[Card, Plain]:
    drawn = _card(name, form, fields, plain, "")
    own = {name: sampler} if sampler else None
    tensors = list(sample(drawn, torch.Generator().manual_seed(0), sizes=plain.sizes, samplers=own).tensors.values())
    plain = replace(plain, changes=_changed(plain, fields, tensors))
    values = _attempt(plain, *tensors)
    shapes = ("", "n", *(" ".join(item.shapes[0].dims) for item in fields))
    dims = next((dims for dims in shapes if _shape(dims, tensors, fields) == values.shape), None)
    if dims is None:
        raise _MisfitError(f"its values have the shape {tuple(values.shape)}")
    plain = replace(plain, warns=_warnings(plain, tensors))
    plain = replace(plain, additive="" if dims else _additive(plain, tensors))
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
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", ".*broadcast")  # these tensors are not what it is for
            values = plain.values(first, *tensors[1:])
    except Exception as error:
        raise _MisfitError(reason(error)) from error
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise _MisfitError(f"it gives a {type(values).__name__}, no floating tensor")
    if not torch.isfinite(values).all():
        raise _MisfitError("its value is not finite")
    if not values.requires_grad:
        raise _MisfitError("no gradient reaches the prediction")
    return values.detach()


def _changed(plain: Plain, fields: tuple[Field, ...], tensors: list[Tensor]) -> str:
    """The argument that a call changes in place, or ""; what else is wrong with the call shows elsewhere."""
    given = [tensor.clone() for tensor in tensors]
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain.values(*given)
    return next((item.name for item, tensor in zip(fields, given, strict=True) if tensor._version), "")


def _warnings(plain: Plain, tensors: list[Tensor]) -> tuple[str, ...]:
    first = tensors[0].clone().requires_grad_()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for reduction in REDUCTIONS if plain.reduces else ("none",):
            plain.values(first, *tensors[1:], reduction=reduction)
    return tuple(dict.fromkeys(str(one.message) for one in caught))


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
    target = sample(card, generator, sizes=plain.sizes).tensors[card.signature.names[1]]
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
