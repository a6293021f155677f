"""A teacher of whom only the most probable classes are kept, so that its predictions fit on a disk."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, InputError, Traits, loss
from perdita.core.numerics import most_negative
from perdita.losses.distillation.soft_targets import TEMPERATURE, softened

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


def keep_top_k(
    teacher_logits: Float[Tensor, "n c"], k: int, *, temperature: float = 1.0
) -> tuple[Int[Tensor, "n k"], Float[Tensor, "n k"]]:
    """The k most probable classes of each row and their log-probabilities in the whole softmax, for the disk.

    Args:
        teacher_logits: (n, c) unnormalised scores.
        k: classes to keep, from 1 to c.
        temperature: the one that `sparse_distillation` will be given.

    Returns:
        (n, k) class indices as int32, and (n, k) log-probabilities in the dtype of the logits, largest first.

    Raises:
        InputError: a k below 1 or above the number of classes, a temperature that is not above 0.
    """
    _check_kept(k, teacher_logits.shape[1])
    TEMPERATURE.check("temperature", temperature)
    log_probs, indices = softened(teacher_logits, temperature).topk(k, dim=1)
    return indices.int(), log_probs


def _check_kept(kept: int, classes: int) -> None:
    if not 1 <= kept <= classes:
        raise InputError(f"k, the number of teacher_indices of a row, must be from 1 to c = {classes}, not {kept}")


@loss(
    task="distillation",
    aliases=("top_k_distillation", "sparse_teacher_kl"),
    traits=Traits(convex=False, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False),
    ranges={"rest": Choice(("bucket", "uniform", "renormalize", "drop")), "temperature": TEMPERATURE},
    domains={"teacher_log_probs": "log_probs"},
    cost=Cost(time="n c", memory="n (c + k)", passes=4),
)
def sparse_distillation(
    logits: Float[Tensor, "n c"],
    teacher_indices: Int[Tensor, "n k"],
    teacher_log_probs: Float[Tensor, "n k"],
    *,
    rest: str = "bucket",
    temperature: float = 1.0,
) -> Float[Tensor, "n"]:
    r"""Kullback-Leibler divergence from a teacher of whom the k most probable classes are known.

    With K the kept classes, p their teacher probabilities, q the student's softened prediction and r = 1 - sum p the
    mass that the teacher gave to all others:

    .. math:: \ell = T^2 \Big( \sum_{k \in K} p_k \log \frac{p_k}{q_k} + R \Big)

    - ``bucket``: R = r log(r / (1 - sum of q over K)). All other classes are one: exact for predictions so coarsened,
      and never more than the divergence from the whole teacher;
    - ``uniform``: r is spread evenly over the others, R = sum over them of u log(u / q) with u = r / (c - k);
    - ``renormalize``: p is made to sum to one and R = 0; the student is then taught that the others are impossible;
    - ``drop``: R = 0, as if what is not kept had not been said; the value can be negative.

    With k = c all are `knowledge_distillation`. The teacher takes O(n k) memory; beside the student's logits there are
    copies of them for "bucket", "uniform" and a temperature other than 1, which a fused linear layer makes in chunks.

    Args:
        logits: (n, c) unnormalised scores of the student.
        teacher_indices: (n, k) kept classes, all different in a row.
        teacher_log_probs: (n, k) their log-probabilities in the whole softmax, as of `keep_top_k`; -inf for a place
            that is not used.
        rest: "bucket", "uniform", "renormalize" or "drop".
        temperature: T, above 0: the one at which the teacher's probabilities were taken.

    Returns:
        (n,) values, at least 0 unless the rest is dropped.

    Raises:
        InputError: more classes kept than the student has, indices outside 0..c-1, log-probabilities above 0, another
            rest, a temperature that is not above 0.

    Example:
        >>> logits, kept = torch.tensor([[2.0, 0.0, 0.0, 0.0]]), torch.tensor([[0, 2]])
        >>> perdita.functional.sparse_distillation(logits, kept, torch.tensor([[0.6, 0.3]]).log()).item()
        0.17349...

    Source:
        Top-k teachers are common practice; no paper. "bucket" is the divergence of the coarsened distributions, which
        the log-sum inequality bounds by that of the full ones.
    """
    kept, classes = teacher_indices.shape[1], logits.shape[1]
    _check_kept(kept, classes)
    indices, scores = teacher_indices.long(), logits if temperature == 1 else logits / temperature
    total = scores.logsumexp(1, keepdim=True)
    log_p = teacher_log_probs.clamp_min(most_negative(teacher_log_probs.dtype))
    if rest == "renormalize":
        log_p = log_p.log_softmax(1)
    p, log_q = log_p.exp(), scores.gather(1, indices) - total  # (n, k)
    value = (p * (log_p - log_q)).sum(1)
    if rest in ("bucket", "uniform") and kept < classes:
        left = (1 - p.sum(1)).clamp_min(0)
        log_left = torch.where(left > 0, left, 1.0).log()
        if rest == "bucket":
            others = scores.scatter(1, indices, most_negative(scores.dtype)).logsumexp(1) - total.squeeze(1)
            value = value + left * (log_left - others)
        else:
            others = (scores - total).sum(1) - log_q.sum(1)
            value = value + left * (log_left - math.log(classes - kept) - others / (classes - kept))
    return temperature**2 * value
