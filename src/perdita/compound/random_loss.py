"""An ensemble over losses: each batch meets the derivatives of another convex calibrated loss, drawn at random.

Gradient descent on a margin loss phi needs nothing but phi'. Any set of derivatives that are negative around 0 and do
not fall as the margin grows belongs to some convex loss that is calibrated, so a batch's derivatives can be drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.core.apply import may_look
from perdita.core.numerics import widen
from perdita.core.reduction import check_reduction, reduce

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


def inverse_box_cox(draws: Float[Tensor, "*n"], power: float) -> Float[Tensor, "*n"]:
    """exp(z) for power 0, else max(0, 1 + power z) ** (1 / power), which is infinite at 0 for negative powers."""
    if power == 0:
        return draws.exp()
    inside = 1 + power * draws
    positive = inside > 0
    found = torch.where(positive, inside, 1.0).pow(1 / power)
    return torch.where(positive, found, 0.0 if power > 0 else torch.inf)


@component("ensloss")
@torch.no_grad()
def calibrated_derivatives(
    margin: Float[Tensor, "n"], draws: Float[Tensor, "n"], *, power: float = 0.0, floor: float = 1e-6
) -> Float[Tensor, "n"]:
    r"""Derivatives at the margins of a batch of a random convex classification-calibrated loss.

    The numbers -h(z), with h the inverse Box-Cox transform of the draws z, are cut off at -1 and given to the margins
    so that they rise together; beyond a margin of 1 they are divided by it, and ``floor`` is taken off each.

    Args:
        margin: (n,) t f of scores f and signs t; equal margins are served in their order.
        draws: (n,) standard normal numbers, in any order.
        power: of the transform; 0 makes the sizes log-normal.
        floor: above 0; keeps every derivative negative.

    Returns:
        (n,) numbers in [-1 - floor, -floor] that do not fall as the margin grows, and carry no gradient.
    """
    order = margin.argsort(stable=True, dim=0)
    slopes = (-inverse_box_cox(draws, power)).sort(0).values.clamp_min(-1.0)
    slopes = torch.zeros_like(margin).scatter(0, order, slopes)
    return torch.where(margin > 1, slopes / margin, slopes) - floor


@component("ensloss")
def random_calibrated_loss(
    logits: Float[Tensor, "*n"],
    target: Float[Tensor, "*n"] | Int[Tensor, "*n"],
    draws: Float[Tensor, "*n"],
    *,
    power: float = 0.0,
    floor: float = 1e-6,
    weight: Float[Tensor, "*n"] | None = None,
    mask: Bool[Tensor, "*n"] | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""A surrogate that back-propagates random calibrated derivatives: derivative times margin, the first held fixed.

    Its gradient is t_i g_i / n for item i, with t the sign of the target and g from `calibrated_derivatives`. The value
    is the loss of nothing: neither watch it nor stop by it.

    Args:
        logits: one unnormalised score for each item.
        target: labels 0 or 1.
        draws: standard normal numbers, one for each item.
        power, floor: as in `calibrated_derivatives`.
        weight, mask, reduction: as in every loss. Masked items take part in the ranking of margins alone.

    Raises:
        InputError: shapes that differ, a target other than 0 or 1, a floor that is not positive, an unknown reduction.

    Source:
        Dai, "EnsLoss: Stochastic Calibrated Loss Ensembles for Preventing Overfitting in Classification", ICML 2025,
        arXiv 2409.00908, after the authors' code.
    """
    check_reduction(reduction)
    if not logits.shape == target.shape == draws.shape:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (logits, target, draws))
        raise InputError(f"logits, target and draws must have one shape, not {shapes}")
    if not floor > 0:
        raise InputError(f"floor must be above 0, not {floor}")
    if may_look({"target": target}):
        other = (target != 0) & (target != 1) & (True if mask is None else mask)
        if other.any():
            raise InputError(f"target must hold 0 or 1, not {target[other][0].item():.6g}")
    scores = widen(logits)
    if mask is not None:
        scores = torch.where(mask, scores, 0.0)
    margin = torch.where(target > 0, scores, -scores)
    slopes = calibrated_derivatives(
        margin.detach().flatten(), draws.to(margin.dtype).flatten(), power=power, floor=floor
    )
    return reduce(slopes.view_as(margin) * margin, weight=weight, mask=mask, reduction=reduction)


@component("ensloss")
class EnsLoss(nn.Module):
    """Binary training under a random calibrated loss for each batch: ``criterion(logits, target)``.

    Args:
        power: of the Box-Cox transform, in [-1, 1].
        period: number of epochs after which `end_epoch` draws a new power from [-1, 1]; None keeps it. The authors'
            published settings keep 0.
        generator: source of all randomness; None takes torch's own.
        floor: as in `calibrated_derivatives`.
        reduction: "mean", "sum" or "none".

    Raises:
        InputError: a power outside [-1, 1], a period below 1, an unknown reduction.

    Source:
        Dai, ICML 2025, arXiv 2409.00908.
    """

    def __init__(
        self,
        *,
        power: float = 0.0,
        period: int | None = None,
        generator: torch.Generator | None = None,
        floor: float = 1e-6,
        reduction: str = "mean",
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        if not -1 <= power <= 1:
            raise InputError(f"power must be in [-1, 1], not {power}")
        if period is not None and period < 1:
            raise InputError(f"period must be at least 1 epoch, not {period}")
        self.power, self.period, self.floor, self.reduction = power, period, floor, reduction
        self.generator, self.epochs = generator, 0

    def forward(
        self,
        logits: Float[Tensor, "*n"],
        target: Float[Tensor, "*n"] | Int[Tensor, "*n"],
        *,
        weight: Float[Tensor, "*n"] | None = None,
        mask: Bool[Tensor, "*n"] | None = None,
    ) -> Tensor:
        """A number to back-propagate, and not to read."""
        dtype = torch.promote_types(logits.dtype, torch.float32)
        draws = torch.randn(logits.shape, generator=self.generator, dtype=dtype, device=logits.device)
        return random_calibrated_loss(
            logits,
            target,
            draws,
            power=self.power,
            floor=self.floor,
            weight=weight,
            mask=mask,
            reduction=self.reduction,
        )

    def end_epoch(self) -> None:
        """Count an epoch, and draw a new power where the period says so."""
        self.epochs += 1
        if self.period is not None and self.epochs % self.period == 0:
            device = None if self.generator is None else self.generator.device
            self.power = 2 * torch.rand((), generator=self.generator, dtype=torch.float64, device=device).item() - 1

    def extra_repr(self) -> str:
        """The settings."""
        return f"power={self.power:g}, period={self.period}, floor={self.floor:g}, reduction={self.reduction!r}"
