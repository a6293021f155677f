"""Log-odds, confidences and CORN's questions by hand: as in the textbook form, also where a softmax says 0 or 1."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from perdita.losses.calibration.rank_mixup import CONFIDENCE, confidence
from perdita.losses.known_slopes import Form, values_of
from perdita.losses.log_odds import LOG_ODDS, target_log_odds
from perdita.losses.ordinal.cumulative import QUESTIONS
from perdita.losses.target_place import put

FORMS = {"log-odds": LOG_ODDS, "questions": QUESTIONS, "confidence": CONFIDENCE}
SHAPES = [(5, 1), (6, 2), (7, 4), (3, 4, 5), (2, 3, 2, 2)]
SPREADS = [1.0, 40.0, 200.0, 1e4]


def drawn(shape: tuple[int, ...], spread: float, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64) * spread
    return logits.to(dtype).requires_grad_(), torch.randint(shape[1], (shape[0], *shape[2:]), generator=generator)


def facts(form: Form, target: Tensor) -> tuple[Tensor, ...]:
    return () if form is CONFIDENCE else (target,)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_slopes(form: Form, shape: tuple[int, ...], spread: float, dtype: torch.dtype) -> None:
    x, target = drawn(shape, spread, dtype)
    upstream = torch.linspace(-1, 2, target.numel(), dtype=torch.float64).view(target.shape)
    found = values_of(form, x, *facts(form, target))
    slope = torch.autograd.grad(found, x, upstream.to(dtype))[0]
    wide = x.detach().double().requires_grad_()
    expected = form.plain(wide, *facts(form, target))
    near = 3e-9 if form is QUESTIONS else 1e-13  # PyTorch's softplus is a line beyond 20
    close = {"rtol": 1e-11, "atol": near} if dtype is torch.float64 else {"rtol": 2e-5, "atol": 1e-6}
    if shape[1] == 1:  # no others, whose log-sum-exp is a huge number of the dtype
        assert torch.equal(found, form.plain(x, *facts(form, target)))
    else:
        torch.testing.assert_close(found.double(), expected, **close)
    torch.testing.assert_close(slope.double(), torch.autograd.grad(expected, wide, upstream)[0], **close)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_second_derivatives(form: Form) -> None:
    x, target = drawn((5, 4), 1.0)
    assert torch.autograd.gradgradcheck(lambda z: values_of(form, z, *facts(form, target)), x)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_several_upstreams_at_once(form: Form) -> None:
    x, target = drawn((5, 4), 1.0)

    def values(z: Tensor) -> Tensor:
        return values_of(form, z, *facts(form, target))

    expected = jacobian(values, x.detach())
    torch.testing.assert_close(jacobian(values, x.detach(), vectorize=True), expected)
    found = values(x)
    rows = torch.func.vmap(lambda way: torch.autograd.grad(found, x, way, retain_graph=True)[0])(torch.eye(5).double())
    torch.testing.assert_close(rows, expected)


def test_a_log_odds_far_from_zero_has_its_digits() -> None:
    """Where float32's softmax is exactly 1, 0 or a number that has lost its digits."""
    logits = torch.tensor(
        [[60.0, 0.0, -1.0], [-95.0, 1.0, 0.0], [3000.0, 0.0, 1.0], [0.0, 88.0, 1.0]], requires_grad=True
    )
    found = target_log_odds(logits, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(found, logits[:, 0] - logits[:, 1:].logsumexp(1), rtol=1e-6, atol=0.0)
    slope = torch.autograd.grad(found.sum(), logits)[0]
    torch.testing.assert_close(slope[:, 1:], -logits[:, 1:].softmax(1), rtol=1e-5, atol=1e-30)
    torch.testing.assert_close(slope[:, 0], torch.ones(4))


def test_equal_logits_at_the_top_share_their_slope() -> None:
    logits = torch.tensor([[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]], requires_grad=True)
    slope = torch.autograd.grad(confidence(logits).sum(), logits)[0]
    assert slope[0, 0] == slope[0, 1]
    assert slope[1].abs().max() < 1e-7


@pytest.mark.parametrize("number", [0.0, "another"])
@pytest.mark.parametrize("transformed", [False, True], ids=["by index", "by comparison"])
def test_put_takes_the_place_of_the_class(number: float | str, transformed: bool) -> None:
    values = torch.randn(2, 5, 4, 3)
    target = torch.randint(4, (2, 5, 3))
    given = torch.randn(2, 5, 1, 3) if number == "another" else torch.full((2, 5, 1, 3), number)

    def both(values: Tensor, target: Tensor, given: Tensor) -> Tensor:
        return put(values, target, given if number == "another" else number)

    one_by_one = torch.stack([both(*each) for each in zip(values, target, given, strict=True)])
    found = torch.func.vmap(both)(values, target, given) if transformed else one_by_one
    for item in range(2):
        for row in range(5):
            for place in range(3):
                expected = values[item, row, :, place].clone()
                expected[target[item, row, place]] = given[item, row, 0, place]
                assert torch.equal(found[item, row, :, place], expected)
