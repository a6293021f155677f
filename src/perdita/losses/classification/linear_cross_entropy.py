"""Cross-entropy of a linear layer: features and the layer's weight in, logits never handed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("LinearCrossEntropyLoss",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=False),
    ranges={"label_smoothing": Range(0, 1, search=(0.0, 0.3))},
    domains={"class_weight": "nonnegative"},
    cost=Cost(time="n c f", memory="n c"),
    ignore_index=-100,
)
def linear_cross_entropy(
    features: Float[Tensor, "n f"],
    linear_weight: Float[Tensor, "c *d f"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    linear_bias: Float[Tensor, "c *d"] | None = None,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "none",
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of the logits that a linear layer makes of features.

    .. math:: \ell = \text{cross\_entropy}(W x + b,\ t)

    This is the definition, which holds all logits at once.

    Args:
        features: (n, f) features x.
        linear_weight: (c, *d, f) weight W of the output layer, as in ``torch.nn.Linear`` where there is no ``*d``.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        linear_bias: (c, *d) bias b of the output layer.
        class_weight: (c,) weight of each class, as in cross_entropy.
        label_smoothing: in [0, 1], as in cross_entropy.

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, shapes that do not fit.

    Example:
        >>> features, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.0, 5.0]])
        >>> perdita.functional.linear_cross_entropy(features, weight, torch.tensor([0])).item()
        0.23954...

    Source:
        Equal to torch.nn.functional.linear_cross_entropy, where class_weight is called weight.
    """
    bias = None if linear_bias is None else linear_bias.flatten()
    logits = F.linear(features, linear_weight.flatten(0, -2), bias).reshape(-1, *linear_weight.shape[:-1])  # (n, c, *d)
    return cross_entropy.per_example(
        logits, target, class_weight=class_weight, label_smoothing=label_smoothing, reduction=reduction
    )
