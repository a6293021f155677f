"""Networks that are convex in their input, and their gradients: maps with a symmetric, positive definite Jacobian."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class PositiveLinear(nn.Linear):
    """A linear layer with weights softplus(W), divided (the bias too) by the number of inputs: convex stays convex."""

    def forward(self, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
        return F.linear(x, F.softplus(self.weight), self.bias) / self.in_features

    def back(self, gradient: Float[Tensor, "n o"]) -> Float[Tensor, "n i"]:
        """The gradient of the input from that of the output."""
        return gradient @ F.softplus(self.weight) / self.in_features


class ActNorm(nn.Module):
    """(x + bias) times a positive gain, for each feature; `fit` makes the output standardised on some data."""

    def __init__(self, features: int, *, learn_bias: bool = True) -> None:
        super().__init__()
        bias = torch.zeros(features)
        self.bias = nn.Parameter(bias) if learn_bias else nn.Buffer(bias)
        self.log_gain = nn.Parameter(torch.zeros(features))

    @property
    def gain(self) -> Float[Tensor, "features"]:
        return self.log_gain.exp() + 1e-3

    def forward(self, x: Float[Tensor, "n features"]) -> Float[Tensor, "n features"]:
        return (x + self.bias) * self.gain

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "n features"]) -> None:
        self.bias.copy_(-x.mean(0))
        self.log_gain.copy_(-(x.std(0, correction=0) + 1e-6).log())


@component("legendretron")
class InputConvexNet(nn.Module):
    r"""A scalar network that is convex in its input, and its gradient in closed form.

    With s = softplus, P a `PositiveLinear`, N an `ActNorm` and A, B linear layers of free sign:

    .. math:: h_1 = s(A_0 z), \qquad h_{j+1} = [\, s(N_j(P_j h_j + A_j z)),\; s(B_j z) \,], \qquad
        f(z) = N_L(P_L h_L + A_L z)

    The gradient is a pass back through the layers, so that training needs no second graph.

    Args:
        features: size of the input.
        hidden: width of each h, even.
        depth: number L of layers of P, at least 1.
    """

    def __init__(self, features: int, *, hidden: int = 2, depth: int = 4) -> None:
        super().__init__()
        if hidden < 2 or hidden % 2:
            raise InputError(f"hidden must be an even number of at least 2, not {hidden!r}")
        if depth < 1:
            raise InputError(f"depth must be at least 1, not {depth!r}")
        half, inner = hidden // 2, range(depth - 1)
        self.enter = nn.Linear(features, hidden)
        self.keep = nn.ModuleList([*(PositiveLinear(hidden, half) for _ in inner), PositiveLinear(hidden, 1, False)])
        self.direct = nn.ModuleList([*(nn.Linear(features, half) for _ in inner), nn.Linear(features, 1, False)])
        self.augment = nn.ModuleList(nn.Linear(features, half) for _ in inner)
        self.norms = nn.ModuleList([*(ActNorm(half) for _ in inner), ActNorm(1, learn_bias=False)])

    def forward(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """The value f(z)."""
        return self._climb(z @ self.into().T)[0]

    def gradient(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """∇f(z)."""
        return self.slopes(z @ self.into().T) @ self.into()

    def into(self) -> Float[Tensor, "w k"]:
        """The weights of all layers of free sign as one matrix, so that z is read once: those of A_0, A, then B."""
        return torch.cat([layer.weight for layer in (self.enter, *self.direct, *self.augment)])

    def slopes(self, read: Float[Tensor, "n w"]) -> Float[Tensor, "n w"]:
        """The derivative of f by each number that `into` makes of z, from these numbers."""
        _, entered, inner = self._climb(read)
        down = self.norms[-1].gain.expand(len(read), 1)  # of the last sum
        above = self.keep[-1].back(down)  # of h_L
        direct, augment = [down], []
        for j, (normed, augmented) in reversed(list(enumerate(inner))):
            left, right = above.chunk(2, 1)
            down = left * torch.sigmoid(normed) * self.norms[j].gain
            direct.insert(0, down)
            augment.insert(0, right * torch.sigmoid(augmented))
            above = self.keep[j].back(down)
        return torch.cat([above * torch.sigmoid(entered), *direct, *augment], 1)

    def fit(self, z: Float[Tensor, "n k"]) -> None:
        """Set each ActNorm so that its output is standardised on z, layer after layer."""
        self._climb(z @ self.into().T, fit=True)

    def _climb(self, read: Tensor, fit: bool = False) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """The value, and what goes into each softplus on the way."""
        layers = [self.enter, *self.direct, *self.augment]
        parts = read.split([layer.out_features for layer in layers], 1)
        biases = (0.0 if layer.bias is None else layer.bias for layer in layers)
        entered, *made = (part + bias for part, bias in zip(parts, biases, strict=True))
        state, inner = F.softplus(entered), []
        for j, (keep, norm) in enumerate(zip(self.keep, self.norms, strict=True)):
            mixed = keep(state) + made[j]
            if fit:
                norm.fit(mixed)
            normed = norm(mixed)
            if j == len(self.augment):
                return normed.squeeze(1), entered, inner
            augmented = made[len(self.direct) + j]
            inner.append((normed, augmented))
            state = torch.cat([F.softplus(normed), F.softplus(augmented)], 1)
        raise AssertionError("the last layer returns")


class ConvexGradient(nn.Module):
    r"""z → ∇F(z) of a strongly convex F(z) = softplus(w_1) f(z) + softplus(w_0) ||z||^2 / 2, f an `InputConvexNet`.

    With per_coordinate, the square of each coordinate has a w_0 of its own.
    """

    def __init__(self, features: int, *, hidden: int, depth: int, per_coordinate: bool = False) -> None:
        super().__init__()
        self.net = InputConvexNet(features, hidden=hidden, depth=depth)
        self.net_weight = nn.Parameter(torch.randn(1))
        ones = torch.full((features,), math.log(math.e - 1))  # their softplus is 1
        self.square_weight = nn.Parameter(ones if per_coordinate else torch.randn(1))

    def potential(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n"]:
        """F(z), whose gradient the block gives."""
        square = (F.softplus(self.square_weight) * z.square()).sum(1) / 2
        return F.softplus(self.net_weight) * self.net(z) + square

    def forward(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        return moved([self], z)


def moved(blocks: Iterable[ConvexGradient], z: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Gradient blocks one after the other."""
    kept, numbers, spread = chained(blocks, lambda readers: z @ readers.T)
    return z * kept + numbers @ spread


def chained(blocks: Iterable[ConvexGradient], read: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """kept, numbers and spread: what the blocks make of z is z * kept + numbers @ spread.

    One product reads z, which is z @ readers.T, and one writes, however many blocks there are: before each stands z
    times the squares' weights so far, plus a few numbers of the item times rows of `into`.
    """
    rows = [block.net.into() for block in blocks]
    squares = [F.softplus(block.square_weight) for block in blocks]
    kept = list(itertools.accumulate(squares, operator.mul, initial=rows[0].new_ones(1)))
    readers = torch.cat([into * before for into, before in zip(rows, kept[:-1], strict=True)])
    found = read(readers)
    numbers, spread = found.new_zeros(len(found), 0), readers.new_zeros(0, readers.shape[1])
    parts = found.split([len(into) for into in rows], 1)
    for block, part, into, square in zip(blocks, parts, rows, squares, strict=True):
        slopes = F.softplus(block.net_weight) * block.net.slopes(part + numbers @ (spread @ into.T))
        numbers, spread = torch.cat([numbers, slopes], 1), torch.cat([spread * square, into])
    return kept[-1], numbers, spread
