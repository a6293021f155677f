"""Familiar pair losses in the form in which they are submodular: SupCon, soft nearest neighbours, triplet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Range, Traits
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp, masked_sum

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(0.05, 1.0), log=True)


@pair_loss(paper="score-submodular", traits=Traits(convex=False), ranges={"temperature": TEMPERATURE})
def submodular_sup_con(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.07,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Soft maximum over an anchor's negatives less its similarities to its positives, over the number of items.

    With n = 1 + |P| + |N| items:

    .. math:: \ell = \log \sum_{k \in N} e^{s_k / T} - \frac1n \sum_{p \in P} s_p / T

    Unlike in `sup_con` the positives are not in the logarithm, and a class counts by its size. An anchor without a
    negative has the value 0 and is not counted in the mean.

    Args:
        temperature: T.

    Returns:
        (n,) values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.submodular_sup_con(embedding, torch.tensor([0, 0, 1, 1]), temperature=1.0).item()
        1.06337...

    Source:
        Majee, Kothawade, Killamsetty, Iyer, "SCoRe: Submodular Combinatorial Representation Learning", ICML 2024,
        arXiv 2310.00165, as the authors' code has it, but for each row's largest logit, which the code subtracts from
        both terms: it moves the value and not the gradient.
    """
    some = negative.any(1)
    items = (1 + positive.sum(1) + negative.sum(1)).to(similarity.dtype)
    logits = similarity / temperature
    value = masked_logsumexp(logits, negative) - masked_sum(logits, positive) / items
    return torch.where(some, value, 0.0), some


@pair_loss(paper="score-submodular", traits=Traits(convex=False, nonnegative=True), ranges={"temperature": TEMPERATURE})
def submodular_neighbors(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.07,
) -> Float[Tensor, "b"]:
    r"""Soft maxima of an anchor's squared distances to its positives and of its similarities to its negatives.

    With D^2 = 2 - 2 s, the squared distance on the unit sphere:

    .. math:: \ell = \log\Bigl(1 + |N| + \sum_{p \in P} e^{D_p^2 / T}\Bigr)
        + \log\Bigl(1 + |P| + \sum_{n \in N} e^{s_n / T}\Bigr)

    The similarity is meant to be the cosine.

    Args:
        temperature: T.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.submodular_neighbors(embedding, torch.tensor([0, 0, 1, 1]), temperature=1.0).item()
        3.21964...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165, as the authors' code has it: what a mask takes out of a sum enters
        it as e^0.
    """
    own, others = (1 + mask.sum(1).to(similarity.dtype) for mask in (positive, negative))
    far = masked_logsumexp((2 - 2 * similarity) / temperature, positive)
    near = masked_logsumexp(similarity / temperature, negative)
    return torch.logaddexp(far, others.log()) + torch.logaddexp(near, own.log())


@pair_loss(paper="score-submodular", traits=Traits(convex=False), ranges={"temperature": TEMPERATURE})
def submodular_triplet(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "b"]:
    r"""An anchor's squared similarities to its negatives less those to its positives.

    .. math:: \ell = \frac1T \Bigl(\sum_{n \in N} s_n^2 - \sum_{p \in P} s_p^2\Bigr)

    Args:
        temperature: T.

    Returns:
        (n,) values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.submodular_triplet(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.18079...

    Source:
        Majee et al., ICML 2024, arXiv 2310.00165. The authors' code has the opposite sign, by which classes would
        attract each other, and subtracts each row's largest term; neither is followed here.
    """
    square = similarity.square() / temperature
    return masked_sum(square, negative) - masked_sum(square, positive)
