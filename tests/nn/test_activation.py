"""CRReLU: gradients, ends, dtypes, transforms, per-channel epsilon, replacement; the entropy behind it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from perdita.core import InputError
from perdita.nn.activation import CRReLU, crrelu, entropy_correction, entropy_gain, replace_activation


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def textbook(input, epsilon):
    return torch.relu(input) + epsilon * input * torch.exp(-(input**2) / 2)


@pytest.mark.parametrize("shape", [(), (3,), (4, 3)])
def test_gradients_of_both_orders(shape):
    input, epsilon = normal(4, 3).requires_grad_(), normal(*shape, seed=1).requires_grad_()
    torch.testing.assert_close(crrelu(input, epsilon), textbook(input, epsilon), rtol=1e-14, atol=1e-15)
    assert torch.autograd.gradcheck(crrelu, (input, epsilon))
    assert torch.autograd.gradgradcheck(crrelu, (input, epsilon))


def test_epsilon_zero_is_relu():
    input = normal(50)
    assert torch.equal(crrelu(input, torch.zeros(())), input.relu())


def test_the_correction_is_largest_at_one_and_gone_far_away():
    grid = torch.linspace(-5, 5, 1001, dtype=torch.float64)
    correction = crrelu(grid, torch.tensor(1.0)) - grid.relu()
    assert correction.abs().max().item() == pytest.approx(math.exp(-0.5), abs=1e-12)
    assert grid[correction.argmax()].item() == pytest.approx(1.0, abs=1e-9)
    far = torch.tensor([-math.inf, -1e30, 1e30, math.inf], requires_grad=True)
    output = crrelu(far, torch.tensor(0.5))
    assert output.tolist() == far.relu().tolist()
    output.sum().backward()
    assert far.grad.tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(("epsilon", "monotone"), [(-1.0, True), (-1.01, False), (2.2408, True), (2.26, False)])
def test_where_positive_inputs_keep_their_order(epsilon, monotone):
    grid = torch.linspace(1e-6, 6, 20001, dtype=torch.float64)
    assert bool((crrelu(grid, torch.tensor(epsilon, dtype=torch.float64)).diff() > -1e-15).all()) is monotone


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    input = (normal(64) * 300).to(dtype).requires_grad_()
    epsilon = torch.tensor(0.3, requires_grad=True)
    output = crrelu(input, epsilon)
    assert output.dtype is dtype
    assert torch.equal(output, textbook(input.float(), epsilon).to(dtype))
    output.sum().backward()
    assert input.grad.dtype is dtype
    assert input.grad.isfinite().all()
    assert epsilon.grad.isfinite()


def test_transforms():
    input, epsilon = normal(5, 4, 3), normal(5, seed=1)
    expected = torch.stack([textbook(x, e) for x, e in zip(input, epsilon, strict=True)])
    torch.testing.assert_close(torch.func.vmap(crrelu)(input, epsilon), expected)
    gradient = torch.func.vmap(torch.func.grad(lambda e, x: crrelu(x, e).sum()))(epsilon, input)
    torch.testing.assert_close(gradient, (input * torch.exp(-(input**2) / 2)).sum((1, 2)))


def test_compiled_code_gives_the_same_gradients():
    input, epsilon = normal(5, 4).requires_grad_(), normal(1, seed=1).requires_grad_()
    compiled = torch.compile(crrelu, fullgraph=True, backend="eager")(input, epsilon)
    plain = crrelu(input, epsilon)
    torch.testing.assert_close(compiled, plain)
    found, expected = (torch.autograd.grad(output.sum(), [input, epsilon]) for output in (compiled, plain))
    torch.testing.assert_close(found, expected)


def test_only_the_input_is_kept_for_the_backward_pass():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda x: x):
        crrelu(normal(1000).requires_grad_(), torch.tensor(0.1, dtype=torch.float64, requires_grad=True))
    assert sorted(kept) == [1, 1000]


def test_a_layer_for_each_channel():
    layer = CRReLU(0.2, num_parameters=3).double()
    with torch.no_grad():
        layer.epsilon.copy_(torch.tensor([0.0, 0.5, -0.5]))
    images = normal(2, 3, 4, 4)
    expected = torch.stack([textbook(images[:, k], layer.epsilon[k]) for k in range(3)], 1)
    torch.testing.assert_close(layer(images), expected)
    with pytest.raises(InputError, match="3 channels"):
        layer(normal(2, 4))
    with pytest.raises(InputError, match="num_parameters"):
        CRReLU(num_parameters=0)


def test_a_fixed_layer_has_no_parameter_and_keeps_its_state():
    fixed, other = CRReLU(0.3, learnable=False), CRReLU(learnable=False)
    assert not list(fixed.parameters())
    other.load_state_dict(fixed.state_dict())
    assert other.epsilon.item() == pytest.approx(0.3)
    assert [name for name, _ in CRReLU().named_parameters()] == ["epsilon"]
    assert repr(CRReLU()) == "CRReLU(num_parameters=1, learned)"


def test_every_place_gets_an_activation_of_its_own():
    shared = nn.GELU()
    network = nn.Sequential(nn.Linear(2, 2), shared, nn.Sequential(shared, nn.ReLU()), nn.TransformerEncoderLayer(4, 1))
    assert replace_activation(network) is network
    found = [part for part in network.modules() if isinstance(part, CRReLU)]
    assert len(found) == len({id(part) for part in found}) == 2
    assert isinstance(network[2][1], nn.ReLU)
    assert isinstance(replace_activation(nn.ReLU(), nn.ReLU, lambda: CRReLU(0.5)), CRReLU)
    with pytest.raises(InputError, match="GELU"):
        replace_activation(network)


def gaussian(u):
    return -(u**2) / 2


def test_the_correction_of_the_identity_under_a_gaussian():
    """eta = x p(x): the sign that lowers the entropy, opposite to the paper's."""
    x = normal(20)
    torch.testing.assert_close(entropy_correction(lambda x: x, gaussian, x), x * torch.exp(-(x**2) / 2))


def test_the_correction_vanishes_where_the_outputs_are_uniform():
    """The distribution function of the inputs makes the outputs uniform: entropy is stationary there."""
    inverse, log_density = torch.logit, lambda u: nn.functional.logsigmoid(u) + nn.functional.logsigmoid(-u)
    found = entropy_correction(inverse, log_density, torch.linspace(0.05, 0.95, 19, dtype=torch.float64))
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-12)


def test_the_correction_lowers_the_entropy_as_much_as_it_says():
    """tanh on Gaussian inputs: the slope of the entropy along eta is minus the integral of eta squared."""
    u = torch.linspace(-6, 6, 40001, dtype=torch.float64)
    density = torch.exp(gaussian(u)) / math.sqrt(2 * math.pi)
    f = torch.tanh(u / 2)
    eta = entropy_correction(lambda x: 2 * torch.atanh(x), lambda u: gaussian(u) - math.log(2 * math.pi) / 2, f)

    def entropy_change(step):  # of the outputs of f(u) - step eta(f(u)) f'(u)
        slope = torch.gradient(f - step * eta * (1 - f**2) / 2, spacing=(u,))[0]
        return torch.trapezoid(density * slope.log(), u)

    measured = (entropy_change(1e-4) - entropy_change(-1e-4)) / 2e-4
    assert measured.item() == pytest.approx(-torch.trapezoid(eta**2, f).item(), rel=1e-3)


def test_a_positive_epsilon_raises_the_entropy_of_gaussian_inputs():
    epsilon = torch.zeros((), dtype=torch.float64, requires_grad=True)
    gain = entropy_gain(lambda x: x + epsilon * x * torch.exp(-(x**2) / 2), normal(1_000_000))
    (slope,) = torch.autograd.grad(gain, epsilon)
    assert gain.item() == 0.0
    assert slope.item() == pytest.approx(1 / (2 * math.sqrt(2)), abs=3e-3)


def test_what_does_not_increase_is_refused():
    with pytest.raises(InputError, match="inverse must increase"):
        entropy_correction(lambda x: -x, gaussian, normal(3))
    with pytest.raises(InputError, match="activation must increase"):
        entropy_gain(torch.relu, normal(50))
