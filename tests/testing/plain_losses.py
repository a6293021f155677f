"""Losses of no library, as users write them: what the doctor must find in each is in its tests."""

from __future__ import annotations

import torch
from torch import nn


def naive_cross_entropy(logits, target):
    """Overflows, cannot be traced, divides 0 by 0, and broadcasts a target of another shape."""
    probabilities = logits.exp() / logits.exp().sum(1, keepdim=True)
    if (probabilities > 0.99).any():
        probabilities = probabilities * 1.0
    return -probabilities[torch.arange(len(target)), target].log().mean()


def mean_squared_error(prediction, target):
    return ((prediction - target) ** 2).mean()


def good_cross_entropy(logits, target):
    """One value for each row, without fault."""
    if target.ndim != 1 or target.shape[0] != logits.shape[0]:
        raise ValueError("one target for each row")
    return logits.logsumexp(1) - logits.gather(1, target.unsqueeze(1)).squeeze(1)


def centred(prediction, target):
    """Its values depend on the other rows, so that micro-batches do not add up."""
    return (prediction - prediction.mean() - target).square()


def annotated(logits: Float[Tensor, "n c"], target: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return good_cross_entropy(logits, target)


def takes_a_list(prediction):
    return sum(prediction)


class Weighted(nn.Module):
    """A module with an argument of its own and a buffer; it forgets its buffer when it is stored."""

    def __init__(self, classes):
        super().__init__()
        self.register_buffer("weight", torch.linspace(0.5, 1.5, classes))

    def forward(self, logits, target):
        return nn.functional.cross_entropy(logits, target, weight=self.weight)
