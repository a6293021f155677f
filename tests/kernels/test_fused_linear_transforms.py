"""Fused losses under double backward, transforms, the compiler, autocast and checkpointing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import perdita
from perdita.kernels import Head, fused_linear

ROWS, FEATURES, CLASSES = 9, 4, 6
LOSSES = ("cross_entropy", "focal")
REDUCTIONS = ("mean", "none")


def draw(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((ROWS, FEATURES), (CLASSES, FEATURES), (CLASSES,))
    return tuple(torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)  # type: ignore[return-value]


TARGET = torch.tensor([5, 0, 3, 3, -100, 1, 2, 0, 4])


def scalar(loss: str, impl: str = "auto", **options: Any) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A number of hidden, weight and bias, whichever the reduction."""

    def function(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        found = fused_linear(loss, hidden, weight, TARGET, bias=bias, impl=impl, block_rows=4, **options)
        return found if found.ndim == 0 else (found * torch.arange(1, ROWS + 1)).sum()

    return function


def materialised(loss: str, **options: Any) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def function(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        found = getattr(perdita.functional, loss)(F.linear(hidden, weight, bias), TARGET, **options)
        return found if found.ndim == 0 else (found * torch.arange(1, ROWS + 1)).sum()

    return function


def gradients(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    own = [tensor.clone().requires_grad_() for tensor in inputs]
    value = function(*own)
    return (value.detach(), *torch.autograd.grad(value, own))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("impl", ["auto", "blocked"])
def test_double_backward(impl: str, loss: str, reduction: str) -> None:
    def second(function: Callable[..., Tensor]) -> list[Tensor]:
        own = [tensor.clone().requires_grad_() for tensor in draw()]
        first = torch.autograd.grad(function(*own) * 3.0, own, create_graph=True)
        return [*first, *torch.autograd.grad(sum(slope.sin().sum() for slope in first), own)]

    found = second(scalar(loss, impl, reduction=reduction))
    torch.testing.assert_close(found, second(materialised(loss, reduction=reduction)))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradcheck_twice(loss: str) -> None:
    own = tuple(tensor.requires_grad_() for tensor in draw())
    assert torch.autograd.gradcheck(scalar(loss), own)
    assert torch.autograd.gradgradcheck(scalar(loss), own)


TRANSFORMS: dict[str, Callable[[Callable[..., Tensor]], Any]] = {
    "grad": lambda f: torch.func.grad(f, argnums=(0, 1, 2))(*draw()),
    "grad of grad": lambda f: torch.func.grad(lambda h: torch.func.grad(f)(h, *draw()[1:]).sin().sum())(draw()[0]),
    "vmap": lambda f: torch.func.vmap(f, in_dims=(0, None, None))(*batched()),
    "vmap of grad": lambda f: torch.func.vmap(torch.func.grad(f, argnums=(0, 1)), in_dims=(0, None, None))(*batched()),
    "grad of vmap": lambda f: torch.func.grad(
        lambda h, w, b: torch.func.vmap(f, in_dims=(0, None, None))(h, w, b).sum(), argnums=(0, 1, 2)
    )(*batched()),
    "vmap over weights": lambda f: torch.func.vmap(torch.func.grad(f, argnums=1), in_dims=(None, 0, None))(
        draw()[0], torch.stack([draw()[1], 2 * draw()[1]]), draw()[2]
    ),
}


def batched() -> tuple[Tensor, Tensor, Tensor]:
    hidden, weight, bias = draw()
    return torch.stack([hidden, -hidden, 2 * hidden]), weight, bias


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms(transform: str, loss: str, reduction: str) -> None:
    run = TRANSFORMS[transform]
    torch.testing.assert_close(run(scalar(loss, reduction=reduction)), run(materialised(loss, reduction=reduction)))


def test_vmap_reaches_weights_that_autograd_asks_for() -> None:
    hidden, weight, bias = batched()
    weight.requires_grad_()

    def over_batches(function: Callable[..., Tensor]) -> Tensor:
        return torch.func.vmap(lambda own: function(own, weight, bias))(hidden).sum()

    values = [over_batches(function) for function in (scalar("focal"), materialised("focal"))]
    torch.testing.assert_close(*(torch.autograd.grad(value, weight) for value in values))


# PyTorch's compiler makes an instance of Function itself, and warns of it
COMPILER = pytest.mark.filterwarnings("ignore:<class 'torch.autograd.function.Function'> should not:DeprecationWarning")


@COMPILER
@pytest.mark.parametrize(
    ("loss", "options"),
    [("cross_entropy", {}), ("cross_entropy", {"reduction": "none"}), ("focal", {"softcap": 2.0}),
     ("focal", {"reduction": "none"})],
    ids=str,
)  # fmt: skip
def test_compiles_as_one_graph(loss: str, options: dict[str, Any]) -> None:
    torch.compiler.reset()
    compiled = torch.compile(scalar(loss, **options), fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(gradients(compiled, *draw()), gradients(scalar(loss, "reference", **options), *draw()))


@COMPILER
def test_compiled_log_sum_exp_and_criterion() -> None:
    torch.compiler.reset()
    criterion = perdita.PolyCrossEntropy(epsilon=2.0, label_smoothing=0.1)

    def function(hidden: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        value, lse = fused_linear(criterion, hidden, weight, TARGET, bias=bias, return_lse=True, block_rows=4)
        return value + 0.1 * lse.square().mean()

    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(gradients(compiled, *draw()), gradients(function, *draw()))


@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_is_that_of_a_linear_layer(loss: str) -> None:
    own, other = [tuple(tensor.requires_grad_() for tensor in draw(torch.float32)) for _ in range(2)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = scalar(loss)(*own)
        expected = materialised(loss)(*other)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)
    slopes = torch.autograd.grad(found, own)
    assert {slope.dtype for slope in slopes} == {torch.float32}
    torch.testing.assert_close(slopes, torch.autograd.grad(expected, other), rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_checkpointing(loss: str, reentrant: bool) -> None:
    def function(*inputs: Tensor) -> Tensor:
        return checkpoint(scalar(loss), *inputs, use_reentrant=reentrant)

    if reentrant:  # which allows no torch.autograd.grad
        own = [tensor.requires_grad_() for tensor in draw()]
        function(*own).backward()
        found = [tensor.grad for tensor in own]
    else:
        found = list(gradients(function, *draw())[1:])
    torch.testing.assert_close(found, list(gradients(materialised(loss), *draw())[1:]))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_accumulate_over_kept_graphs(loss: str) -> None:
    """What the first backward pass hands out is not the buffer that the second one reads."""
    own = [tensor.requires_grad_() for tensor in draw()]
    value = scalar(loss)(*own)
    value.backward(retain_graph=True)
    first = [tensor.grad.clone() for tensor in own]
    value.backward(retain_graph=True)
    value.backward()
    torch.testing.assert_close([tensor.grad for tensor in own], [3 * slope for slope in first])


def test_an_upstream_factor_reaches_the_gradient() -> None:
    own = draw()
    found = gradients(lambda *inputs: 2.5 * scalar("cross_entropy")(*inputs), *own)
    torch.testing.assert_close(found, gradients(lambda *inputs: 2.5 * materialised("cross_entropy")(*inputs), *own))


def test_a_teacher_is_differentiated_twice_too() -> None:
    hidden, weight, _ = draw()
    teacher = (torch.randn(rows, 3, dtype=torch.float64) for rows in (ROWS, CLASSES))
    own = [tensor.requires_grad_() for tensor in (hidden, weight, *teacher)]
    labels = TARGET.clamp(min=0)

    def slopes(value: Tensor) -> tuple[Tensor, ...]:
        first = torch.autograd.grad(value, own, create_graph=True)
        return (*first, *torch.autograd.grad(sum(slope.sin().sum() for slope in first), own))

    name = "smooth_adversarial_comp_sum"
    head = Head(own[2], own[3], None, 2.0)
    found = fused_linear(name, hidden, weight, labels, adversarial_logits=head, block_rows=4)
    others = 2.0 * torch.tanh(F.linear(own[2], own[3]) / 2.0)
    expected = getattr(perdita.functional, name)(F.linear(hidden, weight), labels, others)
    torch.testing.assert_close(slopes(found), slopes(expected))
