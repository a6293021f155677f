"""A proper loss whose link is learned: scores pass through gradients of convex functions on their way to a softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import nn

from perdita.core import Choice, Cost, Criterion, InputError, Range, Traits, component, loss
from perdita.losses.classification.convex_networks import ConvexGradient, chained, moved
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.classification.soft_labels import expected

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@component("legendretron")
class LegendreLink(nn.Module):
    r"""Scores of all classes but the last → log-probabilities: gradients of convex functions, then a softmax.

    Each block's Jacobian is symmetric and positive definite. That of several blocks, or of blocks and softmax together,
    is not symmetric with three classes or more, so only a single block before the softmax is a canonical link's inverse
    up to that softmax. The paper's theorem about the composition was not verified.

    Args:
        classes: number of classes c, at least 2; the last has the score 0.
        blocks: number of gradient blocks.
        hidden, depth: of each `InputConvexNet`.
        per_coordinate: whether the square in each block has a weight for every score, or one for all.
    """

    def __init__(
        self, classes: int, *, blocks: int = 2, hidden: int = 2, depth: int = 4, per_coordinate: bool = False
    ) -> None:
        super().__init__()
        sizes = {"hidden": hidden, "depth": depth, "per_coordinate": per_coordinate}
        self.blocks = nn.ModuleList(ConvexGradient(classes - 1, **sizes) for _ in range(blocks))

    def transform(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, "n k"]:
        """The scores after the blocks, before the softmax."""
        return moved(self.blocks, scores)

    def forward(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, "n c"]:
        zero = scores.new_zeros(len(scores), 1)  # joined, not padded, as a padding's backward pass copies
        return torch.cat([self.transform(scores), zero], 1).log_softmax(1)

    @torch.no_grad()
    def fit(self, scores: Float[Tensor, "n k"]) -> None:
        """Standardise every ActNorm on these scores, once before training."""
        for block in self.blocks:
            block.net.fit(scores)
            scores = block(scores)


@loss(
    task="multiclass",
    paper="legendretron",
    aliases=("legendretron", "learned_proper_loss"),
    traits=Traits(bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True),
    ranges={
        "classes": Range(2, integer=True),
        "blocks": Range(1, search=(1, 3), integer=True),
        "hidden": Range(2, integer=True),
        "depth": Range(1, search=(1, 4), integer=True),
        "per_coordinate": Choice((False, True)),
    },
    cost=Cost(time="n c + n c hidden depth blocks", passes=6),
    ignore_index=-100,
)
class LegendreLoss(Criterion):
    r"""Negative log-likelihood under a link from scores to probabilities that is learned with the model.

    With v the chain of gradient blocks of `LegendreLink` over the scores' differences to the last class:

    .. math:: \ell = -\log \mathrm{softmax}([v(z_1 - z_c, \dots, z_{c-1} - z_c),\, 0])_y

    The log-likelihood is proper in the probabilities; what is learned is the way from scores to them. The most probable
    class need not be the one with the largest score: predict with ``log_prob``. The paper adds a squared penalty on all
    parameters, the link's too; an optimiser's decoupled decay is not the same.

    Args:
        classes: number of classes c, at least 2.
        blocks: gradient blocks; with one the link before the softmax is an exact gradient.
        hidden: width of the convex networks, even.
        depth: their number of layers.
        per_coordinate: whether the square in each block has a weight for every score, or one for all.
        logits: (n, c) scores z, when called; a model with c - 1 scores pads them with a zero.
        target: (n,) class indices y, or (n, c) probabilities, when called; of these the value is the expected one.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, soft targets that do not sum to one, an odd hidden, scores of
            another number of classes.

    Example:
        >>> criterion = perdita.LegendreLoss(classes=3)
        >>> criterion.log_prob(torch.zeros(2, 3)).exp().sum(1)
        tensor([1.0000, 1.0000], grad_fn=<SumBackward1>)

    Source:
        Lam, Walder, Penev, Nock, "LegendreTron: Uprising Proper Multiclass Loss Learning", ICML 2023, arXiv 2301.11695.
        In the released code an activation norm that is loaded from a file fits itself anew to its first batch and so
        loses what was loaded; here it is fitted by `fit` alone. Its softmax leaves the last class's zero out of the
        maximum that it takes away, and can overflow; this one cannot.
    """

    def __init__(
        self,
        *,
        classes: int,
        blocks: int = 2,
        hidden: int = 2,
        depth: int = 4,
        per_coordinate: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = -100,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.classes = classes
        self.link = LegendreLink(classes, blocks=blocks, hidden=hidden, depth=depth, per_coordinate=per_coordinate)

    def per_example(
        self, logits: Float[Tensor, "n c"], target: Int[Tensor, "n"] | Float[Tensor, "n c"]
    ) -> Float[Tensor, "n"]:
        """Minus the log-probability of the target."""
        if self.options["per_coordinate"] or target.is_floating_point():
            return -expected(self.log_prob(logits), target)  # type: ignore[operator]
        self._check(logits)
        # one number less for each item changes neither value nor slope, where the readers see it for the last class
        apart = (logits - logits[:, -1:].detach()).to(self.link.blocks[0].net_weight.dtype)
        kept, numbers, spread = chained(
            self.link.blocks, lambda readers: apart @ torch.cat([readers, -readers.sum(1, keepdim=True)], 1).T
        )
        scores = torch.addmm(apart * kept, numbers, F.pad(spread, (0, 1)))
        return cross_entropy.per_example(scores, target).to(logits.dtype)

    def log_prob(self, logits: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """The log-probability of every class."""
        return self.link(self._differences(logits)).to(logits.dtype)

    def fit(self, logits: Float[Tensor, "n c"]) -> None:
        """Standardise the convex networks' activations on these scores, once before training."""
        self.link.fit(self._differences(logits))

    def _check(self, logits: Float[Tensor, "n c"]) -> None:
        if (got := logits.shape[1]) != self.classes:
            raise InputError(f"logits must have {self.classes} classes, as the loss was made for, not {got}")

    def _differences(self, logits: Float[Tensor, "n c"]) -> Float[Tensor, "n k"]:
        self._check(logits)
        scores, last = logits.split([self.classes - 1, 1], 1)  # whose backward pass is one copy, two slices make five
        return (scores + -last).to(self.link.blocks[0].net_weight.dtype)
