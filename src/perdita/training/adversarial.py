"""Adversarial training: the attack that looks, within a ball around the input, for what hurts most."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from perdita.core import InputError, component
from perdita.losses.classification.comp_sum import margin_shift

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Model = Callable[[Tensor], Tensor]
Objective = Callable[[Tensor, Tensor, Tensor], Tensor]  # (clean logits, target, attacked logits) → (n,), to be raised


def shifted_margins(logits: Tensor, target: Tensor, attacked: Tensor) -> Tensor:
    """How far the attack moves the vector of margins: what `smooth_adversarial_comp_sum` charges."""
    return margin_shift(logits, target, attacked)


def wrong_class(logits: Tensor, target: Tensor, attacked: Tensor) -> Tensor:
    """Cross-entropy of the attacked scores: what plain adversarial training charges."""
    return F.cross_entropy(attacked, target, reduction="none")


def moved_prediction(logits: Tensor, target: Tensor, attacked: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the clean to the attacked prediction: what TRADES charges."""
    return F.kl_div(attacked.log_softmax(1), logits.log_softmax(1), reduction="none", log_target=True).sum(1)


@component("comp-sum")
def perturb(
    model: Model,
    inputs: Float[Tensor, "n *d"],
    target: Int[Tensor, "n"],
    objective: Objective = shifted_margins,
    *,
    radius: float,
    steps: int = 10,
    step_size: float | None = None,
    norm: str = "inf",
    low: float | None = None,
    high: float | None = None,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "n *d"]:
    """Projected gradient ascent on an objective within a ball around each input.

    It starts a little off the input, because the distance between margins has no gradient at the input itself.

    Args:
        model: inputs → logits; only its scores are used, no gradient reaches its parameters.
        inputs: (n, *d) clean inputs.
        target: (n,) class indices.
        objective: what the attack raises, for each item.
        radius: of the ball, at least 0.
        steps: number of gradient steps.
        step_size: length of one; None takes 2.5 * radius / steps.
        norm: of the ball, "inf" or "2".
        low, high: bounds of valid inputs, where there are any.
        generator: of the start.

    Returns:
        (n, *d) attacked inputs, detached.

    Raises:
        InputError: a negative radius, fewer than one step, another norm.
    """
    if not radius >= 0:
        raise InputError(f"radius must be a number >= 0, not {radius!r}")
    if steps < 1:
        raise InputError(f"steps must be at least 1, not {steps!r}")
    if norm not in ("inf", "2"):
        raise InputError(f"norm must be 'inf' or '2', not {norm!r}")
    inputs = inputs.detach()
    with torch.no_grad():
        logits = model(inputs)
    length = 2.5 * radius / steps if step_size is None else step_size
    noise = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype, device=inputs.device)
    attacked = _project(inputs, inputs + 1e-3 * noise, radius, norm, low, high)
    for _ in range(steps):
        attacked.requires_grad_()
        with torch.enable_grad():
            raised = objective(logits, target, model(attacked)).sum()
        (gradient,) = torch.autograd.grad(raised, attacked)
        stride = gradient.sign() if norm == "inf" else _directions(gradient)
        attacked = _project(inputs, attacked.detach() + length * stride, radius, norm, low, high)
    return attacked.detach()


def _project(inputs: Tensor, moved: Tensor, radius: float, norm: str, low: float | None, high: float | None) -> Tensor:
    """The nearest point of the ball, then of the valid inputs (which are convex and hold the centre)."""
    change = moved - inputs
    if norm == "inf":
        change = change.clamp(-radius, radius)
    else:
        length = change.flatten(1).norm(dim=1).view(-1, *[1] * (inputs.ndim - 1))
        change = change * (radius / length.clamp(min=radius or 1.0))
    moved = inputs + change
    return moved if low is None and high is None else moved.clamp(low, high)


def _directions(gradient: Tensor) -> Tensor:
    length = gradient.flatten(1).norm(dim=1).view(-1, *[1] * (gradient.ndim - 1))
    return gradient / torch.where(length == 0, 1.0, length)
