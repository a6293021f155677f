"""Calibration errors of a batch that have a gradient: terms to add to a loss, each one value for the whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import one_hot
from perdita.core.reduction import align
from perdita.losses.calibration.correctness import correctness
from perdita.losses.calibration.rank_mixup import confidence

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

TRAITS = Traits(nonnegative=True, bounded=True, convex=False, shift_invariant=True, scale_invariant=False)


def counted(
    logits: Float[Tensor, "n c"], weight: Float[Tensor, "n"] | None, mask: Bool[Tensor, "n"] | None
) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n"]]:
    """The logits, 0 where masked, and each item's share of the batch; the shares sum to one unless nothing is left."""
    share = torch.ones_like(logits[:, 0])
    if weight is not None:
        share = share * align(weight, share.shape, "weight").to(share.dtype)
    if mask is not None:
        share = torch.where(mask, share, 0.0)
        logits = torch.where(mask.unsqueeze(1), logits, 0.0)
    total = share.sum()
    return logits, share / torch.where(total == 0, 1.0, total)


def root(square: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The square root, with the gradient 0 at 0 instead of infinity."""
    zero = square <= 0
    return torch.where(zero, 0.0 * square, torch.where(zero, 1.0, square).sqrt())


@loss(task="calibration", traits=TRAITS)
def mdca(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""How far the batch's mean probability of each class is from the class's share of its labels.

    With p = softmax(logits) and t the indicators of the targets:

    .. math:: \ell = \frac1c \sum_k \Big|\frac1n \sum_i (p_{ik} - t_{ik})\Big|

    Add it to a loss of the items; alone it trains nothing but the means.

    Args:
        logits: (n, c) unnormalised scores.
        target: (n,) class indices.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One value, in [0, 1].

    Raises:
        InputError: labels outside 0..c-1.

    Example:
        >>> perdita.functional.mdca(torch.zeros(2, 2), torch.tensor([0, 0])).item()
        0.5

    Source:
        Hebbalaguppe et al., "A Stitch in Time Saves Nine: A Train-Time Regularizing Loss for Improved Neural Network
        Calibration", CVPR 2022, arXiv 2203.13834, equation 4.
    """
    logits, share = counted(logits, weight, mask)
    gaps = logits.softmax(1) - one_hot(target, logits)
    return (share.unsqueeze(1) * gaps).sum(0).abs().mean()


@loss(
    task="calibration",
    traits=TRAITS,
    ranges={"bandwidth": Range(0, open="low", search=(0.05, 1.0), log=True)},
    cost=Cost(time="n c + n n", memory="n c + n n"),
)
def mmce(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    bandwidth: float = 0.4,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Maximum mean calibration error: a kernel's measure of how confidence and correctness differ.

    With r the largest softmax probability and c = 1 where the prediction is right, else 0:

    .. math:: \ell = \sqrt{\frac{1}{n^2} \sum_{i,j} (c_i - r_i)(c_j - r_j)\, e^{-|r_i - r_j| / \text{bandwidth}}}

    Add it to a loss of the items. No gradient flows through c.

    Args:
        logits: (n, c) unnormalised scores.
        target: (n,) class indices.
        bandwidth: above 0.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One value, in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, a bandwidth that is not positive.

    Example:
        >>> perdita.functional.mmce(torch.zeros(2, 2), torch.tensor([0, 0])).item()
        0.5

    Source:
        Kumar, Sarawagi, Jain, "Trainable Calibration Measures For Neural Networks From Kernel Mean Embeddings",
        ICML 2018, equation 5; the Laplace kernel and its bandwidth are the authors'.
    """
    logits, share = counted(logits, weight, mask)
    sure = confidence(logits)
    gap = share * (correctness(logits, target) - sure)
    kernel = torch.exp(-(sure.unsqueeze(0) - sure.unsqueeze(1)).abs() / bandwidth)
    return root(gap @ kernel @ gap)


@loss(
    task="calibration",
    aliases=("soft_binned_ece",),
    traits=TRAITS,
    ranges={
        "bins": Range(1, search=(5, 30), integer=True),
        "temperature": Range(0, open="low", search=(1e-4, 0.1), log=True),
    },
    cost=Cost(time="n c + n b", memory="n c + n b"),
)
def soft_ece(
    logits: Float[Tensor, "n c"],
    target: Int[Tensor, "n"],
    *,
    bins: int = 15,
    temperature: float = 0.01,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""Root mean squared calibration error over bins that confidences belong to by degrees.

    With r the largest softmax probability, c = 1 where the prediction is right, else 0, and the memberships
    u_{ib} = softmax_b(-(r_i - m_b)^2 / temperature) in bins with the middles m:

    .. math:: \ell = \sqrt{\frac1n \sum_b \frac{\big(\sum_i u_{ib} (c_i - r_i)\big)^2}{\sum_i u_{ib}}}

    Towards temperature 0 it is the binned error with the norm 2. Add it to a loss of the items. No gradient flows
    through c.

    Args:
        logits: (n, c) unnormalised scores.
        target: (n,) class indices.
        bins: at least 1; of equal width.
        temperature: above 0.
        weight: (n,); how often an item counts.
        mask: (n,); items where it is False do not count.

    Returns:
        One value, in [0, 1].

    Raises:
        InputError: labels outside 0..c-1, no bins, a temperature that is not positive.

    Example:
        >>> perdita.functional.soft_ece(torch.zeros(2, 2), torch.tensor([0, 0]), bins=1).item()
        0.5

    Source:
        Karandikar et al., "Soft Calibration Objectives for Neural Networks", NeurIPS 2021, arXiv 2108.00106,
        equation 6.
    """
    logits, share = counted(logits, weight, mask)
    sure = confidence(logits)
    middles = (torch.arange(int(bins), dtype=sure.dtype, device=sure.device) + 0.5) / int(bins)
    member = share.unsqueeze(1) * (-(sure.unsqueeze(1) - middles).square() / temperature).softmax(1)  # (n, b)
    size = member.sum(0)
    gap = (member * (correctness(logits, target) - sure).unsqueeze(1)).sum(0)
    return root((gap.square() / torch.where(size == 0, 1.0, size)).sum())
