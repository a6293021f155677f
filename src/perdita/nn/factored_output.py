"""An output layer over very many classes whose exact gradient step costs the same however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from perdita.core import InputError, component
from perdita.core.apply import may_look
from perdita.core.errors import nearest
from perdita.losses.classification.spherical import (
    one_hot_square_from_sums,
    spherical_softmax_from_sums,
    taylor_softmax_from_sums,
    z_loss_from_sums,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

SPHERICAL: dict[str, Callable[..., Tensor]] = {
    "z_loss": z_loss_from_sums,
    "taylor_softmax": taylor_softmax_from_sums,
    "spherical_softmax": spherical_softmax_from_sums,
    "one_hot_square": one_hot_square_from_sums,
}


@component("z-loss")
class FactoredSphericalLinear(nn.Module):
    r"""A linear layer z = W h under a spherical loss, trained by its own exact gradient descent.

    W (c, d) is held as V U + 1 omega^T, with V (c, d), U (d, d) and omega (d). A step changes U, omega and only those
    rows of V that are targets: O(m d^2 + m k d) work for m examples with k targets each, without any pass over the c
    classes. Q = W^T W and the sum of the rows of W are kept beside it, so that a spherical loss needs no score but the
    targets'.

        layer = FactoredSphericalLinear(in_features=64, classes=1_000_000)
        loss = layer(hidden, target)       # one value for each example, differentiable in hidden
        loss.mean().backward()             # the hidden layers' gradient, as of the dense layer
        layer.step(learning_rate=0.1)      # W <- W - 0.1 dL/dW, exactly

    An example may have several targets, (m, k) classes, with a share for each: the loss is Σ_j share_j ℓ(class_j), that
    of a soft target where the shares sum to one, and for one_hot_square Σ_c (z_c - t_c)^2 with t the shares at their
    classes. A class that stands twice in a row has the sum of its shares.

    Only plain gradient descent is exact: no momentum, no clipping of W's gradient. For a bias append a constant feature
    to h. U drifts: call `refactor` every few thousand steps (one pass over V).

    Args:
        in_features: size d of the hidden vectors.
        classes: number of classes c.
        loss: "z_loss", "taylor_softmax", "spherical_softmax" or "one_hot_square".
        options: hyper-parameters of the loss.
        weight: (c, d) initial W; drawn with standard deviation d^{-1/2} unless given.
        dtype: float64 keeps long runs exact.

    Raises:
        InputError: an unknown loss, a weight of another shape, classes outside 0..c-1, shares that are negative or
            infinite, a step without a backward pass.

    Source: Vincent, de Brébisson, Bouthillier, "Efficient Exact Gradient Update for training Deep Networks with Very
    Large Sparse Targets", NIPS 2015, arXiv 1412.7091, algorithm 1; de Brébisson, Vincent, 2016, arXiv 1604.08859.
    """

    factor: Tensor
    mixing: Tensor
    mixing_inverse: Tensor
    offset: Tensor
    gram: Tensor
    row_sum: Tensor

    def __init__(
        self,
        in_features: int,
        classes: int,
        *,
        loss: str = "z_loss",
        options: dict[str, Any] | None = None,
        weight: Float[Tensor, "c d"] | None = None,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        if loss not in SPHERICAL:
            raise InputError(f"loss must be one of {tuple(SPHERICAL)}, not {loss!r}{nearest(loss, SPHERICAL)}")
        if weight is None:
            weight = torch.randn(classes, in_features, dtype=dtype) / in_features**0.5
        if tuple(weight.shape) != (classes, in_features):
            raise InputError(f"weight must have shape {(classes, in_features)}, not {tuple(weight.shape)}")
        self.classes, self.loss, self.options = classes, loss, dict(options or {})
        self.register_buffer("factor", weight.detach().to(dtype).clone())  # V
        self.register_buffer("mixing", torch.eye(in_features, dtype=dtype))  # U
        self.register_buffer("mixing_inverse", torch.eye(in_features, dtype=dtype))  # U^{-1}
        self.register_buffer("offset", torch.zeros(in_features, dtype=dtype))  # omega
        self.register_buffer("gram", self.factor.T @ self.factor)  # Q
        self.register_buffer("row_sum", self.factor.sum(0))  # W^T 1
        self._pending: Pending | None = None

    def forward(
        self,
        hidden: Float[Tensor, "m d"],
        target: Int[Tensor, "m"] | Int[Tensor, "m k"],
        share: Float[Tensor, "m k"] | None = None,
    ) -> Float[Tensor, "m"]:
        """The loss of each example; its backward pass keeps what `step` needs. Without shares each of k has 1 / k."""
        self._check(hidden, target, share)
        several = target.reshape(len(target), -1)
        if share is None:
            share = torch.full(several.shape, 1 / max(several.shape[1], 1), device=hidden.device)
        share = share.to(self.factor.dtype)
        score, total, square = _Sums.apply(hidden.to(self.factor.dtype), several, self)
        if self.loss == "one_hot_square":
            alike = share.unsqueeze(2) * share.unsqueeze(1) * (several.unsqueeze(2) == several.unsqueeze(1))
            return (square - 2 * (share * score).sum(1) + alike.sum((1, 2))).to(hidden.dtype)
        sums = score, total.unsqueeze(1), square.unsqueeze(1)
        return (share * SPHERICAL[self.loss](*sums, classes=self.classes, **self.options)).sum(1).to(hidden.dtype)

    def _check(self, hidden: Tensor, target: Tensor, share: Tensor | None) -> None:
        m = hidden.shape[:1]
        if (
            hidden.ndim != 2
            or hidden.shape[1] != len(self.offset)
            or target.ndim not in (1, 2)
            or target.shape[:1] != m
        ):
            raise InputError(
                f"hidden must have shape (m, {len(self.offset)}) and target (m,) or (m, k), not {tuple(hidden.shape)} "
                f"and {tuple(target.shape)}"
            )
        if share is not None and (target.ndim != 2 or share.shape != target.shape):
            raise InputError(f"share must have the shape (m, k) of target, not {tuple(share.shape)}")
        if not target.numel() or not may_look({"target": target}):
            return
        if not 0 <= int(target.min()) <= int(target.max()) < self.classes:
            raise InputError(f"target must hold class indices from 0 to {self.classes - 1}")
        if share is not None and not bool(((share >= 0) & share.isfinite()).all()):
            raise InputError("share must hold finite numbers >= 0")

    def sums(
        self, hidden: Float[Tensor, "m d"], target: Int[Tensor, "m"] | Int[Tensor, "m k"]
    ) -> tuple[Float[Tensor, "m"] | Float[Tensor, "m k"], Float[Tensor, "m"], Float[Tensor, "m"]]:
        """The targets' scores, the sum and the sum of squares of all scores, for each example."""
        score, total, square, _ = self._sums(hidden, target.reshape(len(target), -1))
        return score.view(target.shape), total, square

    def _sums(self, hidden: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """The sums, and H Q."""
        projected = hidden @ self.gram
        score = ((hidden @ self.mixing.T).unsqueeze(1) * self.factor[target]).sum(2)
        score = score + (hidden @ self.offset).unsqueeze(1)
        return score, hidden @ self.row_sum, (projected * hidden).sum(1), projected

    @torch.no_grad()
    def step(self, learning_rate: float, *, weight_decay: float = 0.0) -> None:
        """W <- (1 - learning_rate weight_decay) W - learning_rate dL/dW for the L of the last backward pass.

        Raises:
            InputError: no backward pass before it, a decay outside [0, 1 / learning_rate).
        """
        if self._pending is None:
            raise InputError("step needs a backward pass of the layer's loss before it")
        kept = 1 - learning_rate * weight_decay
        if not 0 < kept <= 1:
            raise InputError(f"weight_decay must be at least 0 and below 1 / learning_rate, not {weight_decay}")
        last, self._pending = self._pending, None
        rate = learning_rate / kept  # what is kept scales the whole step below
        self._step_statistics(last, rate)
        self._step_factors(last, rate)
        if kept != 1:
            for scaled in (self.mixing, self.offset, self.row_sum):
                scaled *= kept
            self.mixing_inverse /= kept
            self.gram *= kept**2

    def _step_statistics(self, last: Pending, rate: float) -> None:
        """Q and the sum of the rows of W after the step, from those before it."""
        hidden, radial, total, own = last.hidden, last.radial, last.total, last.own.sum(1)
        cross = torch.outer(total, own) + radial @ last.pulled.T
        # G^T G of the scores' gradient G (m, c), without forming it
        inner = last.spread @ radial.T + self.classes * torch.outer(total, total)
        inner += cross + cross.T + shared_targets(last.own, last.target)
        move = (last.gradient - rate / 2 * inner @ hidden).T @ hidden
        self.gram -= rate * (move + move.T)
        self.row_sum -= rate * hidden.T @ (radial @ self.row_sum + self.classes * total + own)

    def _step_factors(self, last: Pending, rate: float) -> None:
        """V, U and omega. U <- U (I - rate H^T X), and its inverse by the Woodbury identity."""
        hidden, radius, radial = last.hidden, last.radius, last.radial  # X = radial
        turned, near, undone = hidden @ self.mixing.T, hidden @ hidden.T, hidden @ self.mixing_inverse  # (m, d), (m, m)
        small = torch.eye(len(hidden), dtype=hidden.dtype, device=hidden.device) - rate * radius * near
        solved = rate * torch.linalg.solve(small, radius * undone)
        self.mixing -= rate * turned.T @ radial
        self.mixing_inverse += hidden.T @ solved
        self.offset -= rate * hidden.T @ (radius.squeeze(1) * (hidden @ self.offset) + last.total)
        moved = -rate * last.own.unsqueeze(2) * (undone + near @ solved).unsqueeze(1)  # (m, k, d)
        self.factor.index_add_(0, last.target.flatten(), moved.flatten(0, 1))

    def dense_weight(self) -> Float[Tensor, "c d"]:
        """W itself, (c, d)."""
        return self.factor @ self.mixing + self.offset

    @torch.no_grad()
    def refactor(self) -> None:
        """Make U the identity again and what is kept beside W exact, in one pass over the classes."""
        self.factor.copy_(self.dense_weight())
        self.mixing.copy_(torch.eye(len(self.offset)))
        self.mixing_inverse.copy_(self.mixing)
        self.offset.zero_()
        self.gram.copy_(self.factor.T @ self.factor)
        self.row_sum.copy_(self.factor.sum(0))

    def extra_repr(self) -> str:
        return f"in_features={len(self.offset)}, classes={self.classes}, loss={self.loss!r}"


class Pending(NamedTuple):
    """What a step needs of the backward pass before it."""

    hidden: Float[Tensor, "m d"]
    target: Int[Tensor, "m k"]
    own: Float[Tensor, "m k"]  # the loss's derivatives by the targets' scores, by their sum, by the sum of squares
    total: Float[Tensor, "m"]
    radius: Float[Tensor, "m 1"]  # twice the derivative by the sum of squares
    radial: Float[Tensor, "m d"]  # radius * H
    spread: Float[Tensor, "m d"]  # radius * H Q
    pulled: Float[Tensor, "m d"]  # what the targets' rows and the sum of the rows add to the gradient
    gradient: Float[Tensor, "m d"]  # of hidden


def shared_targets(own: Float[Tensor, "m k"], target: Int[Tensor, "m k"]) -> Float[Tensor, "m m"]:
    """O O^T of the sparse (m, c) matrix O that holds ``own`` at the targets."""
    place = torch.unique(target, return_inverse=True)[1]  # the classes that occur, m k at most, numbered anew
    held = own.new_zeros(len(own), own.numel()).scatter_add(1, place, own)
    return held @ held.T


class _Sums(torch.autograd.Function):
    """(hidden, target) → the three sums; the backward pass leaves their gradients with the layer."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, target: Tensor, layer: FactoredSphericalLinear) -> tuple[Tensor, ...]:
        *sums, projected = layer._sums(hidden, target)
        ctx.save_for_backward(hidden, target, projected)
        ctx.layer = layer
        return tuple(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        hidden, target, projected = ctx.saved_tensors
        layer, (own, total, square) = ctx.layer, gradients
        rows = (own.unsqueeze(2) * layer.factor[target]).sum(1)  # (m, d): the targets', each with its derivative
        pulled = rows @ layer.mixing + torch.outer(own.sum(1), layer.offset) + torch.outer(total, layer.row_sum)
        radius = 2 * square.unsqueeze(1)
        spread = radius * projected
        gradient = spread + pulled
        layer._pending = Pending(hidden, target, own, total, radius, radius * hidden, spread, pulled, gradient)
        return gradient, None, None
