"""Sum-exponential losses under a concave transform, from the plain sum over cross-entropy to the absolute error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import pick, safe_norm
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import LABEL_SMOOTHING, of_others, of_surprise

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

TAU = Range(0, search=(0.5, 2.0))
NEAR_ONE = 1e-6  # a tau closer to 1 counts as 1, which moves a value of v nats by less than v * 5e-7 of itself


def steady_expm1(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """exp(x) - 1, which beyond half of the largest exponent goes on as its tangent: finite, with a finite slope."""
    edge = math.log(torch.finfo(x.dtype).max) / 2
    return torch.expm1(x.clamp(max=edge)) + math.exp(edge) * (x - edge).clamp(min=0)


def comp_sum_of(surprise: Float[Tensor, "*n"], tau: float) -> Float[Tensor, "*n"]:
    """(p^(tau - 1) - 1) / (1 - tau) from the surprise v = -log p, without ever forming p."""
    if abs(1 - tau) < NEAR_ONE:
        return surprise
    return steady_expm1((1 - tau) * surprise) / (1 - tau)


@loss(
    task="multiclass",
    paper="comp-sum",
    aliases=("comp_sum_loss",),
    traits=Traits(
        proper=True, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"tau": TAU, "label_smoothing": LABEL_SMOOTHING},
    domains={"class_weight": "nonnegative"},
    ignore_index=-100,
)  # fmt: skip
def comp_sum(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    tau: float = 1.0,
    class_weight: Float[Tensor, "c"] | None = None,
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""A concave transform of the sum of exponentiated score differences; one number spans the family.

    With u = \sum_{k \ne y} e^{z_k - z_y} and p = 1 / (1 + u), the softmax probability of the target:

    .. math:: \ell = \Phi_\tau(u) = \frac{(1 + u)^{1 - \tau} - 1}{1 - \tau} = \frac{p^{\tau - 1} - 1}{1 - \tau},
        \qquad \Phi_1(u) = \log(1 + u)

    tau = 0 is the sum-exponential loss, 1 cross-entropy, between 1 and 2 the generalised cross-entropy with q = tau - 1
    (`generalized_cross_entropy`), 2 the absolute error 1 - p (half of `softmax_mae`). The gradient is p^(tau - 1) times
    that of cross-entropy: below 1 it explodes where the target is improbable, above 1 it vanishes there. Values of
    different tau cannot be compared; `perdita.theory.consistency` says what each bounds.

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        tau: at least 0; above 1 the values stay below 1 / (tau - 1). Below 1 they grow like p^(tau - 1), and beyond the
            square root of the largest float linearly, so that they stay finite; a gradient in float16 may overflow.
        class_weight: (c,) weight of each class; the mean divides by the sum of w[target].
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1], a
            negative tau.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 0.0]])
        >>> [round(perdita.functional.comp_sum(logits, torch.tensor([0]), tau=tau).item(), 4) for tau in (0, 1, 2)]
        [0.2707, 0.2395, 0.213]

    Source:
        Mao, Mohri, Zhong, "Cross-Entropy Loss Functions: Theoretical Analysis and Applications", ICML 2023,
        arXiv 2304.07288, section 2. No code was released.
    """
    return of_surprise(lambda surprise: comp_sum_of(surprise, tau), logits, target, label_smoothing, class_weight)


@loss(
    task="multiclass",
    paper="comp-sum",
    aliases=("constrained_loss", "multicategory_svm"),
    traits=Traits(
        proper=False, classification_calibrated=True, convex=True, bounded=False, nonnegative=True, symmetric=False,
        shift_invariant=True, scale_invariant=False, differentiable=True,
    ),
    ranges={"transform": Choice(("squared_hinge", "exponential", "hinge")), "label_smoothing": LABEL_SMOOTHING},
    ignore_index=-100,
)  # fmt: skip
def constrained_margin(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"] | Float[Tensor, "n c *d"],
    *,
    transform: str = "squared_hinge",
    label_smoothing: float = 0.0,
) -> Float[Tensor, "n *d"]:
    r"""The summed penalties of the wrong classes' scores, under the constraint that the scores of an item sum to zero.

    The constraint is met by taking the mean score away, f = z - \bar z:

    .. math:: \ell = \sum_{k \ne y} \Phi(-f_k), \qquad
        \Phi(t) = \max(0, 1 - t)^2,\; e^{-t} \text{ or } \max(0, 1 - t)

    For a soft or smoothed target it is the expected loss of a class drawn from it.

    Args:
        logits: (n, c, *d) unnormalised scores z.
        target: (n, *d) class indices y, or (n, c, *d) probabilities t.
        transform: Φ: "squared_hinge", "exponential" or "hinge". Beyond the square root of the largest float the
            exponential goes on as a line; a gradient in float16 may overflow.
        label_smoothing: in [0, 1].

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, a label_smoothing outside [0, 1],
            another transform.

    Example:
        >>> logits = torch.tensor([[2.0, -1.0, -1.0]])
        >>> perdita.functional.constrained_margin(logits, torch.tensor([0])).item()
        0.0

    Source:
        Lee, Lin, Wahba, "Multicategory Support Vector Machines", JASA 2004 (hinge); Awasthi, Mao, Mohri, Zhong,
        "Multi-class H-consistency bounds", NeurIPS 2022: the constrained losses beside which arXiv 2304.07288 puts
        `comp_sum`. Its sum-exponential loss is `comp_sum` with tau = 0.
    """
    scores = logits - logits.mean(1, keepdim=True)
    if transform == "exponential":
        penalty = 1 + steady_expm1(scores)
    else:
        penalty = torch.relu(1 + scores)
        penalty = penalty.square() if transform == "squared_hinge" else penalty
    return of_others(penalty, target, label_smoothing)


def margin_shift(
    logits: Float[Tensor, "n c *d"], target: Int[Tensor, "n *d"], adversarial_logits: Float[Tensor, "n c *d"]
) -> Float[Tensor, "n *d"]:
    """Euclidean distance between the vectors of margins z_y - z_k before and after an attack."""
    change = adversarial_logits - logits
    return safe_norm(pick(change, target).unsqueeze(1) - change, dim=1)


@loss(
    task="adversarial",
    paper="comp-sum",
    aliases=("adv_comp_sum",),
    traits=Traits(nonnegative=True, bounded=False, shift_invariant=True, scale_invariant=False),
    ranges={
        "tau": TAU,
        "rho": Range(0, open="low", search=(0.5, 4.0), log=True),
        "shift_weight": Range(0, search=(0.05, 1.0), log=True),
    },
    cost=Cost(passes=5),
)  # fmt: skip
def smooth_adversarial_comp_sum(
    logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    adversarial_logits: Float[Tensor, "n c *d"],
    *,
    tau: float = 1.0,
    rho: float = 1.0,
    shift_weight: float | None = None,
) -> Float[Tensor, "n *d"]:
    r"""Comp-sum loss of the clean scores, plus how far an attack moves the vector of margins.

    With the margins m_k = z_y - z_k of the clean scores z and m'_k of the attacked scores z':

    .. math:: \ell = \Phi_\tau\Big(\sum_{k \ne y} e^{-m_k / \text{rho}}\Big) + \text{shift\_weight}\,\|m' - m\|_2

    and Φ as in `comp_sum`. Only the second term is attacked: `perdita.training.adversarial.perturb` looks for the input
    that makes it largest. With shift_weight at least sqrt(c - 1) / rho the loss lies above the adversarial loss
    max over x' of Φ(Σ min(max(0, 1 - m'_k / rho), 1)); in small trials a much smaller weight was more accurate.

    Args:
        logits: (n, c, *d) scores of the clean inputs.
        target: (n, *d) class indices y.
        adversarial_logits: (n, c, *d) scores of the attacked inputs.
        tau: as in `comp_sum`.
        rho: width of the margin, above 0.
        shift_weight: at least 0; None takes the bound's, sqrt(c - 1) / rho.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, a negative tau or shift_weight, a rho that is not above 0.

    Example:
        >>> clean, attacked = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
        >>> perdita.functional.smooth_adversarial_comp_sum(clean, torch.tensor([0]), attacked).item()
        2.2395...

    Source:
        Mao, Mohri, Zhong, "Cross-Entropy Loss Functions: Theoretical Analysis and Applications", ICML 2023,
        arXiv 2304.07288, section 5. No code was released. The paper's constant was not seen; that of the bound here
        follows from exp(-t) >= min(max(0, 1 - t), 1), whose right side has slope at most 1, and Φ' <= 1.
    """
    weight = math.sqrt(logits.shape[1] - 1) / rho if shift_weight is None else shift_weight
    clean = comp_sum_of(cross_entropy.per_example(logits / rho, target), tau)
    return clean + weight * margin_shift(logits, target, adversarial_logits)
