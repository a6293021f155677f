"""Pairs mined and weighted by three similarities: their own, and those relative to the anchor's other pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Range, Traits
from perdita.losses.embedding import selection
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import log1p_sum_exp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@pair_loss(
    paper="multi-similarity",
    aliases=("ms_loss", "MultiSimilarityLoss"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={
        "alpha": Range(0, open="low", search=(0.5, 20.0), log=True),
        "beta": Range(0, open="low", search=(5.0, 100.0), log=True),
        "base": Range(search=(0.0, 1.0)),
        "epsilon": Range(0, search=(0.0, 0.5)),
    },
)
def multi_similarity(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    epsilon: float = 0.1,
    mining: bool = True,
) -> Float[Tensor, "b"]:
    r"""Soft maximum of an anchor's far positives and close negatives, among those pairs that mining keeps.

    With P and N the kept positives and negatives of an anchor:

    .. math:: \ell = \frac{1}{\alpha} \log \Bigl(1 + \sum_{k \in P} e^{-\alpha (s_k - \text{base})}\Bigr)
        + \frac{1}{\beta} \log \Bigl(1 + \sum_{k \in N} e^{\beta (s_k - \text{base})}\Bigr)

    Mining keeps negative j where s_j + epsilon > min over the positives, and positive j where s_j - epsilon < max over
    the negatives; no gradient flows through that choice. An anchor that lacks positives or negatives keeps nothing; its
    value is 0, and it counts in the mean. `perdita.kernels.pair_weights` shows what each pair weighs.

    Args:
        alpha: sharpness over the positives.
        beta: sharpness over the negatives.
        base: the similarity around which pairs begin to count; 0.5 in the authors' code.
        epsilon: slack of the mining.
        mining: False keeps every pair.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: alpha, beta <= 0, epsilon < 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.multi_similarity(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.33937...

    Source:
        Wang, Han, Huang, Dong, Scott, "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning",
        CVPR 2019, arXiv 1904.06627, equations 10 to 13. The authors' code drops pairs of similarity 1 as the item
        itself; here an item is left out by its place, so that exact duplicates count.
    """
    if mining:
        positive, negative = selection.multi_similarity(similarity.detach(), positive, negative, epsilon=epsilon)
    far = log1p_sum_exp(-alpha * (similarity - base), positive) / alpha
    close = log1p_sum_exp(beta * (similarity - base), negative) / beta
    return far + close
