"""A sigmoid for every pair of two views: each pair is its own yes-or-no question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import Cost, Criterion, Range, Traits, loss
from perdita.losses.embedding.pairs import pair_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Bool, Float, Int
    from torch import Tensor


@pair_loss(
    views=True,
    aliases=("SigLIP", "sigmoid_pairwise"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"scale": Range(0, open="low", search=(1.0, 100.0), log=True), "bias": Range(search=(-20.0, 0.0))},
)
def siglip(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    scale: float = 10.0,
    bias: float = -10.0,
) -> Float[Tensor, "b"]:
    r"""Logistic loss of every pair: whether it belongs together.

    .. math:: \ell_i = -\log \sigma(t s_{ii} + b) - \sum_{j \ne i} \log \sigma(-(t s_{ij} + b))

    Args:
        scale: t.
        bias: b; far below 0, since most pairs do not belong together.

    Returns:
        (n,) non-negative values, one for each anchor: sums over its pairs.

    Raises:
        InputError: a scale <= 0, views that differ in shape, an unknown similarity or selection.

    Example:
        >>> perdita.functional.siglip(torch.eye(2), torch.eye(2), scale=2.0, bias=-1.0).item()
        0.62652...

    Source:
        Zhai, Mustafa, Kolesnikov, Beyer, "Sigmoid Loss for Language Image Pre-Training", ICCV 2023, arXiv 2303.15343,
        section 3.2.
    """
    logits = scale * similarity + bias
    side = positive.to(logits.dtype) - negative.to(logits.dtype)  # 0 where there is no pair
    return (F.softplus(-side * logits, threshold=40.0) * side.square()).sum(1)


@loss(
    task="embedding",
    rowwise=False,
    traits=Traits(convex=False, nonnegative=True),
    ranges={"scale": Range(0, open="low"), "bias": Range()},
    cost=Cost(time="n n d", memory="n n"),
)
class LearnedSiglip(Criterion):
    r"""The sigmoid loss of two views with its scale and bias as parameters.

    The values of `siglip` with t = e^{log_scale} and b, both learnt.

    Args:
        first: (n, d) the anchors.
        second: (n, d) their counterparts: item i belongs to anchor i.
        negative: (m, d) further items that belong to no anchor.
        label: (n,) items of one label are no negatives of each other.
        scale: t at the start.
        bias: b at the start.
        similarity: as for `siglip`.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a scale <= 0, views that differ in shape, an unknown similarity.

    Example:
        >>> criterion = perdita.LearnedSiglip(scale=2.0, bias=-1.0)
        >>> criterion(torch.eye(2), torch.eye(2)).item()
        0.62652...

    Source:
        Zhai, Mustafa, Kolesnikov, Beyer, "Sigmoid Loss for Language Image Pre-Training", ICCV 2023, arXiv 2303.15343.
    """

    pairs = siglip.pairs

    def __init__(
        self,
        *,
        scale: float = 10.0,
        bias: float = -10.0,
        similarity: str | Callable[[Tensor, Tensor], Tensor] = "cosine",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.similarity = similarity
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def pair_options(self, label: Int[Tensor, "n"] | None = None) -> dict[str, Any]:
        """The options of `siglip`."""
        return {"scale": self.log_scale.exp(), "bias": self.bias, "similarity": self.similarity}

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
