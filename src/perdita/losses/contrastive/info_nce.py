"""Softmax over one positive and many negatives: two views, labelled batches, and a temperature that is learnt."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import Cost, Criterion, Range, Traits, loss
from perdita.losses.contrastive.sup_con import sup_con
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp, masked_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(0.01, 1.0), log=True)


@pair_loss(
    views=True,
    aliases=(
        "InfoNCE", "clip_loss", "multiple_negatives_ranking", "mnrl", "MultipleNegativesRankingLoss",
        "MultipleNegativesSymmetricRankingLoss",
    ),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"temperature": TEMPERATURE},
)  # fmt: skip
def info_nce(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.07,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Cross-entropy of finding an anchor's counterpart among all counterparts.

    With s_ij the similarity of anchor i and item j of the second view, or of the further negatives:

    .. math:: \ell_i = -\log \frac{e^{s_{ii} / T}}{\sum_j e^{s_{ij} / T}}

    With ``negative`` it is the multiple negatives ranking loss with hard negatives (every anchor meets all of them),
    with ``symmetric`` the loss of CLIP. Items of one ``label`` leave the sum, but for the counterpart.

    Args:
        temperature: T; 0.07 in MoCo and at CLIP's start, 0.05 (a scale of 20) in sentence-transformers.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, views that differ in shape, an unknown similarity or selection.

    Example:
        >>> first, second = torch.eye(2), torch.eye(2)
        >>> perdita.functional.info_nce(first, second, temperature=1.0).item()
        0.31326...

    Source:
        van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018, arXiv 1807.03748,
        equation 4; symmetric: Radford et al., arXiv 2103.00020; ranking: Henderson et al., 2017, arXiv 1705.00652.
    """
    return sup_con.pairs.rows(similarity, positive, negative, temperature=temperature)


@pair_loss(
    aliases=("NTXentLoss", "nt_xent_loss"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"temperature": TEMPERATURE},
)
def nt_xent(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.07,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Cross-entropy of finding each positive among the anchor's negatives, the mean over its positives.

    .. math:: \ell = \frac{1}{|P|} \sum_{p \in P} -\log \frac{e^{s_p / T}}{e^{s_p / T} + \sum_{n \in N} e^{s_n / T}}

    For two views give both below each other, with label i for either view of item i. Unlike in `sup_con`, an anchor's
    other positives are not in the sum. An anchor without a positive has the value 0 and is not counted in the mean.

    Args:
        temperature: T.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
        >>> perdita.functional.nt_xent(views, torch.tensor([0, 1, 0, 1]), temperature=1.0).item()
        0.55144...

    Source:
        Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NeurIPS 2016; Chen et al., "A
        Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, arXiv 2002.05709, equation 1.
    """
    logits = similarity / temperature
    gap = masked_logsumexp(logits, negative).unsqueeze(1) - logits  # (b, m)
    value = masked_mean(F.softplus(gap, threshold=40.0), positive)
    return value, positive.any(1)


@loss(
    task="embedding",
    rowwise=False,
    traits=Traits(convex=False, nonnegative=True),
    ranges={"temperature": TEMPERATURE, "largest_scale": Range(1)},
    cost=Cost(time="n n d", memory="n n"),
)
class LearnedInfoNce(Criterion):
    r"""InfoNCE of two views whose temperature is a parameter.

    The values of `info_nce` at the temperature T = 1 / min(e^{log_scale}, largest_scale), log_scale being learnt.

    Args:
        first: (n, d) the anchors.
        second: (n, d) their counterparts: item i belongs to anchor i.
        negative: (m, d) further items that belong to no anchor.
        label: (n,) items of one label are no negatives of each other.
        temperature: at the start.
        largest_scale: the largest 1 / T; at it the parameter gets no gradient, and 100 is CLIP's.
        symmetric: whether the value is the mean of both directions.
        similarity: as for `info_nce`.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, a scale below 1, views that differ in shape, an unknown similarity.

    Example:
        >>> criterion = perdita.LearnedInfoNce(temperature=1.0)
        >>> criterion(torch.eye(2), torch.eye(2)).item()
        0.31326...

    Source:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021,
        arXiv 2103.00020, figure 3 and section 2.5.
    """

    pairs = info_nce.pairs

    def __init__(
        self,
        *,
        temperature: float = 0.07,
        largest_scale: float = 100.0,
        symmetric: bool = True,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.largest_scale, self.symmetric, self.similarity = largest_scale, symmetric, similarity
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def pair_options(self, label: Int[Tensor, "n"] | None = None) -> dict[str, Any]:
        """The options of `info_nce`."""
        scale = self.log_scale.exp().clamp(max=self.largest_scale)
        return {"temperature": 1 / scale, "symmetric": self.symmetric, "similarity": self.similarity}

    def per_example(
        self,
        first: Float[Tensor, "n d"],
        second: Float[Tensor, "n d"],
        *,
        negative: Float[Tensor, "m d"] | None = None,
        label: Int[Tensor, "n"] | None = None,
        mask: Bool[Tensor, "n"] | None = None,
    ) -> Float[Tensor, "n"]:
        """One value for each anchor."""
        return self.pairs.on_views(first, second, negative=negative, label=label, mask=mask, **self.pair_options())
