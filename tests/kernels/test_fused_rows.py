"""Every row-wise loss over classes on logits that exist: value, gradients and transforms of the loss, one buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import perdita
from perdita.compare.train.memory import peak_bytes
from perdita.kernels import Head, fused_rows
from tests.kernels.test_fused_linear import CARDS, CLASSES, REDUCTIONS, ROWS, criterion, with_gradients
from tests.kernels.test_fused_linear_transforms import COMPILER

IMPLS = ("auto", "reference")


def draw(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(ROWS, CLASSES, generator=generator, dtype=torch.float64)
    return logits.to(dtype).requires_grad_(), torch.randint(CLASSES, (ROWS,), generator=generator)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", sorted(CARDS))
def test_every_loss(name: str, reduction: str) -> None:
    loss, (logits, target) = criterion(CARDS[name]), draw()
    loss.reduction = reduction
    weight = torch.rand(ROWS, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.arange(ROWS) % 4 != 1
    if CARDS[name].ignore_index is not None:
        target[5] = CARDS[name].ignore_index
    own = [logits, *loss.parameters()]
    for options in ({}, {"weight": weight, "mask": mask}):
        expected = with_gradients(loss(logits, target, **options), *own)
        for impl in IMPLS:
            found = fused_rows(loss, logits, target, impl=impl, block_rows=3, **options)
            torch.testing.assert_close(with_gradients(found, *own), expected)


@pytest.mark.parametrize("name", sorted(CARDS))
def test_the_block_does_not_show(name: str) -> None:
    loss, (logits, target) = criterion(CARDS[name]), draw()
    sizes = (ROWS, 1, None)
    whole, *cut = (with_gradients(fused_rows(loss, logits, target, block_rows=size), logits) for size in sizes)
    for found in cut:
        torch.testing.assert_close(found, whole)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("impl", IMPLS)
def test_softcap_penalty_and_log_sum_exp(impl: str, reduction: str) -> None:
    logits, target = draw()
    target[2] = -100
    capped = 2.0 * torch.tanh(logits / 2.0)
    lse = torch.where(target == -100, 0.0, capped.logsumexp(1))
    values = perdita.functional.focal(capped, target, reduction="none") + 0.1 * lse.square()
    expected = {"none": values, "sum": values.sum()}.get(reduction, values.sum() / (ROWS - 1))
    options = {"softcap": 2.0, "z_penalty": 0.1, "return_lse": True, "reduction": reduction, "impl": impl}
    found, sums = fused_rows("focal", logits, target, block_rows=4, **options)
    joined = [torch.cat([value.reshape(-1), other]) for value, other in ((found, sums), (expected, lse))]
    torch.testing.assert_close(*(with_gradients(values, logits) for values in joined))


def test_leading_dimensions_are_rows() -> None:
    logits = torch.randn(2, 5, CLASSES, dtype=torch.float64, requires_grad=True)
    target, weight = torch.randint(CLASSES, (2, 5)), torch.rand(2)
    for reduction in REDUCTIONS:
        options = {"weight": weight, "reduction": reduction}
        expected = perdita.functional.squentropy(logits.movedim(-1, 1), target, **options)
        found = fused_rows("squentropy", logits, target, block_rows=3, **options)
        torch.testing.assert_close(with_gradients(found, logits), with_gradients(expected, logits))


def test_a_teacher_comes_as_logits_or_as_its_layer() -> None:
    logits, target = draw()
    hidden, weight = (torch.randn(size, 4, dtype=torch.float64, requires_grad=True) for size in (ROWS, CLASSES))
    own = [logits, hidden, weight]
    expected = perdita.functional.smooth_adversarial_comp_sum(logits, target, F.linear(hidden, weight))
    expected = with_gradients(expected, *own)
    for given in (F.linear(hidden, weight), Head(hidden, weight)):
        found = fused_rows("smooth_adversarial_comp_sum", logits, target, adversarial_logits=given, block_rows=3)
        torch.testing.assert_close(with_gradients(found, *own), expected)


@pytest.mark.parametrize("softcap", [None, 4.0])
@pytest.mark.parametrize("left_out", ["mask", "ignored", "all"])
def test_what_is_left_out_may_be_nan(left_out: str, softcap: float | None) -> None:
    logits, target = draw()
    rows = torch.arange(ROWS)
    mask = torch.zeros(ROWS, dtype=torch.bool) if left_out == "all" else rows % 3 != 0
    with torch.no_grad():
        logits[::3] = torch.nan
    options = {"ignore_index": -100, "softcap": softcap}
    if left_out == "ignored":
        target = torch.where(mask, target, -100)
    else:
        options["mask"] = mask
    value = fused_rows("focal", logits, target, block_rows=4, **options)
    (gradient,) = torch.autograd.grad(value, logits)
    kept = logits.detach()[mask].requires_grad_()
    if left_out == "all":
        assert value.item() == 0
        assert not gradient.any()
        return
    bound = kept if softcap is None else softcap * torch.tanh(kept / softcap)
    expected = perdita.functional.focal(bound, target[mask])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient[mask], torch.autograd.grad(expected, kept)[0])
    assert not gradient[~mask].any()


def scalar(loss: str, reduction: str, impl: str = "auto") -> Callable[[Tensor], Tensor]:
    target = draw()[1]
    target[3] = -100

    def function(logits: Tensor) -> Tensor:
        found = fused_rows(loss, logits, target, block_rows=4, reduction=reduction, impl=impl)
        return found if found.ndim == 0 else (found * torch.arange(1, ROWS + 1)).sum()

    return function


TRANSFORMS: dict[str, Callable[[Callable[..., Tensor], Tensor], Any]] = {
    "grad": lambda f, z: torch.func.grad(f)(z),
    "grad of grad": lambda f, z: torch.func.grad(lambda own: torch.func.grad(f)(own).sin().sum())(z),
    "vmap": lambda f, z: torch.func.vmap(f)(torch.stack([z, -z])),
    "vmap of grad": lambda f, z: torch.func.vmap(torch.func.grad(f))(torch.stack([z, -z])),
    "grad of vmap": lambda f, z: torch.func.grad(lambda own: torch.func.vmap(f)(own).sum())(torch.stack([z, 2 * z])),
}


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", ["cross_entropy", "squentropy"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms(transform: str, loss: str, reduction: str) -> None:
    logits, run = draw()[0].detach(), TRANSFORMS[transform]
    expected = run(scalar(loss, reduction, "reference"), logits)
    torch.testing.assert_close(run(scalar(loss, reduction), logits), expected)


@COMPILER
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_compiles_as_one_graph(loss: str, reduction: str) -> None:
    torch.compiler.reset()
    logits, _ = draw()
    compiled = torch.compile(scalar(loss, reduction), fullgraph=True, backend="aot_eager")
    expected = with_gradients(scalar(loss, reduction, "reference")(logits), logits)
    torch.testing.assert_close(with_gradients(compiled(logits), logits), expected)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_differentiable_twice(loss: str, reduction: str) -> None:
    logits, _ = draw()
    assert torch.autograd.gradcheck(scalar(loss, reduction), logits)
    assert torch.autograd.gradgradcheck(scalar(loss, reduction), logits)


def test_checkpoints_and_kept_graphs() -> None:
    logits, _ = draw()
    (expected,) = torch.autograd.grad(scalar("focal", "mean", "reference")(logits), logits)
    value = checkpoint(scalar("focal", "mean"), logits, use_reentrant=False)
    torch.testing.assert_close(torch.autograd.grad(value, logits), (expected,))
    value = 2.5 * scalar("focal", "mean")(logits)
    value.backward(retain_graph=True)
    value.backward()
    torch.testing.assert_close(logits.grad, 5 * expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    """Against the loss itself, with 1/n of a batch whose float16 gradients would underflow."""
    logits, target = draw(dtype=dtype)
    logits, target = logits.detach().repeat(300, 1).requires_grad_(), target.repeat(300)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # which concerns no loss
        found = with_gradients(fused_rows("focal", logits, target, block_rows=64), logits)
    expected = with_gradients(perdita.functional.focal(logits, target), logits)
    assert [part.dtype for part in found] == [torch.float32, dtype]
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("options", [{}, {"mask": torch.arange(4096) % 3 != 0}, {"reduction": "none"}], ids=str)
def test_memory_is_the_gradient_and_a_block(options: dict[str, Any]) -> None:
    logits = torch.randn(4096, 256, requires_grad=True)
    target = torch.randint(256, (4096,))

    def step() -> None:
        value = fused_rows("focal", logits, target, block_rows=64, **options)
        torch.autograd.grad(value, logits, torch.ones_like(value))

    size, block = logits.numel() * 4, 64 * 256 * 4
    assert peak_bytes(step) <= size + 12 * block + 16 * 4096


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "target": ({"target": torch.tensor([0, 9])}, "class indices from 0 to 2"),
    "length": ({"target": torch.tensor([0])}, "target must begin with the leading shape"),
    "integers": ({"logits": torch.ones(2, 3, dtype=torch.long)}, r"logits must be .* of shape \(\*n, c\)"),
    "one dimension": ({"logits": torch.ones(3)}, r"logits must be .* of shape \(\*n, c\)"),
    "nan": ({"logits": torch.tensor([[0.0, 1.0, 2.0], [0.0, torch.nan, 0.0]])}, r"logits\[1, 1\] = nan"),
    "softcap": ({"softcap": 0.0}, "softcap must be a number above 0"),
    "negative weight": ({"weight": torch.tensor([1.0, -1.0])}, "weight must hold numbers >= 0"),
    "block": ({"block_rows": 0}, "block_rows must be an integer"),
    "impl": ({"impl": "fast"}, "impl must be one of"),
    "not of rows": ({"loss": "sup_con"}, "sup_con"),
    "option": ({"gama": 1.0}, "gama"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case: str) -> None:
    options, message = BAD[case]
    given: dict[str, Any] = {"loss": "focal", "logits": torch.zeros(2, 3), "target": torch.tensor([0, 2]), **options}
    with pytest.raises(perdita.InputError, match=message):
        fused_rows(**given)


def test_empty_batch_is_a_connected_zero() -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    value = fused_rows("focal", logits, torch.zeros(0, dtype=torch.long))
    assert value.item() == 0
    assert torch.autograd.grad(value, logits)[0].shape == (0, 3)
