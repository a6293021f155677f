"""How the similarities of a batch's positive pairs, and those of its negative ones, are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Cost, Range, Traits, loss
from perdita.losses.embedding.whole_batch.square import square

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

ALL_PAIRS = Cost(time="n n d", memory="n n", passes=8)
EPSILON = Range(0, 1, search=(0.0, 0.1))


@loss(
    task="embedding",
    rowwise=False,
    aliases=("HistogramLoss", "histogram_loss"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=False),
    ranges={"bins": Range(1, integer=True, search=(20, 200))},
    cost=ALL_PAIRS,
)
def similarity_histogram(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    bins: int = 100,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""How likely a random negative pair is more similar than a random positive one, from soft histograms.

    With h^+ and h^- the shares of the cosines of positive and of negative pairs at bins + 1 nodes from -1 to 1, each
    cosine shared linearly by the two nodes nearest to it:

    .. math:: \ell = \sum_r h^-_r \sum_{q \le r} h^+_q

    It needs all pairs at once, and so does not go by blocks.

    Args:
        embedding: (n, d) items, of any length.
        label: (n,) items of one label belong together; any integers >= 0.
        bins: between -1 and 1.
        mask: (n,); items where it is False are not there.

    Returns:
        One value in [0, 1] for the batch; 0 where it has no positive or no negative pair.

    Raises:
        InputError: bins below 1, labels below 0.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.similarity_histogram(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.25...

    Source:
        Ustinova, Lempitsky, "Learning Deep Embeddings with Histogram Loss", NeurIPS 2016, arXiv 1611.00822.
    """
    scores, positive, negative = square(embedding, label, mask)
    place = ((scores + 1) * (bins / 2)).clamp(0, bins).flatten()
    low = place.detach().floor().clamp(max=bins - 1).nan_to_num(0.0)
    share, node = place - low, low.long()

    def density(pairs: Bool[Tensor, "n n"]) -> Float[Tensor, "r"]:
        weight = pairs.to(scores.dtype).flatten()
        found = (0.0 * place.sum()).expand(bins + 1)
        found = found.scatter_add(0, node, weight * (1 - share)).scatter_add(0, node + 1, weight * share)
        return found / weight.sum().clamp(min=1)

    return (density(negative) * density(positive).cumsum(0)).sum()


@loss(
    task="embedding",
    rowwise=False,
    aliases=("IntraPairVarianceLoss",),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"positive_slack": EPSILON, "negative_slack": EPSILON},
    cost=ALL_PAIRS,
)
def intra_pair_variance(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    positive_slack: float = 0.01,
    negative_slack: float = 0.01,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Squares of how far positive pairs lie below their mean cosine, and negative pairs above theirs.

    .. math:: \ell = \frac{1}{|P|} \sum_{p \in P} \max(0, (1 - \epsilon_P) \bar s_P - s_p)^2
        + \frac{1}{|N|} \sum_{n \in N} \max(0, s_n - (1 + \epsilon_N) \bar s_N)^2

    Add it to a loss that keeps classes apart: alone it says nothing about where the means lie. The gradient flows
    through the means too. It needs all pairs at once, and so does not go by blocks.

    Args:
        embedding: (n, d) items, of any length.
        label: (n,) items of one label belong together; any integers >= 0.
        positive_slack: epsilon of the positive pairs.
        negative_slack: epsilon of the negative pairs.
        mask: (n,); items where it is False are not there.

    Returns:
        One non-negative value for the batch; a kind without pairs adds 0.

    Raises:
        InputError: a slack outside [0, 1], labels below 0.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.intra_pair_variance(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.04446...

    Source:
        Yu, Tao, "Deep Metric Learning with Tuplet Margin Loss", ICCV 2019.
    """
    scores, positive, negative = square(embedding, label, mask)
    low = (1 - positive_slack) * _mean(scores, positive) - scores
    high = scores - (1 + negative_slack) * _mean(scores, negative)
    return _mean(low.clamp_min(0.0).square(), positive) + _mean(high.clamp_min(0.0).square(), negative)


@loss(
    task="embedding",
    rowwise=False,
    aliases=("ThresholdConsistentMarginLoss", "tcm"),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={
        "positive_threshold": Range(search=(0.5, 1.0)),
        "negative_threshold": Range(search=(0.0, 0.8)),
        "positive_share": Range(0),
        "negative_share": Range(0),
    },
    cost=ALL_PAIRS,
)
def threshold_consistent_margin(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    positive_threshold: float = 0.9,
    negative_threshold: float = 0.5,
    positive_share: float = 1.0,
    negative_share: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Means of how far a batch's hard pairs, and only these, are on the wrong side of a threshold of their kind.

    With P^* the positive pairs below the threshold t_P, N^* the negative pairs above t_N:

    .. math:: \ell = \frac{\lambda_P}{|P^*|} \sum_{p \in P^*} (t_P - s_p)
        + \frac{\lambda_N}{|N^*|} \sum_{n \in N^*} (s_n - t_N)

    Added to a loss that separates classes, it makes one threshold fit all of them. `contrastive` has the means over all
    pairs of an anchor instead, and goes by blocks.

    Args:
        embedding: (n, d) items.
        label: (n,) items of one label belong together; any integers >= 0.
        positive_threshold: t_P, as a similarity: a distance with a minus sign.
        negative_threshold: t_N, likewise.
        positive_share: lambda_P.
        negative_share: lambda_N.
        similarity: as for every pair loss.
        mask: (n,); items where it is False are not there.

    Returns:
        One non-negative value for the batch; a kind without hard pairs adds 0.

    Raises:
        InputError: a negative share, labels below 0, an unknown similarity.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.threshold_consistent_margin(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.31999...

    Source:
        Zhang et al., "Threshold-Consistent Margin Loss for Open-World Deep Metric Learning", ICLR 2024,
        arXiv 2307.04047.
    """
    scores, positive, negative = square(embedding, label, mask, similarity)
    pull, push = positive_threshold - scores, scores - negative_threshold
    return positive_share * _mean(pull, positive & (pull > 0)) + negative_share * _mean(push, negative & (push > 0))


def _mean(values: Float[Tensor, "n n"], pairs: Bool[Tensor, "n n"]) -> Float[Tensor, ""]:
    share = pairs.to(values.dtype)
    return (values * share).sum() / share.sum().clamp(min=1)
