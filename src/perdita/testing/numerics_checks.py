"""Checks of the numbers: derivatives, precision, extremes, NaN, determinism."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from perdita.core.errors import InputError
from perdita.testing.registry import ConformanceError, at, check, expect_gradients, expect_same
from perdita.testing.sample import Sample
from perdita.testing.subject import NO_GRADIENT, Subject, kept_bytes

HALVES = (torch.bfloat16, torch.float16)
EXTREME = 1e4
MANY = 24  # numbers whose second derivatives are no longer looked at one by one
LONG = 2**17
EVENLY = 2.5  # times the memory for twice the items


def real_first(subject: Subject) -> str:
    """Applies where the first argument may be any real number."""
    return "" if subject.first.domain == "real" else f"its first argument holds {subject.first.domain} numbers only"


@check()
def check_gradcheck(subject: Subject) -> None:
    """The gradient of each value equals its numerical derivative in float64."""
    _derivatives(subject, "gradcheck", torch.autograd.gradcheck)


@check()
def check_gradgradcheck(subject: Subject) -> None:
    """The second derivative of each value equals the numerical derivative of the gradient in float64.

    Of more than ``MANY`` numbers it is looked at along drawn directions.
    """
    _derivatives(subject, "gradgradcheck", _second_derivatives)


def _second_derivatives(values: Callable[..., Tensor], leaves: list[Tensor]) -> None:
    many = sum(leaf.numel() for leaf in leaves) > MANY
    torch.autograd.gradgradcheck(values, leaves, fast_mode=many)


def _derivatives(subject: Subject, name: str, compare: object) -> None:
    for variant in subject.variants:
        inputs = subject.sample(1, n=min(subject.n, 3), **variant)
        parameters = subject.parameters()
        names = [*subject.differentiable(inputs), *parameters]
        given = {**inputs.tensors, **parameters}
        leaves = [given[key].detach().clone().requires_grad_() for key in names]

        def values(*leaves: Tensor, names: list[str] = names, inputs: Sample = inputs) -> Tensor:
            by_name = dict(zip(names, leaves, strict=True))
            own = {key: by_name.pop(key) for key in list(by_name) if key not in inputs.tensors}
            return subject(inputs.but(**by_name), reduction="none", parameters=own or None)

        if not values(*leaves).requires_grad:
            raise ConformanceError(name, f"no gradient flows from the value to {', '.join(names)}{at(inputs)}")
        try:
            compare(values, leaves)  # type: ignore[operator]
        except RuntimeError as error:  # of gradcheck, or of an operation without this derivative
            raise ConformanceError(name, f"{' '.join(str(error).split())}{at(inputs)}") from error


@check()
def check_half_precision(subject: Subject) -> None:
    """Half precision gives the value of float32 on the same numbers, as float32, and a gradient in its own dtype.

    A plain loss may round its value to its input's precision.
    """
    for dtype, variant in itertools.product(HALVES, subject.variants):
        inputs = subject.sample(2, dtype=dtype, **variant)
        wide = inputs.but(**{k: t.float() for k, t in inputs.tensors.items() if t.is_floating_point()})
        value, gradients = subject.gradients(inputs)
        expected, wide_gradients = subject.gradients(wide)
        if value.dtype is not torch.float32 and subject.plain is None:
            raise ConformanceError(
                "half_precision", f"{dtype} inputs give a value of {value.dtype}, expected float32{at(inputs)}"
            )
        eps = torch.finfo(dtype).eps * (1 if subject.plain is None else 4)
        within = eps / 8 if subject.plain is None else eps
        expect_same("half_precision", f"the value in {dtype}", value.float(), expected, inputs, within=within)
        for name, gradient in gradients.items():
            if gradient.dtype is not dtype:
                raise ConformanceError(
                    "half_precision", f"the gradient of {name} is {gradient.dtype}, expected {dtype}{at(inputs)}"
                )
        widened = {name: gradient.float() for name, gradient in gradients.items()}
        expect_gradients("half_precision", f"in {dtype}", widened, wide_gradients, inputs, within=eps)


def grows_evenly(subject: Subject) -> str:
    """Applies to plain losses of a batch that may be long: those that keep no square of it, and are no sum."""
    if subject.plain is None:
        return "the check half_precision proves that it computes in float32"
    if subject.sampler:
        return "its inputs come from a sampler of its own"
    if subject.plain.additive == "sum":
        return "it is a sum, which is beyond float16 for so many items"
    kept = []
    try:
        for n in (64, 128):
            inputs = subject.sample(8, n=n)
            kept.append(kept_bytes(functools.partial(subject.gradients, inputs), list(inputs.tensors.values())))
    except Exception as error:
        return f"it fails on a batch of {n} items ({type(error).__name__})"
    return "" if kept[1] <= EVENLY * kept[0] else "its memory grows faster than its batch"


@check(grows_evenly, shrinks=False)
def check_long_batch(subject: Subject) -> None:
    """Half precision gives the mean of float32 for 2**17 items: no sum or count of them passes float16's 65504."""
    for dtype in HALVES:
        inputs = subject.sample(8, n=LONG, dtype=dtype)
        wide = inputs.but(**{k: t.float() for k, t in inputs.tensors.items() if t.is_floating_point()})
        found, gradients = subject.gradients(inputs)
        expected, _ = subject.gradients(wide)
        shown = f"; input: {LONG} items, drawn at random"
        near = 8 * torch.finfo(dtype).eps * expected.abs().clamp(min=1.0)
        if not (found.float() - expected).abs() <= near:
            lost = "they add up to a number that float16 does not reach" if not torch.isfinite(found) else (
                "a sum that is kept in so few digits loses what is added to it"
            )  # fmt: skip
            numbers = f"is {found.item():.6g}, expected {expected.item():.6g}"
            raise ConformanceError("long_batch", f"the mean of {LONG} items in {dtype} {numbers}: {lost}{shown}")
        for name, gradient in gradients.items():
            if not torch.isfinite(gradient).all():
                raise ConformanceError("long_batch", f"the gradient of {name} is not finite in {dtype}{shown}")


@check()
def check_result_dtype(subject: Subject) -> None:
    """float32 gives float32, float64 gives float64, for every reduction."""
    for dtype in (torch.float32, torch.float64):
        for reduction in ("none", "mean", "sum"):
            inputs = subject.sample(3, dtype=dtype)
            found = subject(inputs, reduction=reduction).dtype
            if found is not dtype:
                raise ConformanceError(
                    "result_dtype", f"{dtype} inputs give {found} for reduction={reduction!r}{at(inputs)}"
                )


@check(real_first)
def check_extreme_inputs(subject: Subject) -> None:
    """At |x| = 1e4 in float32, bfloat16 and float16 neither the value nor a gradient is NaN or infinite."""
    for dtype in (torch.float32, *HALVES):
        for pattern in ("random signs", "all high", "all low", "one high", "one low", "zeros"):
            inputs = subject.sample(4, dtype=dtype)
            inputs = inputs.but(**{subject.first.name: _extreme(inputs.tensors[subject.first.name], pattern)})
            value, gradients = subject.gradients(inputs)
            first = gradients.pop(subject.first.name)
            for what, found in {"value": value, f"gradient of {subject.first.name}": first}.items():
                if not torch.isfinite(found).all():
                    raise ConformanceError(
                        "extreme_inputs", f"the {what} is not finite in {dtype} with {pattern} at |x| = 1e4{at(inputs)}"
                    )
            for name, gradient in gradients.items():  # it may be too large for half precision, but never NaN
                if torch.isnan(gradient).any():
                    raise ConformanceError(
                        "extreme_inputs",
                        f"the gradient of {name} is NaN in {dtype} with {pattern} at |x| = 1e4{at(inputs)}",
                    )


def _extreme(tensor: Tensor, pattern: str) -> Tensor:
    if pattern == "zeros":
        return torch.zeros_like(tensor)
    if pattern == "random signs":
        return torch.where(tensor > 0, EXTREME, -EXTREME).to(tensor.dtype)
    if pattern in ("all high", "all low"):
        return torch.full_like(tensor, EXTREME if pattern == "all high" else -EXTREME)
    alone = torch.zeros_like(tensor)
    alone.flatten()[::3] = EXTREME if pattern == "one high" else -EXTREME
    return alone


@check()
def check_nan_is_shown(subject: Subject) -> None:
    """A NaN that the value depends on is never hidden: it is named, or the value is NaN.

    A plain loss may give NaN itself."""
    inputs = subject.sample(5)
    domains = {item.name: item.domain for item in subject.card.signature.fields}
    for name, tensor in inputs.tensors.items():
        for position in subject.read_positions(inputs, name) if tensor.is_floating_point() else ():
            spoiled = inputs.but(**{name: with_nan(tensor, position)})
            _expect_nan_error(subject, spoiled, name)
            if domains[name] not in NO_GRADIENT and "vmap" not in subject.card.limits and subject.plain is None:
                _expect_nan_under_vmap(subject, spoiled, name)


def _expect_nan_under_vmap(subject: Subject, spoiled: Sample, name: str) -> None:
    stacked = {key: tensor.unsqueeze(0) for key, tensor in spoiled.tensors.items()}
    value = torch.func.vmap(lambda tensors: subject(spoiled.but(**tensors)))(stacked)
    if not torch.isnan(value).all():
        raise ConformanceError("nan_is_shown", f"a NaN in {name} is hidden under vmap: {value.item():.6g}{at(spoiled)}")


def with_nan(tensor: Tensor, position: int) -> Tensor:
    """A copy with a NaN at a place in flat order."""
    spoiled = tensor.clone()
    spoiled.view(-1)[position] = torch.nan
    return spoiled


def _expect_nan_error(subject: Subject, spoiled: Sample, name: str) -> None:
    try:
        value = subject(spoiled)
    except InputError as error:
        if name not in str(error):
            raise ConformanceError("nan_is_shown", f"the error of a NaN in {name} does not name it: {error}") from error
        return
    except Exception:
        if subject.plain is None:
            raise
        return  # a plain loss may refuse a NaN in its own words
    if subject.plain is None or not torch.isnan(value):
        raise ConformanceError(
            "nan_is_shown", f"a NaN in {name} is hidden: the value is {value.item():.6g}{at(spoiled)}"
        )


@check()
def check_determinism(subject: Subject) -> None:
    """Two calls give the same bits, whatever the state of the global random numbers."""
    inputs = subject.sample(6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first, first_gradients = subject.gradients(inputs, reduction="none")
        torch.manual_seed(2)
        second, second_gradients = subject.gradients(inputs, reduction="none")
    expect_same("determinism", "the second value", second, first, inputs, within=0.0)
    expect_gradients("determinism", "of the second call", second_gradients, first_gradients, inputs, within=0.0)


@check()
def check_autocast(subject: Subject) -> None:
    """Autocast changes neither the value nor a gradient."""
    inputs = subject.sample(7, dtype=torch.float32)
    expected, gradients = subject.gradients(inputs)
    found, found_gradients = subject.gradients(inputs, within=torch.autocast("cpu", dtype=torch.bfloat16))
    expect_same("autocast", "the value under autocast", found, expected, inputs, within=0.0)
    expect_gradients(
        "autocast", "under autocast", found_gradients, gradients, inputs, within=torch.finfo(torch.float32).eps
    )
