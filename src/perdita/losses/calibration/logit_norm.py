"""Cross-entropy of logits with a fixed norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import normalize
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="multiclass",
    aliases=("logit_norm",),
    traits=Traits(
        classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=True,
    ),
    ranges={"temperature": Range(0, open="low", search=(0.01, 1.0), log=True), "label_smoothing": Range(0, 1)},
    domains={"class_weight": "nonnegative"},
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def logit_norm_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    temperature: float = 0.04,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy of the logits divided by their norm, so that training cannot lower it by growing them.

    With z the logits of an item and y its class:

    .. math:: \ell = -\log \mathrm{softmax}\Big(\frac{z}{\text{temperature} \cdot \|z\|_2}\Big)_y

    Where all logits are 0 the norm counts as 1: the value is log c, and the gradient is finite. No value exceeds
    log c + sqrt(2) / temperature. To predict, take the softmax of the raw logits, as the paper does.

    Args:
        logits: (n, c, *d) unnormalised scores z; the norm is over dimension 1.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        temperature: above 0; the normalised logits have the norm 1 / temperature.
        class_weight: (c,) weight of each class, as in `cross_entropy`.
        label_smoothing: in [0, 1], as in `cross_entropy`.

    Returns:
        (n, *d) positive values, in nats.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a temperature that is not positive.

    Example:
        >>> logits = torch.tensor([[3.0, 4.0]])
        >>> perdita.functional.logit_norm_cross_entropy(logits, torch.tensor([1]), temperature=1.0).item()
        0.59813...

    Source:
        Wei et al., "Mitigating Neural Network Overconfidence with Logit Normalization", ICML 2022, arXiv 2205.09310,
        equation 6.
    """
    return cross_entropy.per_example(
        normalize(logits, dim=1) / temperature, target, class_weight=class_weight, label_smoothing=label_smoothing
    )
