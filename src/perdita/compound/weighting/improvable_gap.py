"""Weights by how much each loss can still improve on a reference from early training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from perdita.compound.weighting.protocol import Weighted, Weighting, check_number, log_losses
from perdita.core import component
from perdita.core.errors import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


class BaseLosses(torch.nn.Module):
    """The mean losses of an early epoch, known when it has ended.

    Args:
        terms: number of losses.
        steps_per_epoch: optimiser steps in an epoch.
        epoch: whose mean it is; the first one is 0.
        given: the losses themselves, instead of a mean.
    """

    def __init__(
        self, terms: int, steps_per_epoch: int | None, epoch: int, given: Sequence[float] | Tensor | None
    ) -> None:
        super().__init__()
        if given is None and steps_per_epoch is None:
            raise InputError("either base_losses or steps_per_epoch must be given")
        check_number("steps_per_epoch", 1 if steps_per_epoch is None else steps_per_epoch, 1)
        check_number("base_epoch", epoch, 0)
        values = torch.full((terms,), torch.nan) if given is None else torch.as_tensor(given).clone()
        if values.shape != (terms,):
            raise InputError(f"base_losses must be {terms} numbers, not {tuple(values.shape)}")
        self.last = -1 if given is not None else (epoch + 1) * (steps_per_epoch or 1) - 1  # step that makes them known
        self.steps_per_epoch = steps_per_epoch or 1
        self.register_buffer("total", torch.zeros_like(values))
        self.register_buffer("values", values)  # NaN until they are known

    def add(self, losses: Float[Tensor, "k"], step: int) -> None:
        """Take the losses of a step."""
        if self.last - self.steps_per_epoch < step <= self.last:
            self.total += losses
        if step == self.last:
            self.values.copy_(self.total / self.steps_per_epoch)


@component("igb")
class IGBv1(Weighting, name="igb_v1"):
    r"""Improvable gap balancing by the ratio of each loss to its base: a weighted sum of log-losses.

    .. math:: \sum_i w_i \log L_i, \quad w = k \, \mathrm{softmax}(L / L^{base})

    with w held fixed, and 1 until the base losses are known: the mean losses of epoch ``base_epoch``. The terms
    w_i log L_i are what a gradient balancer takes.

    Args:
        terms: number of losses, none of which may be negative.
        steps_per_epoch: optimiser steps in an epoch; may be left out where base losses are given.
        base_epoch: whose mean training losses are the base; the first epoch is 0.
        base_losses: the base itself.
        floor: below which neither a loss's logarithm nor its base goes.

    Raises:
        InputError: neither base losses nor steps in an epoch, or a negative loss.

    Source:
        Dai, Fei, Lu, "Improvable Gap Balancing for Multi-Task Learning", UAI 2023, arXiv 2307.15429, after the
        authors' code.
    """

    reads_losses = True

    def __init__(
        self,
        terms: int,
        *,
        steps_per_epoch: int | None = None,
        base_epoch: int = 1,
        base_losses: Sequence[float] | Tensor | None = None,
        floor: float = 1e-8,
    ) -> None:
        given = base_losses.tolist() if isinstance(base_losses, torch.Tensor) else base_losses
        options = {"steps_per_epoch": steps_per_epoch, "base_epoch": base_epoch, "base_losses": given, "floor": floor}
        super().__init__(terms, **options)
        check_number("floor", floor, 0, excluded=True)
        self.floor = floor
        self.base = BaseLosses(terms, steps_per_epoch, base_epoch, base_losses)

    def forward(self, losses: Float[Tensor, "k"]) -> Weighted:
        """Terms w_i log L_i and the weights w_i."""
        weights = gap_weights(losses.detach(), self.base.values.to(losses), self.floor)
        return Weighted(weights * log_losses(losses, self.floor), weights)

    def learn(self, losses: Tensor, *, gram: Tensor | None, after: Tensor | None) -> None:
        """Take the losses into the base where the epoch is the base's."""
        self.base.add(losses, self.steps)


@component("igb")
def gap_weights(losses: Float[Tensor, "k"], base_losses: Float[Tensor, "k"], floor: float = 1e-8) -> Float[Tensor, "k"]:
    """k softmax(losses / base losses); 1 where the base losses are NaN, which says that they are not known yet."""
    ratios = losses / base_losses.clamp_min(floor)
    return torch.where(base_losses.isnan(), 1.0, len(losses) * torch.softmax(ratios, 0))
