"""What a language model says of an image, question by question, as targets beside the label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@loss(
    task="distillation",
    paper="multi-aspect-kd",
    aliases=("makd", "multi_aspect_kd"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True),
    ranges={"aspect_weight": Range(0, search=(0.5, 8.0), log=True), "label_weight": Range(0, search=(0.1, 1.0))},
    domains={"aspect_target": "unit"},
    ignore_index=-100,
    cost=Cost(time="n (c + q)", memory="n (c + q)", passes=4),
)
def multi_aspect_distillation(
    logits: Float[Tensor, "n c"],
    aspect_logits: Float[Tensor, "n q"],
    target: Int[Tensor, "n"],
    aspect_target: Float[Tensor, "n q"],
    *,
    aspect_mask: Bool[Tensor, "n q"] | None = None,
    aspect_weight: float = 4.0,
    label_weight: float = 1.0,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of the label, and binary cross-entropy of every question's probability of "yes".

    With z the class logits, a the aspect logits, q_j the aspect targets and A_i the questions answered for item i:

    .. math:: \ell_i = \text{label\_weight} \cdot \big( -\log \mathrm{softmax}(z)_y \big) + \text{aspect\_weight} \cdot
        \frac{1}{|A_i|} \sum_{j \in A_i} \big( \mathrm{softplus}(a_j) - q_j a_j \big)

    An item without answers, or without questions, has the first term alone. Soft answers leave their entropy in the
    value. Both kinds of logits come from one layer, `perdita.training.aspect_answers.extend_classifier`; the class
    logits alone predict. The answers: `perdita.training.aspect_answers.answer_aspects`.

    Args:
        logits: (n, c) unnormalised scores z of the classes.
        aspect_logits: (n, q) those a of the questions.
        target: (n,) class indices y.
        aspect_target: (n, q) probabilities of "yes", in [0, 1].
        aspect_mask: (n, q) where the answer is known; everywhere unless given.
        aspect_weight: of the second term, at least 0; the paper's α, 4.
        label_weight: of the first term, at least 0.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, answers outside [0, 1], shapes that do not fit, a negative weight.

    Example:
        >>> logits, aspect_logits = torch.zeros(1, 2), torch.zeros(1, 3)
        >>> answers = torch.tensor([[1.0, 0.0, 0.5]])
        >>> perdita.functional.multi_aspect_distillation(logits, aspect_logits, torch.tensor([0]), answers).item()
        3.46573...

    Source:
        Lee, Bang, Kwon, Kim, "Multi-aspect Knowledge Distillation with Large Language Model", CVPR 2025 workshop on
        fine-grained visual categorization, arXiv 2501.13341, as in the authors' code: a mean over the questions, so
        that the weight does not depend on their number. Its field "temperature" has no effect there, and is not here.
    """
    values = F.binary_cross_entropy_with_logits(aspect_logits, aspect_target, reduction="none")  # (n, q)
    known = torch.ones_like(values, dtype=torch.bool) if aspect_mask is None else aspect_mask
    taught = torch.where(known, values, 0.0).sum(1) / known.sum(1).clamp(min=1)
    return label_weight * cross_entropy.per_example(logits, target) + aspect_weight * taught
