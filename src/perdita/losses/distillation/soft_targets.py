"""Softened predictions of a teacher as targets: as they are, standardised, or decoupled into target and rest.

Each loss is multiplied by the temperature squared, so that the size of its gradient does not depend on the temperature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative, pick, safe_norm
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(1.0, 8.0), log=True)


def softened(logits: Float[Tensor, "n c *d"], temperature: float) -> Float[Tensor, "n c *d"]:
    """Log-probabilities of the logits over the temperature."""
    return F.log_softmax(logits / temperature, 1)


def kl(log_p: Float[Tensor, "n c *d"], log_q: Float[Tensor, "n c *d"]) -> Float[Tensor, "n *d"]:
    """Kullback-Leibler divergence of q from p, over dimension 1: sum p (log p - log q)."""
    return (log_p.exp() * (log_p - log_q)).sum(1)


@loss(
    task="distillation",
    aliases=("kd", "hinton_kd", "soft_target_kl"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE},
    cost=Cost(passes=4),
)
def knowledge_distillation(
    logits: Float[Tensor, "n c *d"], teacher_logits: Float[Tensor, "n c *d"], *, temperature: float = 4.0
) -> Float[Tensor, "n *d"]:
    r"""Kullback-Leibler divergence of the student's softened prediction from the teacher's.

    With z the student's and t the teacher's logits, T the temperature:

    .. math:: \ell = T^2 \sum_k p_k \log \frac{p_k}{q_k}, \qquad
        p = \mathrm{softmax}(t / T), \quad q = \mathrm{softmax}(z / T)

    The gradient with respect to z is T (q - p); for a large T it tends to the gradient of half the mean squared
    difference of centred logits. The factor T² is part of the loss: code without it needs its weight divided by T².
    The mean is over items, where ``torch.nn.KLDivLoss(reduction="mean")`` divides by the number of classes as well. A
    temperature of 1 gives the forward divergence that language models are distilled with, on (tokens, vocabulary).

    Args:
        logits: (n, c, *d) unnormalised scores z of the student.
        teacher_logits: (n, c, *d) those t of the teacher. A gradient reaches them, unless they come from
            ``torch.no_grad()``, as a fixed teacher's should.
        temperature: T, above 0; 1 is usual for language models and ImageNet, 4 for CIFAR.

    Returns:
        (n, *d) non-negative values, 0 where both predictions are the same.

    Raises:
        InputError: a teacher with another number of classes, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.knowledge_distillation(logits, teacher_logits, temperature=2.0).item()
        0.44377...

    Source:
        Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531, section 2.
    """
    return temperature**2 * kl(softened(teacher_logits, temperature), softened(logits, temperature))


def standardized(logits: Float[Tensor, "n c *d"]) -> Float[Tensor, "n c *d"]:
    """(z - mean) / standard deviation over the classes, c - 1 in its denominator; constant rows become zero."""
    centred = logits - logits.mean(1, keepdim=True)
    deviation = safe_norm(centred, 1, keepdim=True) / max(logits.shape[1] - 1, 1) ** 0.5
    return centred / torch.where(deviation == 0, 1.0, deviation)


@loss(
    task="distillation",
    aliases=("logit_standardization", "z_score_kd", "normalized_logit_kd"),
    traits=Traits(nonnegative=True, convex=False, bounded=True, shift_invariant=True, scale_invariant=True),
    ranges={"temperature": TEMPERATURE},
    cost=Cost(passes=6),
)
def standardized_distillation(
    logits: Float[Tensor, "n c *d"], teacher_logits: Float[Tensor, "n c *d"], *, temperature: float = 2.0
) -> Float[Tensor, "n *d"]:
    r"""Knowledge distillation of standardised logits: the student learns the teacher's order and gaps, not their scale.

    .. math:: \ell = T^2\, \mathrm{KL}\big(\mathrm{softmax}(S(t) / T) \,\|\, \mathrm{softmax}(S(z) / T)\big), \qquad
        S(z) = \frac{z - \bar z}{\sigma(z)}

    with the mean and the standard deviation (c - 1 in its denominator) over an item's classes. The scale of the
    student's logits stays free, so train it with another term, such as cross-entropy. Constant logits become zero.

    Args:
        logits: (n, c, *d) unnormalised scores z of the student.
        teacher_logits: (n, c, *d) those t of the teacher; best from ``torch.no_grad()``.
        temperature: T, above 0, in standard deviations; the paper has 2, with a weight of 9.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a teacher with another number of classes, a temperature that is not above 0.

    Example:
        >>> logits = torch.tensor([[1.0, 2.0, 4.0]])
        >>> perdita.functional.standardized_distillation(logits, -5 * logits).item()
        1.21896...

    Source:
        Sun, Ren, Li, Wang, Cao, "Logit Standardization in Knowledge Distillation", CVPR 2024, arXiv 2403.01732. The
        released code adds 1e-7 to the standard deviation.
    """
    return knowledge_distillation.per_example(
        standardized(logits), standardized(teacher_logits), temperature=temperature
    )


@loss(
    task="distillation",
    aliases=("dkd", "dkd_loss"),
    traits=Traits(bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={
        "temperature": TEMPERATURE,
        "target_weight": Range(0, search=(0.5, 2.0)),
        "rest_weight": Range(0, search=(0.5, 10.0), log=True),
    },
    ignore_index=-100,
    cost=Cost(passes=8),
)
def decoupled_distillation(
    logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    temperature: float = 4.0,
    target_weight: float = 1.0,
    rest_weight: float = 8.0,
) -> Float[Tensor, "n *d"]:
    r"""Knowledge distillation in two parts with weights of their own: the target against the rest, and within the rest.

    With p and q the softened predictions of teacher and student and y the label:

    .. math:: \ell = T^2 \Big( \alpha\, \mathrm{KL}\big((p_y, 1 - p_y) \,\|\, (q_y, 1 - q_y)\big)
        + \beta\, \mathrm{KL}\Big(\frac{p_{-y}}{1 - p_y} \,\Big\|\, \frac{q_{-y}}{1 - q_y}\Big) \Big)

    with α = target_weight and β = rest_weight. Plain distillation is α = 1, β = 1 - p_y: it hardly teaches the order
    of the other classes where the teacher is sure.

    Args:
        logits: (n, c, *d) unnormalised scores of the student.
        teacher_logits: (n, c, *d) those of the teacher; best from ``torch.no_grad()``.
        target: (n, *d) class indices y.
        temperature: T, above 0.
        target_weight: the paper's α, at least 0.
        rest_weight: the paper's β, at least 0: between 0.5 (ImageNet) and 8 (CIFAR-100) there.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a teacher with another number of classes, labels outside 0..c-1, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([[2.0, 1.0, 0.0]])
        >>> perdita.functional.decoupled_distillation(logits, teacher_logits, torch.tensor([0])).item()
        1.24841...

    Source:
        Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", CVPR 2022, arXiv 2203.08679, equation 7.
    """
    rest_p, rest_q = (
        put(scores / temperature, target, most_negative(scores.dtype)) for scores in (teacher_logits, logits)
    )
    log_p, log_q = softened(teacher_logits, temperature), softened(logits, temperature)
    split_p, split_q = (  # log-probabilities of the target and of all other classes together
        torch.stack([pick(full, target), rest.logsumexp(1) - (scores / temperature).logsumexp(1)], 1)
        for full, rest, scores in ((log_p, rest_p, teacher_logits), (log_q, rest_q, logits))
    )
    within = kl(F.log_softmax(rest_p, 1), F.log_softmax(rest_q, 1))
    return temperature**2 * (target_weight * kl(split_p, split_q) + rest_weight * within)
