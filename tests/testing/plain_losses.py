"""Losses of no library, as users write them: what the doctor must find in each is in its tests."""

from __future__ import annotations

import warnings

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


def naive_focal(logits, target, gamma=2.0):
    """The logarithm of a probability that is 0."""
    probability = torch.sigmoid(logits)
    right = torch.where(target == 1, probability, 1 - probability)
    return (-((1 - right) ** gamma) * torch.log(right)).mean()


def batch_dice(logits, target):
    """Sums of a whole batch, which pass float16's range."""
    probability = torch.sigmoid(logits)
    return 1 - (2 * (probability * target).sum() + 1) / (probability.sum() + target.sum() + 1)


def mean_over_rows(logits, target, ignore_index=-100):
    """Divides by the rows, though some of them are ignored."""
    values = nn.functional.cross_entropy(logits, target, reduction="none", ignore_index=ignore_index)
    return values.sum() / len(target)


def scaled_by_item(logits, target):
    """A number read from a tensor breaks the graph."""
    scale = logits.detach().abs().max().item()
    return nn.functional.cross_entropy(logits / (1 + scale), target)


def changes_its_input(logits, target):
    logits -= logits.max(1, keepdim=True).values
    return nn.functional.cross_entropy(logits, target)


def keeps_by_index(logits, target):
    """A number of rows that depends on the values."""
    kept = target != -100
    return nn.functional.cross_entropy(logits[kept], target[kept])


def warns(prediction, target):
    warnings.warn("the scale is deprecated", stacklevel=2)
    return (prediction - target).abs()


def only_equal_labels(embeddings, labels):
    """A loss of embeddings: it asks which labels are equal."""
    near = (embeddings @ embeddings.T).tanh()
    return torch.where(labels[:, None] == labels, -near, near).mean(1)


def from_images(logits: Float[Tensor, "n h w"], target: Float[Tensor, "n h w"]):
    """Annotated arguments, and no annotation of what it gives."""
    return (logits - target).square().mean((1, 2))


def gives_a_mapping(logits, target):
    return {"loss": nn.functional.cross_entropy(logits, target)}


def undefined(logits, target):
    return no_such_name


def counts_errors(logits, target):
    return (logits.argmax(1) != target).float().mean()


def gives_a_number(logits, target):
    return nn.functional.cross_entropy(logits, target).item()


def branches(logits, target):
    """Control flow on a value."""
    values = nn.functional.cross_entropy(logits, target, reduction="none")
    return 2 * values.mean() if values.mean() > 1 else values.mean()


def adds_part_by_part(logits, target):
    """A running sum, of as few digits as its terms have."""
    values = nn.functional.cross_entropy(logits, target, reduction="none")
    return sum(part.sum() for part in values.split(128)) / len(target)


def wide_cross_entropy(logits, target):
    return nn.functional.cross_entropy(logits.float(), target)
