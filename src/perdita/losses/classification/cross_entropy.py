"""Cross-entropy, and the forms that change what it is measured on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Range, Traits, loss
from perdita.core.numerics import as_distribution, mask_classes

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("ce", "log_loss", "softmax_loss", "CrossEntropyLoss"),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"label_smoothing": Range(0, 1, search=(0.0, 0.3))},
    domains={"class_weight": "nonnegative"},
    ignore_index=-100,
)  # fmt: skip
def cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    class_weight: Float[Tensor, "c"] | None = None,
    class_mask: Bool[Tensor, "n c *d"] | Bool[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "none",
    ignore_index: int = -100,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy between the softmax of the logits and class indices or soft targets.

    With p = softmax(logits) over dimension 1 and the smoothed target
    t' = (1 - label_smoothing) t + label_smoothing / c, where c counts the classes that class_mask leaves:

    .. math:: \ell = -\sum_k w_k\, t'_k \log p_k, \qquad w = \text{class\_weight} \text{ or } 1

    The mean divides by the sum of w[target] for class indices, and by the number of items for soft targets, as PyTorch
    does. Where every item is ignored it is 0, where PyTorch gives NaN.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        class_weight: (c,) weight of each class, applied to each class's term of the smoothed target.
        class_mask: (c,) or (n, c, *d); False takes a class out of the softmax.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, shapes that do not fit.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.cross_entropy(logits, torch.tensor([0])).item()
        0.23954...

    Source:
        Equal to torch.nn.functional.cross_entropy. Label smoothing: Szegedy et al., CVPR 2016, arXiv 1512.00567,
        section 7.
    """
    labels = None if target.is_floating_point() else target if target.dtype is torch.int64 else target.long()
    wanted = target if labels is None else labels
    if class_mask is not None:
        allowed = class_mask if class_mask.ndim > 1 else class_mask.view((1, -1) + (1,) * (logits.ndim - 2))
        logits = mask_classes(logits, allowed)
        if label_smoothing > 0:  # towards uniform over the classes that are left
            allowed = allowed.expand_as(logits).to(logits.dtype)
            uniform = allowed / allowed.sum(1, keepdim=True).clamp(min=1)
            wanted = (1 - label_smoothing) * as_distribution(target, logits) + label_smoothing * uniform
            label_smoothing = 0.0
    fused = reduction if class_weight is None or labels is None else "none"
    values = F.cross_entropy(
        logits, wanted, class_weight, ignore_index=ignore_index, reduction=fused, label_smoothing=label_smoothing
    )
    return values if class_weight is None or labels is None else (values, class_weight[labels])
