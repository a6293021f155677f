"""A softmax over many classes whose rare classes share clusters of low dimension."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import Cost, Criterion, InputError, Range, Traits, loss
from perdita.core.numerics import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("adaptive_softmax", "AdaptiveLogSoftmaxWithLoss"),
    traits=Traits(convex=True, nonnegative=True, differentiable=True),
    ranges={
        "in_features": Range(1, integer=True),
        "classes": Range(2, integer=True),
        "cutoffs": Range(1, integer=True),
        "div_value": Range(1, search=(2.0, 8.0), log=True),
    },
    cost=Cost(time="n c d / div_value", memory="n c"),
)
class AdaptiveLogSoftmax(Criterion):
    r"""Cross-entropy of an output layer that gives frequent classes a full dimension and rare ones a smaller one.

    The classes are sorted by falling frequency and cut into a head H and clusters 1, 2, … A class y of cluster i has

    .. math:: \ell = -\log p(i \mid x) - \log p(y \mid x, i), \qquad
        \ell = -\log p(y \mid x) \text{ for } y \in H

    where the head's softmax runs over H and the clusters, and cluster i sees x through in_features / div_value^i
    dimensions. Every cluster is computed for every item, so that no shape depends on the labels.

    Args:
        in_features: size d of the features x.
        classes: number of classes c, sorted by falling frequency.
        cutoffs: first class of each cluster, increasing, from 1 to classes - 1.
        div_value: divides the dimension from each cluster to the next.
        head_bias: whether the head has a bias.
        features: (n, d), when called.
        target: (n,) class indices, when called.

    Returns:
        (n,) non-negative values, in nats.

    Raises:
        InputError: cutoffs that do not increase or leave 1..classes-1, shapes that do not fit.

    Example:
        >>> criterion = perdita.AdaptiveLogSoftmax(in_features=8, classes=20, cutoffs=[5, 10], div_value=2.0)
        >>> criterion.log_prob(torch.zeros(2, 8)).exp().sum(1)
        tensor([1.0000, 1.0000], grad_fn=<SumBackward1>)

    Source:
        Equal to torch.nn.AdaptiveLogSoftmaxWithLoss, whose module it holds as ``softmax``. Grave et al., "Efficient
        softmax approximation for GPUs", ICML 2017, arXiv 1609.04309, section 4.
    """

    def __init__(
        self,
        *,
        in_features: int,
        classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        bounds = [0, *cutoffs, classes] if isinstance(cutoffs, list | tuple) else []
        if len(bounds) < 3 or any(low >= high for low, high in pairwise(bounds)):
            raise InputError(f"cutoffs must list increasing integers from 1 to {classes - 1}, not {cutoffs!r}")
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(in_features, classes, cutoffs, div_value, head_bias)

    def per_example(self, features: Float[Tensor, "n d"], target: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Minus the log-probability of the target."""
        return -pick(self.log_prob(features), target)

    def log_prob(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n c"]:
        """The log-probability of every class."""
        head, shortlist = self.softmax.head, self.softmax.shortlist_size
        scores = F.log_softmax(_linear(head, features), 1)  # (n, shortlist + clusters)
        parts = [scores[:, :shortlist]]
        for index, (narrow, widen) in enumerate(self.softmax.tail):
            within = F.log_softmax(_linear(widen, _linear(narrow, features)), 1)
            parts.append(scores[:, shortlist + index].unsqueeze(1) + within)
        return torch.cat(parts, 1)


def _linear(layer: nn.Linear, x: Float[Tensor, "n i"]) -> Float[Tensor, "n o"]:
    """The layer in the features' dtype: parameters in half precision meet features that the contract has widened."""
    return F.linear(x, layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype))
