"""Weights under which all losses fall at one rate, learned from what each step brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, log_losses
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float
    from torch import Tensor


class FAMO(Weighting, name="famo"):
    r"""Fast adaptive multitask optimisation: a weighted sum of log-losses, whose weights rise where progress is slow.

    .. math:: \sum_i \frac{z_i}{c} \log D_i, \quad z = \mathrm{softmax}(\xi), \quad D_i = L_i - L_i^{\min} + \epsilon,
        \quad c = \sum_i z_i / D_i

    with z and c held fixed. After each step xi follows, by Adam, the gradient of
    \sum_i z_i (\log D_i^{before} - \log D_i^{after}), the progress that the weights bought, downwards.

    ``step(losses, after=losses_after)`` measures that progress on the same batch, as the paper does; without ``after``
    the losses of the step before stand for those before, which is free but has the noise of another batch in it.

    Args:
        terms: number of losses.
        learning_rate: of the logits xi.
        decay: weight decay of the logits.
        least: the least value of each loss, where it is known; 0 otherwise.
        epsilon: added to the losses.

    Raises:
        InputError: a learning rate that is not positive, losses below their least value.

    Source:
        Liu, Feng, Stone, Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, arXiv 2306.03792,
        algorithm 1, with the settings of the authors' code.
    """

    reads_losses = True

    def __init__(
        self,
        terms: int,
        *,
        learning_rate: float = 0.025,
        decay: float = 0.01,
        least: Sequence[float] | None = None,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(terms, learning_rate=learning_rate, decay=decay, least=least, epsilon=epsilon)
        check_number("learning_rate", learning_rate, 0, excluded=True)
        check_number("decay", decay, 0)
        check_number("epsilon", epsilon, 0, excluded=True)
        if least is not None and len(least) != terms:
            raise InputError(f"least must be one number for each of the {terms} losses, not {len(least)}")
        self.epsilon = epsilon
        self.logits = nn.Parameter(torch.zeros(terms), requires_grad=False)
        self.register_buffer("least", torch.tensor([float(x) for x in least or [0.0] * terms]), persistent=False)
        self.register_buffer("before", torch.full((terms,), torch.nan))
        self.optimizers.append(torch.optim.Adam([self.logits], lr=learning_rate, weight_decay=decay))

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Terms z_i / c log D_i and the weights z_i / c."""
        above = losses - self.least.to(losses)
        z = torch.softmax(self.logits, 0).to(losses)
        weights = z / (z / (above.detach() + self.epsilon)).sum()
        return Weighted(weights * self._logs(losses), weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """One step of Adam on the logits."""
        before, now = (self.before.clone(), losses) if after is None else (losses, after.detach())
        self.before.copy_(losses)
        if after is None and self.steps == 0:
            return
        progress = self._logs(before) - self._logs(now)
        z = torch.softmax(self.logits, 0)
        self.logits.grad = z * (progress - (z * progress).sum()).to(z)  # the softmax's Jacobian times progress
        self.optimizers[0].step()
        self.logits.grad = None

    def _logs(self, losses: Float[Tensor, "k"]) -> Float[Tensor, "k"]:
        return log_losses(losses - self.least.to(losses) + self.epsilon, self.epsilon)
