"""A proper loss whose link is learned: scores pass through gradients of convex functions on their way to a softmax."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import Choice, Cost, Criterion, InputError, Range, Traits, component, loss
from perdita.losses.classification.soft_labels import expected

if TYPE_CHECKING:
    from jaxtyping import Float, Int
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
        return chained([self], z)


def chained(blocks: Iterable[ConvexGradient], z: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Gradient blocks one after the other: one product reads z and one writes, however many blocks there are.

    Before each block stands z times the squares' weights so far, plus a few numbers of the item times rows of `into`.
    """
    rows = [block.net.into() for block in blocks]
    squares = [F.softplus(block.square_weight) for block in blocks]
    kept = list(itertools.accumulate(squares, operator.mul, initial=z.new_ones(1)))
    readers = torch.cat([into * before for into, before in zip(rows, kept[:-1], strict=True)])
    reads = (z @ readers.T).split([len(into) for into in rows], 1)
    numbers, spread = z.new_zeros(len(z), 0), z.new_zeros(0, z.shape[1])
    for block, read, into, square in zip(blocks, reads, rows, squares, strict=True):
        slopes = F.softplus(block.net_weight) * block.net.slopes(read + numbers @ (spread @ into.T))
        numbers, spread = torch.cat([numbers, slopes], 1), torch.cat([spread * square, into])
    return z * kept[-1] + numbers @ spread


@component("legendretron")
class LegendreLink(nn.Module):
    r"""Scores of all classes but the last → log-probabilities: gradients of convex functions, then a softmax.

    Each block's Jacobian is symmetric and positive definite. That of several blocks, or of blocks and softmax together,
    is not symmetric with three classes or more, so only a single block before the softmax is a canonical link's inverse
    up to that softmax. The paper's theorem about the composition was not verified.

    Args:
        classes: number of classes c, at least 2; the last has the score 0.
        blocks: number of gradient blocks.
        hidden, depth: of each `InputConvexNet`.
        per_coordinate: whether the square in each block has a weight for every score, or one for all.
    """

    def __init__(
        self, classes: int, *, blocks: int = 2, hidden: int = 2, depth: int = 4, per_coordinate: bool = False
    ) -> None:
        super().__init__()
        sizes = {"hidden": hidden, "depth": depth, "per_coordinate": per_coordinate}
        self.blocks = nn.ModuleList(ConvexGradient(classes - 1, **sizes) for _ in range(blocks))

    def transform(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """The scores after the blocks, before the softmax."""
        return chained(self.blocks, scores)

    def forward(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, "n c"]:
        zero = scores.new_zeros(len(scores), 1)  # joined, not padded, as a padding's backward pass copies
        return torch.cat([self.transform(scores), zero], 1).log_softmax(1)

    @torch.no_grad()
    def fit(self, scores: Float[Tensor, "n k"]) -> None:
        """Standardise every ActNorm on these scores, once before training."""
        for block in self.blocks:
            block.net.fit(scores)
            scores = block(scores)


@loss(
    task="multiclass",
    paper="legendretron",
    aliases=("legendretron", "learned_proper_loss"),
    traits=Traits(bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={
        "classes": Range(2, integer=True),
        "blocks": Range(1, search=(1, 3), integer=True),
        "hidden": Range(2, integer=True),
        "depth": Range(1, search=(1, 4), integer=True),
        "per_coordinate": Choice((False, True)),
    },
    cost=Cost(time="n c + n c hidden depth blocks", passes=6),
    ignore_index=-100,
)
class LegendreLoss(Criterion):
    r"""Negative log-likelihood under a link from scores to probabilities that is learned with the model.

    With v the chain of gradient blocks of `LegendreLink` over the scores' differences to the last class:

    .. math:: \ell = -\log \mathrm{softmax}([v(z_1 - z_c, \dots, z_{c-1} - z_c),\, 0])_y

    The log-likelihood is proper in the probabilities; what is learned is the way from scores to them. The most probable
    class need not be the one with the largest score: predict with ``log_prob``. The paper adds a squared penalty on all
    parameters, the link's too; an optimiser's decoupled decay is not the same.

    Args:
        classes: number of classes c, at least 2.
        blocks: gradient blocks; with one the link before the softmax is an exact gradient.
        hidden: width of the convex networks, even.
        depth: their number of layers.
        per_coordinate: whether the square in each block has a weight for every score, or one for all.
        logits: (n, c) scores z, when called; a model with c - 1 scores pads them with a zero.
        target: (n,) class indices y, or (n, c) probabilities, when called; of these the value is the expected one.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, an odd hidden, scores of
            another number of classes.

    Example:
        >>> criterion = perdita.LegendreLoss(classes=3)
        >>> criterion.log_prob(torch.zeros(2, 3)).exp().sum(1)
        tensor([1.0000, 1.0000], grad_fn=<SumBackward1>)

    Source:
        Lam, Walder, Penev, Nock, "LegendreTron: Uprising Proper Multiclass Loss Learning", ICML 2023, arXiv 2301.11695.
        In the released code an activation norm that is loaded from a file fits itself anew to its first batch and so
        loses what was loaded; here it is fitted by `fit` alone. Its softmax leaves the last class's zero out of the
        maximum that it takes away, and can overflow; this one cannot.
    """

    def __init__(
        self,
        *,
        classes: int,
        blocks: int = 2,
        hidden: int = 2,
        depth: int = 4,
        per_coordinate: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.classes = classes
        self.link = LegendreLink(classes, blocks=blocks, hidden=hidden, depth=depth, per_coordinate=per_coordinate)

    def per_example(
        self, logits: Float[Tensor, "n c"], target: Int[Tensor, "n"] | Float[Tensor, "n c"]
    ) -> Float[Tensor, "n"]:
        """Minus the log-probability of the target."""
        return -expected(self.log_prob(logits), target)  # type: ignore[operator]

    def log_prob(self, logits: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """The log-probability of every class."""
        return self.link(self._differences(logits)).to(logits.dtype)

    def fit(self, logits: Float[Tensor, "n c"]) -> None:
        """Standardise the convex networks' activations on these scores, once before training."""
        self.link.fit(self._differences(logits))

    def _differences(self, logits: Float[Tensor, "n c"]) -> Float[Tensor, "n k"]:
        if (got := logits.shape[1]) != self.classes:
            raise InputError(f"logits must have {self.classes} classes, as the loss was made for, not {got}")
        scores, last = logits.split([self.classes - 1, 1], 1)  # whose backward pass is one copy, two slices make five
        return (scores + -last).to(self.link.blocks[0].net_weight.dtype)
