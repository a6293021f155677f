"""The teacher's logits class by class, each with a sigmoid of its own: their common offset is taught as well."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.distillation.soft_targets import TEMPERATURE

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="distillation",
    paper="dhkd",
    aliases=("binarykl", "sigmoid_kl"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE},
    link="sigmoid",
    cost=Cost(passes=4),
)
def binary_kl(
    logits: Float[Tensor, "n c *d"], teacher_logits: Float[Tensor, "n c *d"], *, temperature: float = 2.0
) -> Float[Tensor, "n *d"]:
    r"""Kullback-Leibler divergence of the student's from the teacher's sigmoid of every class, added up.

    With z the student's and t the teacher's logits, T the temperature, σ the sigmoid:

    .. math:: \ell = T^2 \sum_k \mathrm{kl}\big(\sigma(t_k / T) \,\|\, \sigma(z_k / T)\big), \qquad
        \mathrm{kl}(p \,\|\, q) = p \log \frac{p}{q} + (1 - p) \log \frac{1 - p}{1 - q}

    Added to cross-entropy on the same linear head it can hurt: give it an auxiliary head
    (`perdita.nn.auxiliary_head.DualHead`), and see `dual_head_distillation`. Its gradient grows with T.

    Args:
        logits: (n, c, *d) unnormalised scores z of the student.
        teacher_logits: (n, c, *d) those t of the teacher; best from ``torch.no_grad()``.
        temperature: T, above 0.

    Returns:
        (n, *d) non-negative values, a sum over the classes: with many classes they are large.

    Raises:
        InputError: a teacher with another number of classes, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.binary_kl(logits, teacher_logits).item()
        0.44377...

    Source:
        Yang, Zong, Huang, Feng, An, "Dual-Head Knowledge Distillation: Enhancing Logits Utilization with an Auxiliary
        Head", KDD 2025, arXiv 2411.08937. The released code clamps both probabilities to [1e-8, 1 - 1e-8]; here the
        stable form needs no clamp.
    """
    student, teacher = logits / temperature, teacher_logits / temperature
    p = teacher.sigmoid()
    positive = p * (F.logsigmoid(teacher) - F.logsigmoid(student))
    negative = (1 - p) * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return temperature**2 * (positive + negative).sum(1)


@loss(
    task="distillation",
    paper="dhkd",
    aliases=("binarykl_norm", "normalized_binary_kl"),
    traits=Traits(
        convex=True, bounded=False, nonnegative=True, shift_invariant=False, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE},
    link="sigmoid",
    cost=Cost(passes=4),
)
def binary_kl_norm(
    logits: Float[Tensor, "n c *d"], teacher_logits: Float[Tensor, "n c *d"], *, temperature: float = 2.0
) -> Float[Tensor, "n *d"]:
    r"""How far the sigmoid of each class's logit difference is from one half, added up.

    .. math:: \ell = T^2 \sum_k \mathrm{kl}\big(\tfrac12 \,\|\, \sigma(d_k)\big)
        = T^2 \sum_k \Big( \frac{\mathrm{softplus}(d_k) + \mathrm{softplus}(-d_k)}{2} - \log 2 \Big), \qquad
        d = \frac{z - t}{T}

    Every teacher's logit is on the same footing, however sure the teacher is: the gradient T (σ(d) - 1/2) depends on
    the difference alone and lies between -T/2 and T/2. It is T² log cosh(d / 2), a smooth absolute difference.

    Args:
        logits: (n, c, *d) unnormalised scores z of the student.
        teacher_logits: (n, c, *d) those t of the teacher; best from ``torch.no_grad()``.
        temperature: T, above 0.

    Returns:
        (n, *d) non-negative values, 0 where the logits are equal; a sum over the classes.

    Raises:
        InputError: a teacher with another number of classes, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.binary_kl_norm(logits, teacher_logits).item()
        0.48045...

    Source:
        Yang, Zong, Huang, Feng, An, "Dual-Head Knowledge Distillation", KDD 2025, arXiv 2411.08937. The released code
        clamps the probability to [1e-8, 1 - 1e-8], so that its gradient is 0 beyond |d| = 18.4; here it is not.
    """
    difference = (logits - teacher_logits) / temperature
    both = -(F.logsigmoid(difference) + F.logsigmoid(-difference)) / 2
    return temperature**2 * (both - math.log(2)).sum(1)


@loss(
    task="distillation",
    paper="dhkd",
    aliases=("dhkd", "dual_head_kd"),
    traits=Traits(convex=True, bounded=False, nonnegative=True),
    ranges={
        "temperature": TEMPERATURE,
        "label_weight": Range(0, search=(0.1, 1.0)),
        "teacher_weight": Range(0, search=(0.05, 2.0), log=True),
    },
    ignore_index=-100,
    cost=Cost(passes=6),
)
def dual_head_distillation(
    logits: Float[Tensor, "n c *d"],
    auxiliary_logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    target: Int[Tensor, "n *d"],
    *,
    label_weight: float = 1.0,
    teacher_weight: float = 1.0,
    temperature: float = 2.0,
) -> Float[Tensor, "n *d"]:
    r"""Cross-entropy on the main head and the teacher's logits on an auxiliary one, both on the same backbone.

    .. math:: \ell = \text{label\_weight} \cdot \big( -\log \mathrm{softmax}(z)_y \big)
        + \text{teacher\_weight} \cdot \ell_{\text{norm}}(a, t)

    with the value of `binary_kl_norm` as second term. The main head alone predicts; the auxiliary one
    (`perdita.nn.auxiliary_head.DualHead`) is thrown away after training. The gradients of the two terms may be aligned:
    `perdita.training.gradient_alignment.align_gradients`.

    Args:
        logits: (n, c, *d) unnormalised scores z of the main head.
        auxiliary_logits: (n, c, *d) those a of the auxiliary head.
        teacher_logits: (n, c, *d) those t of the teacher; best from ``torch.no_grad()``.
        target: (n, *d) class indices y.
        label_weight: of the first term, at least 0; the paper's γ, 1.
        teacher_weight: of the second term, at least 0; the paper's α, 1 for CIFAR-100, 0.1 for ImageNet.
        temperature: T of the second term, above 0.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a teacher with another number of classes, labels outside 0..c-1, a negative weight, a temperature
            that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.dual_head_distillation(logits, logits, teacher_logits, torch.tensor([0])).item()
        1.17360...

    Source:
        Yang, Zong, Huang, Feng, An, "Dual-Head Knowledge Distillation", KDD 2025, arXiv 2411.08937.
    """
    taught = binary_kl_norm.per_example(auxiliary_logits, teacher_logits, temperature=temperature)
    return label_weight * cross_entropy.per_example(logits, target) + teacher_weight * taught
