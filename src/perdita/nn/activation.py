"""An activation with a learned correction, and the entropy argument that it comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Float

FAR = 40.0  # beyond it exp(-x^2 / 2) is 0 in every dtype; without the clamp infinity times 0 would be met


def _corrected(input: Tensor, epsilon: Tensor) -> Tensor:
    near = input.clamp(-FAR, FAR)
    return input.relu() + epsilon * near * torch.exp(-near.square() / 2)


class _Corrected(torch.autograd.Function):
    """The formula of `crrelu`; it keeps its inputs alone and computes the exponential again on the way back."""

    generate_vmap_rule = True

    @staticmethod
    def forward(input: Tensor, epsilon: Tensor) -> Tensor:
        return _corrected(input, epsilon)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        input, epsilon = ctx.saved_tensors
        near = input.clamp(-FAR, FAR)
        bell = torch.exp(-near.square() / 2)
        slope = (input > 0).to(input.dtype) + epsilon * (1 - near.square()) * bell
        return gradient * slope, (gradient * near * bell).sum_to_size(epsilon.shape)


@component("crrelu")
def crrelu(input: Float[Tensor, "*n"], epsilon: Float[Tensor, "*m"]) -> Float[Tensor, "*n"]:
    r"""ReLU with a correction around zero: max(0, x) + epsilon x exp(-x^2 / 2).

    The slope is 1[x > 0] + epsilon (1 - x^2) exp(-x^2 / 2), with 1[x > 0] = 0 at 0; the correction is at most
    |epsilon| exp(-1/2), at |x| = 1. Positive inputs keep their order for epsilon from -1 to exp(3/2) / 2 = 2.2408.

    Args:
        input: x, of any shape; half precision is computed in float32.
        epsilon: a number, or what broadcasts to the input; 0 is ReLU.

    Returns:
        The shape and dtype of the input.

    Source: Sun et al., "A Method on Searching Better Activation Functions", 2024, arXiv 2405.12954 (ICLR 2025 as
    "Entropy-based Activation Function Optimization"), from two copies of the authors' module, which calls epsilon "lr".
    The paper's text was not read.
    """
    rule = _corrected if torch.compiler.is_compiling() else _Corrected.apply  # compiled code fuses the plain formula
    return rule(widen(input), widen(epsilon)).to(input.dtype)


@component("crrelu")
class CRReLU(nn.Module):
    """`crrelu` with an epsilon that is trained with the network.

    One instance for each layer: an instance used twice ties the layers. Epsilon belongs in an optimiser group without
    weight decay, which would pull it back to ReLU.

    Args:
        init: epsilon at the start.
        num_parameters: 1 for the whole layer, or one for each channel (dimension 1).
        learnable: False keeps epsilon as it is.

    Raises:
        InputError: num_parameters below 1, an input with another number of channels.
    """

    def __init__(self, init: float = 0.01, *, num_parameters: int = 1, learnable: bool = True) -> None:
        super().__init__()
        if num_parameters < 1:
            raise InputError(f"num_parameters must be at least 1, not {num_parameters}")
        epsilon = torch.full((num_parameters,) if num_parameters > 1 else (), float(init))
        self.epsilon: Tensor
        if learnable:
            self.epsilon = nn.Parameter(epsilon)
        else:
            self.register_buffer("epsilon", epsilon)

    def forward(self, input: Float[Tensor, "n *c"]) -> Float[Tensor, "n *c"]:
        """The activation of each number."""
        if self.epsilon.ndim == 0:
            return crrelu(input, self.epsilon)
        channels = len(self.epsilon)
        if input.ndim < 2 or input.shape[1] != channels:
            raise InputError(f"input must have {channels} channels in dimension 1, but has shape {tuple(input.shape)}")
        return crrelu(input, self.epsilon.view(-1, *(1,) * (input.ndim - 2)))

    def extra_repr(self) -> str:
        learned = "learned" if isinstance(self.epsilon, nn.Parameter) else "fixed"
        return f"num_parameters={self.epsilon.numel()}, {learned}"


@component("crrelu")
def replace_activation(
    module: nn.Module, old: type[nn.Module] = nn.GELU, new: Callable[[], nn.Module] = CRReLU
) -> nn.Module:
    """Put a new activation in every place where an old one stands; each place gets an instance of its own.

    Args:
        module: the network, which is changed; where it is itself an old activation, a new one is returned.
        old: the class that is looked for, with its subclasses.
        new: makes one activation.

    Returns:
        The network.

    Raises:
        InputError: the network has no such activation.
    """
    if isinstance(module, old):
        return new()
    if not any(isinstance(part, old) for part in module.modules()):
        raise InputError(f"module has no {old.__name__} that could be replaced")
    for part in list(module.modules()):
        for name, child in list(part._modules.items()):  # a child that stands in two places is in both lists
            if isinstance(child, old):
                setattr(part, name, new())
    return module


@component("crrelu")
def entropy_correction(
    inverse: Callable[[Tensor], Tensor], log_density: Callable[[Tensor], Tensor], value: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    r"""The direction in which a change of an activation's inverse lowers the entropy of its outputs fastest.

    With y the inverse of a strictly increasing activation f and p the density of its inputs, the first variation of the
    output's entropy is \int (p(y) y'' / y' + p'(y) y') \eta, so this gives

    .. math:: \eta = -\Big(p(y) \frac{y''}{y'} + p'(y)\, y'\Big)

    The new inverse is y + c eta for a small c > 0; to first order the activation becomes f(u) - c eta(f(u)) f'(u). ReLU
    has no inverse below zero, so `crrelu` follows from the identity by analogy alone. There eta = +x p(x) for a
    Gaussian p, which makes the correction -x p(x): the paper writes the opposite sign, which raises the entropy.
    `crrelu` learns its epsilon and may take either.

    Args:
        inverse: y, twice differentiable, from (n,) to (n,) element by element.
        log_density: log p, differentiable, from (n,) to (n,) element by element.
        value: (n,) outputs of the activation.

    Returns:
        (n,) eta at each value.

    Raises:
        InputError: the inverse does not increase at some value.

    Source: as `crrelu`; re-derived, for the paper's text was not read.
    """
    x = value.detach().requires_grad_()
    y = inverse(x)
    slope = _derivative(y, x)
    if not (slope > 0).all():
        raise InputError("inverse must increase strictly at every value; its slope is not above 0 everywhere")
    bend = _derivative(slope, x)
    u = y.detach().requires_grad_()
    density = log_density(u).exp()
    return -(density * bend / slope + _derivative(density, u) * slope).detach()


@component("crrelu")
def entropy_gain(activation: Callable[[Tensor], Tensor], samples: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """How much more entropy an activation's outputs have than its inputs: the mean of log f'(x), in nats.

    Args:
        activation: f, differentiable and strictly increasing, from (n,) to (n,) element by element.
        samples: (n,) inputs x.

    Returns:
        H(f(x)) - H(x), differentiable in what the activation is made of.

    Raises:
        InputError: the activation does not increase at some sample.
    """
    x = samples.detach().requires_grad_()
    slope = _derivative(activation(x), x)
    if not (slope > 0).all():
        raise InputError("activation must increase strictly at every sample; its slope is not above 0 everywhere")
    return slope.log().mean()


def _derivative(values: Tensor, at: Tensor) -> Tensor:
    """Element by element; zero where the values are constant."""
    if not values.requires_grad:
        return torch.zeros_like(at)
    (found,) = torch.autograd.grad(values.sum(), at, create_graph=True, allow_unused=True, materialize_grads=True)
    return found
