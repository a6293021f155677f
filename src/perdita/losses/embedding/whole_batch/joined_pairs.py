"""A pair of one class against the negatives of both of its items."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import most_negative
from perdita.losses.embedding.rows import masked_logsumexp, masked_sum
from perdita.losses.embedding.whole_batch.square import square

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

ALL_PAIRS = Cost(time="n n d", memory="n n", passes=8)


@loss(
    task="embedding",
    rowwise=False,
    aliases=("LiftedStructureLoss",),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"margin": Range(search=(0.2, 2.0))},
    cost=ALL_PAIRS,
)
def lifted_pairs(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    margin: float = 1.0,
    similarity: str | Callable[[Tensor, Tensor], Tensor] = "normalized_euclidean",
    mask: Bool[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    r"""Squared soft maximum of a positive pair's distance and of how close the negatives of both its items come.

    With the distance D = -s, and N_i the negatives of item i:

    .. math:: J_{ij} = D_{ij} + \log \Bigl( \sum_{n \in N_i} e^{\text{margin} - D_{in}}
        + \sum_{n \in N_j} e^{\text{margin} - D_{jn}} \Bigr), \qquad
        \ell_i = \tfrac12 \sum_{j \in P_i} \max(0, J_{ij})^2

    The count of an item is the number of its positives. `lifted_structure` is the later form with an anchor's own
    negatives alone, which goes by blocks; this one needs the whole matrix.

    Args:
        embedding: (n, d) items.
        label: (n,) items of one label belong together; any integers >= 0.
        margin: the distance from which negatives hardly count.
        similarity: as for every pair loss; the negative of a distance.
        mask: (n,); items where it is False are not there.

    Returns:
        (n,) non-negative values: sums over an item's positives.

    Raises:
        InputError: labels below 0, an unknown similarity.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.lifted_pairs(embedding, torch.tensor([0, 0, 1, 1])).item()
        2.48250...

    Source:
        Oh Song, Xiang, Jegelka, Savarese, "Deep Metric Learning via Lifted Structured Feature Embedding", CVPR 2016,
        arXiv 1511.06452, equation 4.
    """
    if len(label) == 0:
        return 0.0 * embedding.sum(1), 0.0 * embedding.sum(1)
    scores, positive, negative = square(embedding, label, mask, similarity)
    close = masked_logsumexp(margin + scores, negative)
    both = torch.logaddexp(close.unsqueeze(1), close.unsqueeze(0))
    value = 0.5 * masked_sum((both - scores).clamp_min(0.0).square(), positive)
    return value, positive.sum(1).to(value.dtype)


@loss(
    task="embedding",
    rowwise=False,
    aliases=("AngularLoss", "angular_loss"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"angle": Range(0, 60, open="low", search=(30.0, 50.0))},
    cost=Cost(time="n n d + n n n", memory="n n", passes=8),
)
def angular(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    angle: float = 40.0,
    mask: Bool[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    r"""How much the triangle of a positive pair and a negative opens at the negative, beyond an angle.

    With unit vectors x and t = tan^2(angle):

    .. math:: \ell_a = \sum_{p \in P_a} \log \Bigl(1 + \sum_{n \in N_a}
        e^{4 t (x_a + x_p)^\top x_n - 2 (1 + t) x_a^\top x_p} \Bigr)

    The count of an item is the number of its positives. The sum over negatives is a product of two (n, n) matrices of
    exponentials, so that no (n, n, n) tensor is made; angles above 60 degrees would not leave enough room in float32.

    Args:
        embedding: (n, d) items, of any length.
        label: (n,) items of one label belong together; any integers >= 0.
        angle: alpha of the paper, in degrees.
        mask: (n,); items where it is False are not there.

    Returns:
        (n,) non-negative values: sums over an item's positives.

    Raises:
        InputError: an angle outside (0, 60], labels below 0.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.angular(embedding, torch.tensor([0, 0, 1, 1])).item()
        1.89472...

    Source:
        Wang, Zhou, Wen, Liu, Lin, "Deep Metric Learning with Angular Loss", ICCV 2017, arXiv 1708.01682.
    """
    scores, positive, negative = square(embedding, label, mask)
    steep = math.tan(math.radians(angle)) ** 2
    logits = (4 * steep * scores).masked_fill(~negative, most_negative(scores.dtype))
    top = logits.detach().amax(1, keepdim=True) if len(label) else logits
    raised = (logits - top).exp() * negative.to(scores.dtype)
    met = raised @ raised.T  # sum over negatives of both: those of one class share them
    some = met > 0
    total = torch.where(some, met, 1.0).log() + torch.where(some, top + top.T, 0.0) - 2 * (1 + steep) * scores
    value = masked_sum(F.softplus(total, threshold=40.0), positive & some)
    return value, positive.sum(1).to(value.dtype)
