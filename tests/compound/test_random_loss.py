"""Random calibrated losses: what every draw must satisfy, and the rule that back-propagates it."""

import pytest
import torch

from perdita import InputError
from perdita.compound.random_loss import EnsLoss, calibrated_derivatives, inverse_box_cox, random_calibrated_loss

POWERS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def batch(n=50, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(n, generator=generator) < 0.5).long(), torch.randn(n, generator=generator).double()


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("seed", range(5))
def test_derivatives_are_those_of_a_convex_calibrated_loss(power, seed):
    margin, _, draws = batch(seed=seed)
    found = calibrated_derivatives(margin, draws, power=power)
    rising = found[margin.argsort()]
    assert (rising.diff() >= 0).all()
    assert ((found <= -1e-6) & (found >= -1 - 1e-6)).all()
    assert (found[margin > 1] >= -1 / margin[margin > 1] - 1e-6).all()


@pytest.mark.parametrize("power", POWERS)
def test_the_rule_back_propagates_them(power):
    logits, target, draws = batch()
    logits.requires_grad_()
    sign = 2 * target - 1
    (found,) = torch.autograd.grad(random_calibrated_loss(logits, target, draws, power=power), logits)
    torch.testing.assert_close(found, calibrated_derivatives(sign * logits.detach(), draws, power=power) * sign / 50)


def test_the_transform_outside_its_domain():
    draws = torch.tensor([-3.0, 3.0])
    assert inverse_box_cox(draws, 0.5).tolist() == [0.0, 6.25]
    assert inverse_box_cox(draws, -0.5).tolist() == pytest.approx([2.5**-2, float("inf")])
    fine = draws.double()
    torch.testing.assert_close(inverse_box_cox(fine, 1e-6), inverse_box_cox(fine, 0.0), rtol=1e-4, atol=0.0)


def test_equal_margins_are_served_in_order():
    draws = torch.tensor([0.0, -2.0, -1.0])
    found = calibrated_derivatives(torch.zeros(3), draws)
    assert (found.diff() > 0).all()


def test_order_of_items_and_of_draws_does_not_matter():
    logits, target, draws = batch()
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    value = random_calibrated_loss(logits, target, draws)
    torch.testing.assert_close(random_calibrated_loss(logits[order], target[order], draws), value)
    torch.testing.assert_close(random_calibrated_loss(logits, target, draws[order]), value)


def test_masked_items_have_no_gradient_even_where_they_are_no_numbers():
    logits, target, draws = batch(6)
    mask = torch.tensor([True, False, True, True, True, True])
    spoiled = torch.where(mask, logits, torch.nan).requires_grad_()
    value = random_calibrated_loss(spoiled, target, draws, mask=mask)
    (gradient,) = torch.autograd.grad(value, spoiled)
    assert value.isfinite()
    assert gradient[1] == 0
    assert (gradient[mask] != 0).all()


def test_nothing_is_a_connected_zero():
    logits = torch.zeros(0, requires_grad=True)
    value = EnsLoss()(logits, torch.zeros(0))
    assert value.item() == 0
    assert torch.autograd.grad(value, logits)[0].shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    logits = (1e4 * torch.tensor([1.0, -1.0, 1.0, 0.0])).to(dtype).requires_grad_()
    value = EnsLoss(generator=torch.Generator())(logits, torch.tensor([1, 1, 0, 0]))
    value.backward()
    assert value.dtype is torch.float32
    assert logits.grad.dtype is dtype
    assert logits.grad.isfinite().all()


def test_the_criterion_draws_from_its_generator_alone():
    logits, target, _ = batch()
    state = torch.random.get_rng_state()
    first, second = (EnsLoss(generator=torch.Generator().manual_seed(3))(logits, target) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first == second
    assert first != EnsLoss(generator=torch.Generator().manual_seed(4))(logits, target)


def test_the_power_is_drawn_anew_each_period():
    criterion = EnsLoss(period=2, generator=torch.Generator().manual_seed(0))
    powers = []
    for _ in range(6):
        criterion.end_epoch()
        powers.append(criterion.power)
    assert powers[0] == 0
    assert len(set(powers[1:])) == 3
    assert powers[1] == powers[2]
    assert all(-1 <= power <= 1 for power in powers)


def test_it_works_in_compiled_code_and_under_vmap():
    logits, target, draws = batch(8)
    expected = random_calibrated_loss(logits, target, draws)
    compiled = torch.compile(random_calibrated_loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(logits, target, draws), expected)
    twice = torch.func.vmap(random_calibrated_loss)(*(torch.stack([x, x]) for x in (logits, target, draws)))
    torch.testing.assert_close(twice, expected.expand(2))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("power", lambda: EnsLoss(power=2.0)),
        ("period", lambda: EnsLoss(period=0)),
        ("reduction", lambda: EnsLoss(reduction="median")),
        ("floor", lambda: random_calibrated_loss(*batch(), floor=0.0)),
        ("target", lambda: random_calibrated_loss(torch.zeros(2), torch.tensor([1, -1]), torch.zeros(2))),
        ("shape", lambda: random_calibrated_loss(torch.zeros(3), torch.zeros(3), torch.zeros(4))),
    ],
)
def test_bad_input_is_named(name, call):
    with pytest.raises(InputError, match=name):
        call()
