"""An output layer over very many classes whose exact gradient step costs the same however many there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    rows of V that are targets: O(m d^2) work for m examples, without any pass over the c classes. Q = W^T W and the sum
    of the rows of W are kept beside it, so that a spherical loss needs no score but the target's.

        layer = FactoredSphericalLinear(in_features=64, classes=1_000_000)
        loss = layer(hidden, target)       # one value for each example, differentiable in hidden
        loss.mean().backward()             # the hidden layers' gradient, as of the dense layer
        layer.step(learning_rate=0.1)      # W <- W - 0.1 dL/dW, exactly

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
        InputError: an unknown loss, a weight of another shape, a step without a backward pass.

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
        self._pending: tuple[Tensor, ...] | None = None

    def forward(self, hidden: Float[Tensor, "m d"], target: Int[Tensor, "m"]) -> Float[Tensor, "m"]:
        """The loss of each example; its backward pass keeps what `step` needs."""
        if hidden.ndim != 2 or hidden.shape[1] != len(self.offset) or target.shape != hidden.shape[:1]:
            raise InputError(
                f"hidden must have shape (m, {len(self.offset)}) and target (m,), not {tuple(hidden.shape)} and "
                f"{tuple(target.shape)}"
            )
        if (
            may_look({"target": target})
            and len(target)
            and not 0 <= int(target.min()) <= int(target.max()) < self.classes
        ):
            raise InputError(f"target must hold class indices from 0 to {self.classes - 1}")
        score, total, square = _Sums.apply(hidden.to(self.factor.dtype), target, self)
        values = SPHERICAL[self.loss](score, total, square, classes=self.classes, **self.options)
        return values.to(hidden.dtype)

    def sums(
        self, hidden: Float[Tensor, "m d"], target: Int[Tensor, "m"]
    ) -> tuple[Float[Tensor, "m"], Float[Tensor, "m"], Float[Tensor, "m"]]:
        """The target's score, the sum and the sum of squares of all scores, for each example."""
        score = ((hidden @ self.mixing.T) * self.factor[target]).sum(1) + hidden @ self.offset
        return score, hidden @ self.row_sum, ((hidden @ self.gram) * hidden).sum(1)

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
        hidden, target, own, total, square = self._pending
        self._pending = None
        rate, turned = learning_rate / kept, hidden @ self.mixing.T  # (m, d); what is kept scales the whole step below
        rows = self.factor[target] @ self.mixing + self.offset  # (m, d): the targets' rows of W
        projected = hidden @ self.gram
        pulled = own.unsqueeze(1) * rows + total.unsqueeze(1) * self.row_sum
        radial = 2 * square.unsqueeze(1) * hidden  # (m, d)
        gradient = 2 * square.unsqueeze(1) * projected + pulled  # of hidden
        same = torch.outer(own, own) * (target.unsqueeze(1) == target)
        cross = torch.outer(total, own) + radial @ pulled.T
        # G^T G of the scores' gradient G (m, c), without forming it
        inner = radial @ self.gram @ radial.T + self.classes * torch.outer(total, total) + same + cross + cross.T
        move = gradient.T @ hidden
        self.gram += rate**2 * hidden.T @ inner @ hidden - rate * (move + move.T)
        self.row_sum -= rate * hidden.T @ (radial @ self.row_sum + self.classes * total + own)
        self.offset -= rate * hidden.T @ (radial @ self.offset + total)
        # U <- U (I - rate H^T X), and its inverse by the Woodbury identity
        small = torch.eye(len(hidden), dtype=hidden.dtype, device=hidden.device) - rate * radial @ hidden.T
        correction = hidden.T @ torch.linalg.solve(small, radial)  # (d, d)
        self.mixing -= rate * turned.T @ radial
        self.mixing_inverse += rate * correction @ self.mixing_inverse
        self.factor.index_add_(0, target, -rate * own.unsqueeze(1) * (hidden @ self.mixing_inverse))
        if kept != 1:
            for scaled in (self.mixing, self.offset, self.row_sum):
                scaled *= kept
            self.mixing_inverse /= kept
            self.gram *= kept**2

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


class _Sums(torch.autograd.Function):
    """(hidden, target) → the three sums; the backward pass leaves their gradients with the layer."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, target: Tensor, layer: FactoredSphericalLinear) -> tuple[Tensor, ...]:
        ctx.save_for_backward(hidden, target)
        ctx.layer = layer
        return layer.sums(hidden, target)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        hidden, target = ctx.saved_tensors
        layer, (own, total, square) = ctx.layer, gradients
        layer._pending = (hidden, target, own, total, square)
        rows = layer.factor[target] @ layer.mixing + layer.offset
        pulled = own.unsqueeze(1) * rows + total.unsqueeze(1) * layer.row_sum
        return 2 * square.unsqueeze(1) * (hidden @ layer.gram) + pulled, None, None
