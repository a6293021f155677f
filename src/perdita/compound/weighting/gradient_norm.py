"""Weights that bring the norms of the losses' gradients to a common scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, weigh
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

SMALLEST = 1e-3  # a weight that reached 0 would never be balanced again


class GradNorm(Weighting, name="gradnorm"):
    r"""Learned weights under which slow losses have the larger gradients.

    With g_i the norm of the gradient of L_i to what the tasks share, the weights follow the gradient of

    .. math:: \sum_i | w_i g_i - \bar G r_i^{\text{asymmetry}} |, \quad
        r_i = \frac{L_i / L_i(0)}{\mathrm{mean}_j \, L_j / L_j(0)}, \quad \bar G = \mathrm{mean}_j \, w_j g_j

    with the second summand held fixed, by Adam, and are scaled to sum to k after each step. Each step needs the
    gradients: ``step(losses, gram=gramian(losses, shared))``.

    Args:
        terms: number of losses.
        asymmetry: how much the norms should differ with the tasks' progress (alpha of the paper).
        learning_rate: of the weights.

    Raises:
        InputError: a learning rate that is not positive; a step without a Gramian.

    Source:
        Chen, Badrinarayanan, Lee, Rabinovich, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep
        Multitask Networks", ICML 2018, arXiv 1711.02257, equations 1 and 2 and algorithm 1.
    """

    reads_gradients = True

    def __init__(self, terms: int, *, asymmetry: float = 1.5, learning_rate: float = 0.025) -> None:
        super().__init__(terms, asymmetry=asymmetry, learning_rate=learning_rate)
        check_number("learning_rate", learning_rate, 0, excluded=True)
        self.asymmetry = asymmetry
        self.weights = nn.Parameter(torch.ones(terms), requires_grad=False)
        self.register_buffer("first", torch.ones(terms))
        self.optimizers.append(torch.optim.Adam([self.weights], lr=learning_rate))

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Linear in the losses, with the step's weights."""
        return weigh(losses, self.weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """One step of Adam on the weights."""
        if gram is None:
            raise InputError("gradnorm needs the losses' gradients: step(…, gram=gramian(losses, shared))")
        if self.steps == 0:
            self.first.copy_(losses)
        norms = gram.diagonal().clamp_min(0).sqrt().to(self.weights)
        progress = losses / self.first.clamp_min(torch.finfo(self.first.dtype).tiny)
        sizes = self.weights * norms
        wanted = sizes.mean() * (progress / progress.mean()) ** self.asymmetry
        self.weights.grad = (sizes - wanted).sign() * norms
        self.optimizers[0].step()
        self.weights.grad = None
        self.weights.clamp_min_(SMALLEST)
        self.weights.mul_(self.terms / self.weights.sum())
