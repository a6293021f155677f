"""Targets that spread over classes: the mean of a loss over the classes that a soft or smoothed target may mean.

A soft target holds a probability t_k for each class; smoothing makes it (1 - label_smoothing) t + label_smoothing / c.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from perdita.core import Range
from perdita.core.numerics import as_distribution, pick
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.log_odds import class_log_odds, target_log_odds
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    Target = Int[Tensor, "n *d"] | Float[Tensor, "n c *d"]
    Values = Float[Tensor, "n *d"] | tuple[Float[Tensor, "n *d"], Float[Tensor, "n *d"]]

LABEL_SMOOTHING = Range(0, 1, search=(0.0, 0.3))


def is_spread(target: Target, label_smoothing: float) -> bool:
    """Whether the target may give a share to more than one class."""
    return target.is_floating_point() or label_smoothing > 0


def along_classes(numbers: Float[Tensor, "c"], like: Float[Tensor, "n c *d"]) -> Float[Tensor, "1 c *d"]:
    """A number for each class, in the place of dimension 1 and in the dtype of ``like``."""
    return numbers.to(like.dtype).view(1, -1, *[1] * (like.ndim - 2))


def weighted(
    values: Float[Tensor, "n *d"], target: Int[Tensor, "n *d"], class_weight: Float[Tensor, "c"] | None
) -> Values:
    """Values times the weight of their class, with the weights as counts."""
    if class_weight is None:
        return values
    weights = class_weight[target.long()]
    return weights * values, weights


def expected(
    values: Float[Tensor, "n c *d"],
    target: Target,
    label_smoothing: float = 0.0,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Values:
    """sum_k w_k t'_k values_k: the mean of what each class would cost. Class indices with weights give counts too."""
    if class_weight is not None:
        values = values * along_classes(class_weight, values)
    if target.is_floating_point():
        return (as_distribution(target, values, label_smoothing) * values).sum(1)
    found = pick(values, target)
    if label_smoothing > 0:
        found = (1 - label_smoothing) * found + label_smoothing * values.mean(1)
    return found if class_weight is None else (found, class_weight[target.long()])


def of_others(values: Float[Tensor, "n c *d"], target: Target, label_smoothing: float = 0.0) -> Float[Tensor, "n *d"]:
    """sum_k (1 - t'_k) values_k: the sum over the classes that the target is not."""
    if is_spread(target, label_smoothing):
        return ((1 - as_distribution(target, values, label_smoothing)) * values).sum(1)
    return put(values, target, 0.0).sum(1)


def of_log_odds(
    value: Callable[[Tensor], Tensor],
    logits: Float[Tensor, "n c *d"],
    target: Target,
    label_smoothing: float = 0.0,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Values:
    """The mean of value(log-odds of the class) under the softmax."""
    if is_spread(target, label_smoothing):
        return expected(value(class_log_odds(logits)), target, label_smoothing, class_weight)
    return weighted(value(target_log_odds(logits, target)), target, class_weight)


def of_surprise(
    value: Callable[[Tensor], Tensor],
    logits: Float[Tensor, "n c *d"],
    target: Target,
    label_smoothing: float = 0.0,
    class_weight: Float[Tensor, "c"] | None = None,
) -> Values:
    """The mean of value(-log p of the class) under the softmax."""
    if is_spread(target, label_smoothing):
        return expected(value(-logits.log_softmax(1)), target, label_smoothing, class_weight)
    return weighted(value(cross_entropy.per_example(logits, target)), target, class_weight)
