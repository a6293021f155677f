"""Values and slopes by hand are those of the textbook form, whoever asks for them and how often."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.functional import jacobian

import perdita.functional as P
from perdita.losses import known_slopes
from perdita.losses.embedding.rows import masked_logsumexp

LARGE = known_slopes.LARGE
TARGETS: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": lambda x: x.round(),
    "mse": lambda x: x.round(),
    "poisson_nll": lambda x: x.abs().mul(3).round(),
    "binary_cross_entropy": torch.sigmoid,
}
PEERS: dict[str, Callable[..., Tensor]] = {
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "poisson_nll": F.poisson_nll_loss,
    "binary_cross_entropy": F.binary_cross_entropy_with_logits,
}


def drawn(name: str, dtype: torch.dtype = torch.float32, count: int = LARGE) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x, raw = (torch.randn(count, generator=generator, dtype=torch.float64) * scale for scale in (4, 2))
    x[:3] = torch.tensor([0.0, 60.0, -60.0])
    return x.to(dtype).requires_grad_(), TARGETS[name](raw).to(dtype)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a slope by hand was called."""
    calls: list[int] = []
    backward = known_slopes._Values.backward

    def counted(ctx: object, upstream: Tensor) -> object:
        calls.append(1)
        return backward(ctx, upstream)

    monkeypatch.setattr(known_slopes._Values, "backward", staticmethod(counted))
    return calls


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", TARGETS)
def test_many_numbers_give_what_pytorch_gives(name, dtype, reduction, asked):
    x, target = drawn(name, dtype)
    value = getattr(P, name)(x, target, reduction=reduction)
    slope = torch.autograd.grad(value, x)[0]
    assert asked == [1]
    wide = x.detach().double().requires_grad_()
    expected = PEERS[name](wide, target.double(), reduction=reduction)
    expected_slope = torch.autograd.grad(expected, wide)[0]
    rtol = 1e-12 if dtype is torch.float64 else 1e-5
    torch.testing.assert_close(value.double(), expected, rtol=rtol, atol=0.0)
    near = rtol / (10 if reduction == "sum" else 10 * LARGE)
    torch.testing.assert_close(slope.double(), expected_slope, rtol=rtol, atol=near)


@pytest.mark.parametrize("name", TARGETS)
def test_a_weight_a_mask_and_few_numbers_take_the_textbook_form(name, asked):
    loss = getattr(P, name)
    x, target = drawn(name)
    whole = loss(x, target, reduction="sum")
    for value in (
        loss(x, target, weight=torch.ones(LARGE), reduction="sum"),
        loss(x, target, mask=torch.ones(LARGE, dtype=torch.bool), reduction="sum"),
        loss(x, target, reduction="none").sum(),
        loss(x[:-1], target[:-1], reduction="sum") + loss(x[-1:], target[-1:], reduction="sum"),
    ):
        torch.testing.assert_close(value, whole, rtol=1e-5, atol=0.0)
        value.backward()
    assert not asked


@pytest.mark.parametrize("name", [*TARGETS, "list_net", "list_mle", "xe_ndcg"])
def test_several_upstreams_at_once(name):
    if name in TARGETS:
        x, target = drawn(name, torch.float64)
    else:
        x, target = torch.randn(4, 6, dtype=torch.float64), torch.randint(1, 4, (4, 6))
    values = partial(getattr(P, name), target=target, reduction="mean" if name in TARGETS else "none")

    def several(z):
        return torch.stack([values(z), 2 * values(z)])

    x = x.detach()
    torch.testing.assert_close(jacobian(several, x, vectorize=True), jacobian(several, x))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # PyTorch's own, in forward mode
@pytest.mark.parametrize("name", TARGETS)
def test_second_derivatives_repeats_and_forward_mode(name):
    loss = partial(getattr(P, name), reduction="mean")
    x, target = drawn(name, torch.float64)
    value = loss(x, target)
    first, again = (torch.autograd.grad(value, x, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, again)
    slope = torch.autograd.grad(value, x, create_graph=True)[0]
    torch.testing.assert_close(slope, first, rtol=1e-12, atol=0.0)
    few, target_of_few = x.detach()[:50].requires_grad_(), target[:50]  # the textbook form
    if slope.requires_grad:
        second = torch.autograd.grad(slope[:50].sum() * LARGE, x)[0][:50]
        of_few = torch.autograd.grad(loss(few, target_of_few) * 50, few, create_graph=True)[0]
        torch.testing.assert_close(second, torch.autograd.grad(of_few.sum(), few)[0], rtol=1e-9, atol=1e-12)
    tangent = torch.randn_like(x)
    with forward_ad.dual_level():
        moved = forward_ad.unpack_dual(loss(forward_ad.make_dual(x, tangent), target)).tangent
    torch.testing.assert_close(moved, (first * tangent).sum(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(torch.func.grad(loss)(x.detach(), target), first, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", ["list_net", "list_mle", "xe_ndcg"])
@pytest.mark.parametrize("counted", [True, False], ids=["all-count", "one-does-not"])
@pytest.mark.parametrize("masked", [True, False], ids=["ragged", "full"])
def test_a_reduced_list_loss_is_the_sum_or_mean_of_its_lists(name, masked, counted):
    loss = getattr(P, name)
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(1, 4, (4, 6), generator=generator)
    if not counted:
        target[1] = 0
    mask = None
    if masked:
        mask = torch.arange(6) < torch.tensor([[6], [2], [4], [5]])
        scores, target = scores.detach().masked_fill(~mask, torch.nan).requires_grad_(), target * mask
    values = loss(scores, target, mask=mask, reduction="none")
    lists = 4 if counted else 3
    for reduction, expected in (("sum", values.sum()), ("mean", values.sum() / lists)):
        reduced = loss(scores, target, mask=mask, reduction=reduction)
        torch.testing.assert_close(reduced, expected)
        ours, theirs = (torch.autograd.grad(each, scores, create_graph=True)[0] for each in (reduced, expected))
        torch.testing.assert_close(ours, theirs)
        assert ours.isfinite().all()
        second = [
            torch.autograd.grad((each * 0.1).pow(2).sum(), scores, retain_graph=True)[0] for each in (ours, theirs)
        ]
        torch.testing.assert_close(*second)


@pytest.mark.parametrize("second", [[1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]], ids=["some-places", "whole-rows"])
def test_what_is_excluded_or_far_below_has_no_slope_at_all(second):
    values = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    values[0, 0], values[1, 1] = -300.0, 300.0
    mask = torch.tensor([[1] * 6, second, [0] * 6], dtype=torch.bool)
    found = masked_logsumexp(values.requires_grad_(), mask)
    slope = torch.autograd.grad(found.sum(), values)[0]
    kept = values.detach().double().masked_fill(~mask, -torch.inf)[:2]
    torch.testing.assert_close(found[:2].double(), kept.logsumexp(1), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(slope[:2].double(), kept.softmax(1), rtol=1e-5, atol=1e-7)
    assert found[2] < -1e37
    assert (slope[~mask] == 0).all()
    assert slope[0, 0] == 0
    if all(second):
        assert torch.equal(masked_logsumexp(values, mask[:, :1]), found)
