"""Cross-entropy and focal loss as power series in 1 - p, with their leading coefficients changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import as_distribution
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.focal import ALPHA, GAMMA, class_balance, focal_of
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, of_log_odds
from perdita.losses.log_odds import class_log_odds, signed_logits, target_log_odds

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

EPSILON = Range(-1, search=(-1.0, 6.0))


def polynomial(missing: Float[Tensor, "*n"], epsilon: float | Sequence[float]) -> Float[Tensor, "*n"]:
    """epsilon[0] x + epsilon[1] x^2 + … by Horner's rule, for x = 1 - p."""
    total = torch.zeros_like(missing)
    for coefficient in reversed(epsilon if isinstance(epsilon, Sequence) else (epsilon,)):
        total = (total + coefficient) * missing
    return total


def poly_focal_of(log_odds: Float[Tensor, "*n"], epsilon: float | Sequence[float], gamma: float) -> Float[Tensor, "*n"]:
    """(1 - p)^gamma (epsilon[0] (1 - p) + epsilon[1] (1 - p)^2 + …)."""
    return torch.exp(gamma * F.logsigmoid(-log_odds)) * polynomial(torch.sigmoid(-log_odds), epsilon)


@loss(
    task="multiclass",
    paper="polyloss",
    aliases=("poly1_cross_entropy", "poly_loss"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={
        "epsilon": EPSILON,
        "label_smoothing": LABEL_SMOOTHING,
        "smooth_polynomial": Choice((True, False)),
    },
    domains={"class_weight": "nonnegative"},
    cost=Cost(passes=5),
    ignore_index=-100,
)  # fmt: skip
def poly_cross_entropy(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    epsilon: float | Sequence[float] = 1.0,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
    smooth_polynomial: bool = True,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy plus a polynomial in the probability that the target is missing.

    With p = softmax(logits), t the target as a distribution, t' its smoothed form and P = \sum_k t'_k p_k (Poly-1 for
    one epsilon, Poly-N for N of them):

    .. math:: \ell = -\sum_k w_k\, t'_k \log p_k + \bar w \sum_{j \ge 1} \text{epsilon}_j (1 - P)^j,
              \qquad \bar w = \sum_k w_k t_k

    With smooth_polynomial=False, P is \sum_k t_k p_k. epsilon = 0 is cross-entropy, whose own coefficients are 1/j; the
    loss falls with P near P = 1 as long as epsilon[0] > -1, and everywhere if epsilon[j-1] >= -1/j. With one epsilon
    its gradient is (1 + epsilon p_y) times that of cross-entropy, and it is convex if abs(epsilon) <= 1.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities.
        epsilon: what is added to the first coefficients, at least -1 each.
        class_weight: (c,) weight of each class; it scales both terms, and the mean divides as in `cross_entropy`.
        label_smoothing: in [0, 1].
        smooth_polynomial: whether the polynomial sees the smoothed target too.

    Returns:
        (n, *d) values, in nats where epsilon is 0.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, an epsilon below -1.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.poly_cross_entropy(logits, torch.tensor([0]), epsilon=1.0).item()
        0.45255...

    Source:
        Leng et al., "PolyLoss", ICLR 2022, arXiv 2204.12511, section 4: Poly-1 and Poly-N. Which P its code has under
        label smoothing was not verified, and class weights are not the paper's.
    """
    smoothing = label_smoothing if smooth_polynomial else 0.0
    indices = not target.is_floating_point()
    if indices and smoothing == 0.0:
        missing = torch.sigmoid(-target_log_odds(logits, target))  # 1 - P
    else:
        missing = (as_distribution(target, logits, smoothing) * torch.sigmoid(-class_log_odds(logits))).sum(1)
    terms = polynomial(missing, epsilon)
    found = cross_entropy.per_example(
        logits, target, class_weight=class_weight, label_smoothing=label_smoothing, reduction="none"
    )
    if class_weight is None:
        return found + terms
    if indices:
        entropy, weights = found
        return entropy + weights * terms, weights
    return found + (target * class_weight.view((1, -1) + (1,) * (logits.ndim - 2))).sum(1) * terms


@loss(
    task="multiclass",
    paper="polyloss",
    aliases=("truncated_cross_entropy", "taylor_cross_entropy"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=True, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"terms": Range(1, search=(1, 20), integer=True), "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def poly_drop(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    terms: int = 2,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy's power series in 1 - p, cut off after its first terms.

    With p the softmax probability of the target:

    .. math:: \ell = \sum_{j=1}^{\text{terms}} \frac{1}{j} (1 - p)^j

    One term is half of `softmax_mae`; infinitely many are cross-entropy. The largest value is 1 + 1/2 + … + 1/terms.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        terms: how many of the leading terms remain, at least 1.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], terms
            below 1 or no integer.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.poly_drop(logits, torch.tensor([0]), terms=2).item()
        0.23570...

    Source:
        Feng, Shu, Lin, Lv, Li, An, "Can Cross Entropy Loss Be Robust to Label Noise?", IJCAI 2020; Leng et
        al., "PolyLoss", ICLR 2022, arXiv 2204.12511: the series without its higher terms.
    """
    coefficients = [1 / power for power in range(1, int(terms) + 1)]
    return of_log_odds(
        lambda log_odds: polynomial(torch.sigmoid(-log_odds), coefficients), logits, target, label_smoothing
    )


@loss(
    task="binary",
    paper="polyloss",
    aliases=("poly1_sigmoid_focal",),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=False, scale_invariant=False, differentiable=True,
    ),
    ranges={"epsilon": EPSILON, "gamma": GAMMA, "alpha": ALPHA},
    domains={"target": "binary"},
    cost=Cost(time="n", memory="n"),
)  # fmt: skip
def poly_focal(
    logits: Float[Tensor, "n *d"],
    target: Float[Tensor, "n *d"] | Int[Tensor, "n *d"],
    *,
    epsilon: float | Sequence[float] = 1.0,
    gamma: float = 2.0,
    alpha: float | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Binary focal loss of each element plus a polynomial in the probability that is missing.

    With p the probability of the element's class: sigmoid(z) for target 1, sigmoid(-z) for target 0:

    .. math:: \ell = a\, (1 - p)^{\text{gamma}} (-\log p) + \sum_{j \ge 1} \text{epsilon}_j (1 - p)^{\text{gamma} + j}

    where a = alpha for class 1 and 1 - alpha for class 0, or 1 for both without alpha; it scales the first term alone.

    Args:
        logits: (n, *d) unnormalised scores z.
        target: (n, *d) labels 0 or 1.
        epsilon: what is added to the first coefficients, at least -1 each.
        gamma: at least 0; as in `binary_focal`.
        alpha: weight of class 1 in [0, 1]; class 0 has 1 - alpha. Detectors use 0.25.

    Returns:
        (n, *d) values.

    Raises:
        InputError: a target other than 0 or 1, an epsilon below -1, a negative gamma, an alpha outside [0, 1].

    Example:
        >>> perdita.functional.poly_focal(torch.tensor([2.0]), torch.tensor([1.0]), epsilon=1.0).item()
        0.00349...

    Source:
        Leng et al., "PolyLoss", ICLR 2022, arXiv 2204.12511, the focal form of Poly-1. Whether the paper's alpha scales
        the polynomial too was not verified.
    """
    log_odds = signed_logits(logits, target)
    return class_balance(logits, target, alpha) * focal_of(log_odds, gamma) + poly_focal_of(log_odds, epsilon, gamma)


@loss(
    task="multiclass",
    paper="polyloss",
    traits=Traits(
        proper=False, classification_calibrated=True, convex=False, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"epsilon": EPSILON, "gamma": GAMMA, "label_smoothing": LABEL_SMOOTHING},
    cost=Cost(passes=4),
    ignore_index=-100,
)  # fmt: skip
def poly_focal_multiclass(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    epsilon: float | Sequence[float] = 1.0,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""Softmax focal loss plus a polynomial in the probability that is missing.

    With p the softmax probability of the target:

    .. math:: \ell = (1 - p)^{\text{gamma}} (-\log p) + \sum_{j \ge 1} \text{epsilon}_j (1 - p)^{\text{gamma} + j}

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores.
        target: (n, *d) class indices, or (n, c, *d) probabilities t.
        epsilon: what is added to the first coefficients, at least -1 each.
        gamma: at least 0; 0 is `poly_cross_entropy`, for soft targets with one epsilon alone.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], an
            epsilon below -1, a negative gamma.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> perdita.functional.poly_focal_multiclass(logits, torch.tensor([0])).item()
        0.02053...

    Source:
        Leng et al., "PolyLoss", ICLR 2022, arXiv 2204.12511: Poly-1 of the focal loss, for the p of a softmax.
    """

    def value(log_odds: Tensor) -> Tensor:
        return focal_of(log_odds, gamma) + poly_focal_of(log_odds, epsilon, gamma)

    return of_log_odds(value, logits, target, label_smoothing)
