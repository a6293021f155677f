"""Other divergences between a student's and a teacher's prediction, as language models are distilled with.

All take (n, c) logits: give them the rows of (batch, time, vocabulary) that count. Like `knowledge_distillation`, each
is multiplied by the temperature squared.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, InputError, Range, Traits, loss
from perdita.losses.distillation.soft_targets import TEMPERATURE, kl, softened

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def mixture(log_p: Float[Tensor, "n c *d"], log_q: Float[Tensor, "n c *d"], share: float) -> Float[Tensor, "n c *d"]:
    """log(share p + (1 - share) q), for a share inside (0, 1)."""
    return torch.logaddexp(log_p + math.log(share), log_q + math.log1p(-share))


@loss(
    task="distillation",
    aliases=("reverse_kl", "rkl", "mode_seeking_kl"),
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE},
    cost=Cost(passes=4),
)
def reverse_kl_distillation(
    logits: Float[Tensor, "n c *d"], teacher_logits: Float[Tensor, "n c *d"], *, temperature: float = 1.0
) -> Float[Tensor, "n *d"]:
    r"""Kullback-Leibler divergence of the teacher's prediction from the student's, which seeks the teacher's modes.

    .. math:: \ell = T^2 \sum_k q_k \log \frac{q_k}{p_k}, \qquad
        p = \mathrm{softmax}(t / T), \quad q = \mathrm{softmax}(z / T)

    It costs a student nothing to leave out what the teacher finds possible; it costs much to say what the teacher
    finds impossible. Where the student has put all mass on one wrong class, its gradient vanishes.

    Args:
        logits: (n, c, *d) unnormalised scores z of the student.
        teacher_logits: (n, c, *d) those t of the teacher; best from ``torch.no_grad()``.
        temperature: T, above 0.

    Returns:
        (n, *d) values from 0 to -T² log(smallest p).

    Raises:
        InputError: a teacher with another vocabulary, a temperature that is not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.reverse_kl_distillation(logits, teacher_logits).item()
        0.43378...

    Source:
        Gu, Dong, Wei, Huang, "MiniLLM: Knowledge Distillation of Large Language Models", ICLR 2024, arXiv 2306.08543,
        for each token and without its policy gradient over whole sequences.
    """
    return temperature**2 * kl(softened(logits, temperature), softened(teacher_logits, temperature))


@loss(
    task="distillation",
    aliases=("gkd", "generalized_jsd_distillation"),
    traits=Traits(
        convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
    ),
    ranges={"temperature": TEMPERATURE, "teacher_share": Range(0, 1, open="both", search=(0.1, 0.9))},
    cost=Cost(passes=6),
)
def jensen_shannon_distillation(
    logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    *,
    teacher_share: float = 0.5,
    temperature: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Generalised Jensen-Shannon divergence: how far teacher and student are from a mixture of both.

    With p and q the softened predictions of teacher and student, β = teacher_share and m = β p + (1 - β) q:

    .. math:: \ell = T^2 \big( \beta\, \mathrm{KL}(p \,\|\, m) + (1 - \beta)\, \mathrm{KL}(q \,\|\, m) \big)

    Divided by β it tends to the forward divergence as β goes to 0, divided by 1 - β to the reverse one as β goes to 1.
    With β = 1/2 it is the Jensen-Shannon divergence.

    Args:
        logits: (n, c, *d) unnormalised scores of the student.
        teacher_logits: (n, c, *d) those of the teacher; best from ``torch.no_grad()``.
        teacher_share: β, between 0 and 1; `knowledge_distillation` and `reverse_kl_distillation` are the two ends.
        temperature: T, above 0.

    Returns:
        (n, *d) values from 0 to T² times the entropy of (β, 1 - β), at most T² log 2.

    Raises:
        InputError: a teacher with another vocabulary, a share or a temperature outside its range.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.jensen_shannon_distillation(logits, teacher_logits).item()
        0.08954...

    Source:
        Agarwal et al., "On-Policy Distillation of Language Models: Learning from Self-Generated Mistakes", ICLR 2024,
        arXiv 2306.13649, equation 1.
    """
    log_p, log_q = softened(teacher_logits, temperature), softened(logits, temperature)
    log_m = mixture(log_p, log_q, teacher_share)
    return temperature**2 * (teacher_share * kl(log_p, log_m) + (1 - teacher_share) * kl(log_q, log_m))


@loss(
    task="distillation",
    aliases=("skew_kl", "distillm"),
    traits=Traits(bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={"temperature": TEMPERATURE, "skew": Range(0, 1, open="both", search=(0.05, 0.5), log=True)},
    cost=Cost(passes=5),
)
def skewed_kl_distillation(
    logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    *,
    skew: float = 0.1,
    reverse: bool = False,
    temperature: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""Kullback-Leibler divergence from a little of both predictions, so that no ratio of probabilities is infinite.

    With p and q the softened predictions of teacher and student and α = skew:

    .. math:: \ell = T^2\, \mathrm{KL}\big(p \,\|\, \alpha p + (1 - \alpha) q\big), \qquad
        \text{or with reverse} \quad T^2\, \mathrm{KL}\big(q \,\|\, (1 - \alpha) p + \alpha q\big)

    Args:
        logits: (n, c, *d) unnormalised scores of the student.
        teacher_logits: (n, c, *d) those of the teacher; best from ``torch.no_grad()``.
        skew: α, between 0 (the plain divergence) and 1; 0.1 in the paper.
        reverse: whether the divergence starts from the student.
        temperature: T, above 0.

    Returns:
        (n, *d) values from 0 to -T² log(skew).

    Raises:
        InputError: a teacher with another vocabulary, a skew or a temperature outside its range.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.skewed_kl_distillation(logits, teacher_logits).item()
        0.27260...

    Source:
        Ko, Kim, Chen, Yun, "DistiLLM: Towards Streamlined Distillation for Large Language Models", ICML 2024,
        arXiv 2402.03898, equations 2 and 3.
    """
    log_p, log_q = softened(teacher_logits, temperature), softened(logits, temperature)
    start, end = (log_q, log_p) if reverse else (log_p, log_q)
    return temperature**2 * kl(start, mixture(start, end, skew))


@loss(
    task="distillation",
    aliases=("ab_divergence", "abkd"),
    traits=Traits(bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={
        "alpha": Range(0, search=(0.1, 1.0)),
        "beta": Range(0, search=(0.1, 1.0)),
        "temperature": TEMPERATURE,
    },
    cost=Cost(passes=6),
)
def alpha_beta_distillation(
    logits: Float[Tensor, "n c *d"],
    teacher_logits: Float[Tensor, "n c *d"],
    *,
    alpha: float = 0.2,
    beta: float = 0.7,
    temperature: float = 1.0,
) -> Float[Tensor, "n *d"]:
    r"""A family of divergences between forward and reverse: how much confident and wrong classes weigh is chosen apart.

    With p and q the softened predictions of teacher and student:

    .. math:: \ell = \frac{T^2}{\alpha \beta} \sum_k \Big( \frac{\alpha}{\alpha + \beta} p_k^{\alpha + \beta}
        + \frac{\beta}{\alpha + \beta} q_k^{\alpha + \beta} - p_k^{\alpha} q_k^{\beta} \Big)

    and its limits where one of them is 0: α = 1, β = 0 is the forward, α = 0, β = 1 the reverse divergence, and
    α = β = 1/2 is 2 T² sum (√p - √q)², four times the squared Hellinger distance.

    Args:
        logits: (n, c, *d) unnormalised scores of the student.
        teacher_logits: (n, c, *d) those of the teacher; best from ``torch.no_grad()``.
        alpha: at least 0; a smaller one lets classes count that the teacher finds improbable.
        beta: at least 0, not 0 together with alpha; a larger one lets classes count that the student is sure of.
        temperature: T, above 0.

    Returns:
        (n, *d) non-negative values.

    Raises:
        InputError: a teacher with another vocabulary, alpha and beta both 0 or one below, a temperature not above 0.

    Example:
        >>> logits, teacher_logits = torch.tensor([[0.0, 0.0]]), torch.tensor([[2.0, 0.0]])
        >>> perdita.functional.alpha_beta_distillation(logits, teacher_logits, alpha=0.5, beta=0.5).item()
        0.36896...

    Source:
        Wang, Yang, Ma, Zhang, Yang et al., "ABKD: Pursuing a Proper Allocation of the Probability Mass in Knowledge
        Distillation via α-β-Divergence", ICML 2025, arXiv 2505.04560; the divergence is that of Cichocki, Cruces,
        Amari, Entropy 2011.
    """
    log_p, log_q = softened(teacher_logits, temperature), softened(logits, temperature)
    if alpha == 0 and beta == 0:
        raise InputError("alpha and beta must not both be 0")
    if beta == 0:
        terms = _one_sided(log_p, log_q, alpha)
    elif alpha == 0:
        terms = _one_sided(log_q, log_p, beta)
    else:
        total = alpha + beta
        ends = (alpha * (total * log_p).exp() + beta * (total * log_q).exp()) / total
        terms = (ends - (alpha * log_p + beta * log_q).exp()) / (alpha * beta)
    return temperature**2 * terms.sum(1)


def _one_sided(log_p: Float[Tensor, "n c *d"], log_q: Float[Tensor, "n c *d"], power: float) -> Tensor:
    """Terms of the divergence of q^power from p^power, over power squared; neither sums to one."""
    first, second = power * log_p, power * log_q
    return (first.exp() * (first - second) - first.exp() + second.exp()) / power**2
