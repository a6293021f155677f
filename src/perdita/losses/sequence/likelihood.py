"""The likelihood of whole sequences, and cross-entropies of tokens with what language models add to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import pick
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, expected

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="sequence",
    aliases=("label_smoothed_nll", "label_smoothed_nll_loss"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"label_smoothing": LABEL_SMOOTHING, "length_power": Range(0, search=(0.0, 1.0))},
    cost=Cost(time="n c t", memory="n c t"),
    ignore_index=-100,
)
def sequence_nll(
    logits: Float[Tensor, "n c t"],
    target: Int[Tensor, "n t"],
    *,
    label_smoothing: float = 0.0,
    length_power: float = 0.0,
    mask: Bool[Tensor, "n t"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Minus the log-probability of a whole sequence, with smoothed labels and a power of its length if wanted.

    With \ell_i the `cross_entropy` of token i with label_smoothing, and t the number of tokens that count:

    .. math:: \ell = t^{-\text{length\_power}} \sum_i \ell_i

    length_power 0 is the likelihood, 1 the mean over the tokens of each sequence, so that short ones weigh as much as
    long ones. The mean is taken over sequences; for the mean over all tokens take `cross_entropy`.

    Args:
        logits: (n, c, t) unnormalised scores, as ``logits.transpose(1, 2)`` of a model.
        target: (n, t) tokens, already shifted.
        label_smoothing: in [0, 1]; the share that is spread evenly over all c tokens. A share e over the others alone,
            as some toolkits have it, is e c / (c - 1) here.
        length_power: at least 0.
        mask: (n,) or (n, t); tokens where it is False do not count.

    Returns:
        (n,) non-negative values, in nats; 0 for a sequence without tokens, which leaves the mean.

    Raises:
        InputError: labels outside 0..c-1, a label_smoothing outside [0, 1], a negative length_power.

    Example:
        >>> logits = torch.zeros(1, 4, 2)  # two tokens, each one of four
        >>> perdita.functional.sequence_nll(logits, torch.tensor([[0, 3]])).item()  # 2 log 4
        2.77258...

    Source:
        Label smoothing: Szegedy et al., CVPR 2016, arXiv 1512.00567, section 7.
    """
    counted = torch.ones_like(target, dtype=torch.bool)
    if mask is not None:
        counted = counted & mask.reshape(mask.shape + (1,) * (2 - mask.ndim))
        logits = torch.where(counted.unsqueeze(1), logits, 0.0)
    values = cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
    total = torch.where(counted, values, 0.0).sum(1)
    length = counted.sum(1).to(total.dtype)
    return total / length.clamp_min(1) ** length_power, length > 0


@loss(
    task="multiclass",
    aliases=("z_regularised_cross_entropy", "cross_entropy_with_z_loss"),
    traits=Traits(
        proper=True, classification_calibrated=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"coefficient": Range(0, search=(1e-5, 1e-2), log=True), "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def z_regularized_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    coefficient: float = 1e-4,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus a small multiple of the squared log-normaliser of the softmax.

    With t the target as a distribution:

    .. math:: \ell = -\sum_k t_k \log \mathrm{softmax}(z)_k + \text{coefficient} \cdot \Big(\log \sum_k e^{z_k}\Big)^2

    Cross-entropy does not see a constant that is added to all logits; the second term keeps it near zero, so that
    logits do not drift out of the range of half precision. At its minimum the normaliser is 1 and the softmax the
    truth.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        coefficient: at least 0.
        label_smoothing: in [0, 1], of the cross-entropy.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a negative coefficient, a
            label_smoothing outside [0, 1].

    Example:
        >>> logits = torch.zeros(1, 2)
        >>> value = perdita.functional.z_regularized_cross_entropy(logits, torch.tensor([0]), coefficient=1.0)
        >>> value.item()  # log 2 + (log 2)^2
        1.17360...

    Source:
        De Brébisson and Vincent, "The Z-loss", 2016, arXiv 1604.08859, has the name for another loss, `z_loss`. This
        one: Chowdhery et al., "PaLM", JMLR 2023, arXiv 2204.02311, section 5, with the coefficient 1e-4.
    """
    if target.is_floating_point():
        found = cross_entropy.per_example(logits, target, label_smoothing=label_smoothing)
        return found + coefficient * logits.logsumexp(1).square()
    values, own = cross_entropy.per_example(logits, target), pick(logits, target)
    log_normalizer = values + own
    if label_smoothing > 0:
        values = values + label_smoothing * (own - logits.mean(1))
    return values + coefficient * log_normalizer.square()


@loss(
    task="multiclass",
    aliases=("confidence_penalty", "entropy_regularised_cross_entropy"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"entropy_weight": Range(search=(0.0, 1.0)), "label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def entropy_regularized_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    entropy_weight: float = 0.1,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy minus a multiple of the entropy of the prediction.

    With p = softmax(logits) and t the target as a distribution:

    .. math:: \ell = -\sum_k t_k \log p_k - \text{entropy\_weight} \cdot H(p), \qquad H(p) = -\sum_k p_k \log p_k

    A positive weight keeps predictions from growing too sure, a negative one sharpens them.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        entropy_weight: of either sign.
        label_smoothing: in [0, 1], of the cross-entropy.

    Returns:
        (n, *d) values, at least -entropy_weight log c.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1].

    Example:
        >>> logits = torch.zeros(1, 4)
        >>> value = perdita.functional.entropy_regularized_cross_entropy(logits, torch.tensor([0]), entropy_weight=0.5)
        >>> value.item()  # log 4 / 2
        0.69314...

    Source:
        Pereyra et al., "Regularizing Neural Networks by Penalizing Confident Output Distributions", 2017,
        arXiv 1701.06548, equation 3.
    """
    log_probs = logits.log_softmax(1)
    found = expected(-log_probs, target, label_smoothing)
    return found + entropy_weight * (log_probs.exp() * log_probs).sum(1)
