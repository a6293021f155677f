"""Every positive of a batch against every negative of it, across queries: the area under the pooled ROC curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, InputError, Range, Traits, component, loss
from perdita.losses.ranking.pair_sums import LOGISTIC, Pairs, pair_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float
    from torch import Tensor


def _is_there(rows: Sequence[Tensor], columns: Sequence[Tensor]) -> Tensor:
    return columns[0]


@loss(
    task="ranking",
    paper="mw-auc",
    rowwise=False,
    aliases=("mw_loss", "MannWhitneyLoss", "auc_loss"),
    traits=Traits(convex=True, bounded=False, nonnegative=True, scale_invariant=False, differentiable=True),
    ranges={
        "temperature": Range(0, open="low", search=(0.01, 1.0), log=True),
        "negatives": Choice(("mean", "sum")),
    },
    cost=Cost(time="n n m", memory="n m", passes=4),
)
def mann_whitney(
    positive: Float[Tensor, "n"],
    negative: Float[Tensor, "n m"],
    *,
    temperature: float = 0.01,
    negatives: str = "mean",
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Logistic loss of each query's positive above all negatives of the batch, those of other queries among them.

    With N all places of ``negative``, whosoever's they are:

    .. math:: \ell_i = \frac{1}{|N|} \sum_{s^- \in N} \log\left(1 + e^{-(s_i^+ - s^-) / T}\right)

    A contrastive loss compares a positive with its own query's negatives alone, so that any number added to all scores
    of a query changes nothing, and one threshold for all queries may be bad. Here it is not: 1 - AUC over the pooled
    scores is at most the mean of this loss divided by log 2. On ranking within a query it may be worse than the
    contrastive loss. The pairs are made block by block, never as a whole.

    Args:
        positive: (n,) score of each query and its own passage; `split_in_batch` finds them in a batch's scores.
        negative: (n, m) scores of each query and passages that are not its own.
        temperature: T; 0.01 in the paper, for cosines.
        negatives: "mean" as above; "sum" without 1/|N|, the paper's scale, which grows with the square of the batch.
        mask: boolean (n, m), False for a negative that is not there (a duplicate of the positive, another passage that
            answers the query), or (n,) for queries. A query without any True is left out.

    Returns:
        (n,) non-negative values; 0 where there are no negatives.

    Raises:
        InputError: a temperature that is not above 0, other negatives, shapes that do not fit.

    Example:
        >>> positive, negative = torch.tensor([1.0, 0.0]), torch.tensor([[0.0], [-1.0]])
        >>> perdita.functional.mann_whitney(positive, negative, temperature=1.0).item()
        0.36164...

    Source:
        Sheikholeslami et al., "Optimizing What Matters: AUC-Driven Learning for Robust Neural Retrieval", 2025, arXiv
        2510.00137, equation 3 with the temperature of lemma 2. A reconstruction: there is no released code.
    """
    counted = torch.ones_like(positive, dtype=torch.bool)
    kept = torch.ones_like(negative, dtype=torch.bool)
    if mask is not None:
        counted, kept = mask.any(1), mask.expand_as(negative)
        positive, negative = torch.where(counted, positive, 0.0), torch.where(kept, negative, 0.0)
    there = kept.to(negative.dtype).reshape(1, -1)
    pooled = negative.reshape(1, -1) / temperature
    total = pair_sums(Pairs(LOGISTIC, _is_there), positive.unsqueeze(0) / temperature, pooled, (), (there,)).squeeze(0)
    return (total / there.sum().clamp(min=1) if negatives == "mean" else total) * counted, counted


@component("mw-auc")
def split_in_batch(scores: Float[Tensor, "n m"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n k"]]:
    """A batch's scores of n queries and m >= n passages, passage i being query i's own, as positives and negatives.

    Returns:
        The diagonal, (n,), and the rest of each row, (n, m - 1): other queries' passages, then all hard negatives.

    Raises:
        InputError: fewer passages than queries.
    """
    n, m = scores.shape
    if m < n:
        raise InputError(f"scores must have a column for each of the {n} queries' own passages, not {m} columns")
    batch = scores[:, :n]
    others = batch.reshape(-1)[1:].reshape(n - 1, n + 1)[:, :-1].reshape(n, n - 1) if n > 1 else batch[:, :0]
    return batch.diagonal(), torch.cat([others, scores[:, n:]], 1)
