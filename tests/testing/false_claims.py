"""Losses whose card claims what is not so, one in each direction for every trait."""

from __future__ import annotations

import torch

from perdita.core import Traits, loss
from tests.testing.broken import breaks, make


def claims(body, **traits):
    return lambda: make(body, traits=Traits(**traits))


def picked(z, y):
    return z.gather(1, y.long().unsqueeze(1)).squeeze(1)


def absolute_error(z, y):
    return 1 - picked(z.softmax(1), y)


def cross_entropy(z, y):
    return -picked(z.log_softmax(1), y)


def hinge(z, y):
    return torch.relu(1 - picked(z, y).unsqueeze(1) + z).sum(1)


def backwards(z, y):
    return cross_entropy(-z, y)


def square(z, y):
    return z.square().sum(1)


WRONG_CLAIMS = {  # trait → (a loss that lacks it, one that has it)
    "nonnegative": (lambda z, y: cross_entropy(z, y) - 0.01, cross_entropy),
    "bounded": (lambda z, y: cross_entropy(z, y).log1p(), absolute_error),
    "convex": (lambda z, y: cross_entropy(z, y).log1p(), cross_entropy),
    "symmetric": (cross_entropy, absolute_error),
    "shift_invariant": (lambda z, y: cross_entropy(z, y) + 1e-4 * z.sum(1), cross_entropy),
    "scale_invariant": (cross_entropy, lambda z, y: cross_entropy(z / z.norm(dim=1, keepdim=True).clamp_min(1e-12), y)),
    "differentiable": (hinge, cross_entropy),
    "constant_hessian": (cross_entropy, square),
    "proper": (absolute_error, cross_entropy),
    "classification_calibrated": (backwards, cross_entropy),
}
for _trait, (_without, _with) in WRONG_CLAIMS.items():
    breaks(f"trait_{_trait}")(claims(_without, **{_trait: True}))
    breaks(f"trait_{_trait}")(claims(_with, **{_trait: False}))


def regression(body, statistic):
    def builder():
        @loss(task="regression", name="broken", traits=Traits(minimizer=statistic))
        def broken(prediction: Float[Tensor, "n"], target: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
            return body(prediction - target)

        return broken

    return builder


breaks("trait_minimizer")(regression(torch.square, "median"))
breaks("trait_minimizer")(regression(torch.abs, "mean"))
breaks("trait_minimizer")(regression(lambda gap: torch.where(gap > 0, gap, -2 * gap), "median"))
