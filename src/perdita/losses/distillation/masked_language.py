"""A masked language model taught by its teacher's predictions, the text and the teacher's hidden states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, component, loss
from perdita.core.numerics import normalize
from perdita.losses.distillation.soft_targets import TEMPERATURE, kl

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

WEIGHT = Range(0, search=(0.1, 5.0))


def mean_where(values: Float[Tensor, "n t"], counted: Bool[Tensor, "n t"]) -> Float[Tensor, ""]:
    """The mean over the places that count; 0, connected to the graph, where none does."""
    return torch.where(counted, values, 0.0).sum() / counted.sum().clamp_min(1)


@component("distilbert")
def distillation_terms(
    logits: Float[Tensor, "n t c"],
    teacher_logits: Float[Tensor, "n t c"],
    labels: Int[Tensor, "n t"],
    hidden: Float[Tensor, "n t h"],
    teacher_hidden: Float[Tensor, "n t h"],
    *,
    temperature: float = 2.0,
    labelled_only: bool = False,
    mask: Bool[Tensor, "n t"] | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Every term of `masked_language_distillation`, before its weight: teacher, label, next, square and cosine.

    Each is a mean over tokens of its own: shards and accumulated batches need the numbers of those tokens.
    """
    real = torch.ones_like(labels, dtype=torch.bool) if mask is None else mask.expand(labels.shape)
    logits, teacher_logits, hidden, teacher_hidden = (
        torch.where(real.unsqueeze(2), tensor, 0.0) for tensor in (logits, teacher_logits, hidden, teacher_hidden)
    )
    labelled = real & (labels >= 0)
    taught = labelled if labelled_only else real
    log_p, log_q = (F.log_softmax(scores / temperature, 2) for scores in (teacher_logits, logits))
    surprise = -F.log_softmax(logits, 2)
    known = torch.where(labelled, labels, 0).long()
    following = known[:, 1:].unsqueeze(2)
    cosine = (normalize(hidden) * normalize(teacher_hidden)).sum(2)
    return {
        "teacher": temperature**2 * mean_where(kl(log_p.movedim(2, 1), log_q.movedim(2, 1)), taught),
        "label": mean_where(surprise.gather(2, known.unsqueeze(2)).squeeze(2), labelled),
        "next": mean_where(surprise[:, :-1].gather(2, following).squeeze(2), labelled[:, 1:]),
        "square": mean_where((logits - teacher_logits).square().sum(2), taught),
        "cosine": mean_where(1 - cosine, real),
    }


@loss(
    task="distillation",
    paper="distilbert",
    aliases=("distilbert", "distil_triple_loss", "triple_distillation"),
    traits=Traits(bounded=False, nonnegative=True, convex=True, shift_invariant=True, scale_invariant=False),
    ranges={
        "teacher_weight": WEIGHT, "label_weight": WEIGHT, "cosine_weight": WEIGHT, "square_weight": WEIGHT,
        "next_weight": WEIGHT, "temperature": TEMPERATURE,
    },
    ignore_index=-100,
    cost=Cost(time="n t c", memory="n t c", passes=8),
)  # fmt: skip
def masked_language_distillation(
    logits: Float[Tensor, "n t c"],
    teacher_logits: Float[Tensor, "n t c"],
    labels: Int[Tensor, "n t"],
    hidden: Float[Tensor, "n t h"],
    teacher_hidden: Float[Tensor, "n t h"],
    *,
    teacher_weight: float = 5.0,
    label_weight: float = 2.0,
    cosine_weight: float = 1.0,
    square_weight: float = 0.0,
    next_weight: float = 0.0,
    temperature: float = 2.0,
    labelled_only: bool = False,
    mask: Bool[Tensor, "n t"] | None = None,
) -> Float[Tensor, ""]:
    r"""Teacher's predictions, masked tokens and the direction of the teacher's hidden states, in one sum.

    With z, t the logits and g, h the last hidden states of student and teacher at each token, R the real tokens, M
    those of them with a label y, and T the temperature:

    .. math:: \ell = 5\, \underset{R}{\mathrm{mean}}\; T^2\, \mathrm{KL}\big(\mathrm{softmax}(t / T) \,\|\,
        \mathrm{softmax}(z / T)\big) + 2\, \underset{M}{\mathrm{mean}}\, \big({-\log \mathrm{softmax}(z)_y}\big)
        + \underset{R}{\mathrm{mean}}\, \big(1 - \cos(g, h)\big)

    with the weights that are the arguments; the terms have denominators of their own, and one without tokens is 0.
    `distillation_terms` gives them apart. The layout (sequences, tokens, vocabulary) is that of language models.

    Args:
        logits: (n, t, c) unnormalised scores z of the student.
        teacher_logits: (n, t, c) those t of the teacher, under ``torch.no_grad()`` and in evaluation mode.
        labels: (n, t) token indices, -100 where nothing is predicted.
        hidden: (n, t, h) the student's last hidden states, before the language head.
        teacher_hidden: (n, t, h) the teacher's, of the same width.
        teacher_weight: of the divergence; the recipe of the released code has 5, 2 and 1, and 0.33 for each with
            several processors.
        label_weight: of the cross-entropy of the labels.
        cosine_weight: of the hidden states.
        square_weight: of the squared difference of the logits, summed over the vocabulary; 0 in the recipe.
        next_weight: of the cross-entropy of each next token, for causal models, instead of label_weight.
        temperature: T, above 0; of the divergence alone.
        labelled_only: whether the divergence and the squares are over M instead of R.
        mask: (n, t) or (n,) boolean, the attention mask: False for padding.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: a teacher with another vocabulary or width, labels outside 0..c-1 other than -100, a negative
            weight, a temperature that is not above 0.

    Example:
        >>> logits, hidden = torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])
        >>> labels = torch.tensor([[0]])
        >>> perdita.functional.masked_language_distillation(logits, logits, labels, hidden, -hidden).item()
        3.38629...

    Source:
        Sanh, Debut, Chaumond, Wolf, "DistilBERT, a distilled version of BERT", 2019, arXiv 1910.01108, and its
        released code: the paper prints the first term without its sign and the teacher's entropy.
    """
    terms = distillation_terms(
        logits, teacher_logits, labels, hidden, teacher_hidden,
        temperature=temperature, labelled_only=labelled_only, mask=mask,
    )  # fmt: skip
    others = {"teacher": teacher_weight, "next": next_weight, "square": square_weight, "cosine": cosine_weight}
    return sum((weight * terms[name] for name, weight in others.items() if weight), label_weight * terms["label"])
