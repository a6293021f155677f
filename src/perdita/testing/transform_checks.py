"""Checks that a loss goes through torch.compile, vmap and func.grad unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perdita.testing.numerics_checks import with_nan
from perdita.testing.registry import (
    ConformanceError,
    at,
    check,
    expect_gradients,
    expect_same,
    has_items,
    under_contract,
)
from perdita.testing.sample import Sample
from perdita.testing.subject import Subject

TORCH, HERE = str(Path(torch.__file__).parent), str(Path(__file__).parent)


@check(must_raise=True, shrinks=False)
def check_compile(subject: Subject) -> None:
    """torch.compile makes one full graph whose value and gradient are the eager ones, and which shows a NaN."""
    compile_equals_eager(subject, backend="aot_eager")


def compile_equals_eager(subject: Subject, *, backend: str) -> None:
    """Compare a compiled loss with the eager one, value and gradient, on a good input and on one with a NaN."""
    inputs = subject.sample(80, dtype=torch.float32)
    call, names = _call_of(subject, inputs), subject.differentiable(inputs)
    torch._dynamo.reset()
    try:
        compiled = torch.compile(call, backend=backend, fullgraph=True, dynamic=False)
        try:
            found, gradients = _value_and_gradients(compiled, inputs, names)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise ConformanceError("compile", f"the graph breaks{_where(error)}") from error
        expected, eager = _value_and_gradients(call, inputs, names)
        spoiled = with_nan(inputs.tensors[names[0]], subject.read_positions(inputs, names[0])[0])
        leaves = {name: inputs.tensors[name].clone().requires_grad_() for name in names}
        leaves[names[0]] = spoiled.requires_grad_()
        shown = _shown(subject, compiled, inputs.but(**leaves))
    finally:
        torch._dynamo.reset()
    expect_same("compile", "the compiled value", found, expected, inputs)
    expect_gradients("compile", "of the compiled loss", gradients, eager, inputs)
    if not torch.isnan(shown):
        raise ConformanceError(
            "compile", f"a NaN in {names[0]} is hidden when compiled: {shown.item():.6g}{at(inputs)}"
        )


def _shown(subject: Subject, compiled: Callable[..., Tensor], spoiled: Sample) -> Tensor:
    """The compiled value of an input with a NaN; a plain loss may refuse it in its own words."""
    try:
        return compiled(**spoiled.tensors)
    except RuntimeError:
        if subject.plain is None:
            raise
        return torch.tensor(torch.nan)


def _where(error: Exception) -> str:
    """Where and why a graph breaks: the last line of the user's own code, and the first of the compiler's reason."""
    stack = getattr(error, "real_stack", None) or []
    frames = [frame for frame in stack if not frame.filename.startswith((TORCH, HERE))] or list(stack)
    place = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    said = str(error).strip().splitlines()
    return f"{place}: {said[0].strip() if said else type(error).__name__}"


def _call_of(subject: Subject, inputs: Sample) -> Callable[..., Tensor]:
    """The public function or module itself, so that nothing of the battery is compiled with it."""
    if subject.plain is not None:
        own, copies = subject.plain.bound(torch.float32, "mean"), bool(subject.plain.changes)
        return lambda **tensors: own(*(t.clone() if copies else t for t in tensors.values())).mean()
    if subject.card.function is None:
        module, order = subject.module(torch.float32), subject.card.signature.names
        return lambda **tensors: module(*[tensors[k] for k in order if k in tensors],
                                        **{k: v for k, v in tensors.items() if k not in order})  # fmt: skip
    function, options = subject.card.function, {**inputs.options, **subject.randomness()}
    return lambda **tensors: function(**tensors, **options)


def _value_and_gradients(
    call: Callable[..., Tensor], inputs: Sample, names: list[str]
) -> tuple[Tensor, dict[str, Tensor]]:
    leaves = {name: inputs.tensors[name].detach().clone().requires_grad_() for name in names}
    value = call(**inputs.but(**leaves).tensors)
    found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return value.detach(), dict(zip(names, found, strict=True))


@check(must_raise=True)
def check_vmap(subject: Subject) -> None:
    """vmap over whole samples gives the values and per-sample gradients of a loop, with weights and masks too."""
    for variant in subject.variants:
        _expect_vmapped(subject, [subject.sample(81 + index, **variant) for index in range(3)])


def _expect_vmapped(subject: Subject, samples: list[Sample]) -> None:
    stacked = {name: torch.stack([one.tensors[name] for one in samples]) for name in samples[0].tensors}
    ways: list[dict[str, Tensor]] = [{}]
    if not (has_items(subject) or under_contract(subject)):
        generator = torch.Generator().manual_seed(3)
        ways.append({
            "weight": torch.rand(3, subject.n, generator=generator, dtype=torch.float64),
            "mask": torch.rand(3, subject.n, generator=generator) > 0.3,
        })  # fmt: skip
    first = subject.first.name

    def value(x: Tensor, tensors: dict[str, Tensor], contract: dict[str, Any]) -> Tensor:
        return subject(samples[0].but(**{**tensors, first: x}), **contract)

    for contract in ways:
        found = torch.func.vmap(value)(stacked[first], stacked, contract)
        gradients = torch.func.vmap(torch.func.grad(value))(stacked[first], stacked, contract)
        for index, one in enumerate(samples):
            own = {name: tensor[index] for name, tensor in contract.items()}
            expected, eager = subject.gradients(one, **own)
            what = f"under vmap{' with weight and mask' if own else ''}"
            expect_same("vmap", f"the value {what}", found[index], expected, one)
            expect_same("vmap", f"the gradient of {first} {what}", gradients[index], eager[first], one)
    shared = torch.func.vmap(lambda x: value(x, samples[0].tensors, {}))(stacked[first])
    for index, x in enumerate(stacked[first]):
        one = samples[0].but(**{first: x})
        expect_same("vmap", f"the value with only {first} batched under vmap", shared[index], subject(one), one)


@check(must_raise=True)
def check_func_grad(subject: Subject) -> None:
    """torch.func.grad gives the gradient of autograd, for each argument and reduction."""
    inputs = subject.sample(84)
    for reduction in ("mean", "sum"):
        _, expected = subject.gradients(inputs, reduction=reduction)
        for name, gradient in expected.items():

            def value(x: Tensor, name: str = name, reduction: str = reduction) -> Tensor:
                return subject(inputs.but(**{name: x}), reduction=reduction)

            found = torch.func.grad(value)(inputs.tensors[name])
            expect_same("func_grad", f"func.grad of {name} with reduction={reduction!r}", found, gradient, inputs)
