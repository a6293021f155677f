"""Average precision of the list that an anchor makes of the others, with bins or ranks that have a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Range, Traits
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_mean
from perdita.losses.ranking.soft_ranks import step_sums

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

TEMPERATURE = Range(0, open="low", search=(0.005, 0.1), log=True)


@pair_loss(
    aliases=("FastAPLoss", "fastap"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=False),
    ranges={"bins": Range(1, integer=True, search=(5, 30))},
)
def fast_ap(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    bins: int = 10,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""1 - average precision, from soft histograms of an anchor's squared distances.

    With h_j^+ and h_j the soft counts of positives and of all items in bin j (each item is shared linearly by the two
    bins nearest to it), and H_j^+, H_j the counts up to it:

    .. math:: \ell = 1 - \frac{1}{|P|} \sum_j \frac{H_j^+ h_j^+}{H_j}

    The similarity must be a cosine: the squared distance of unit vectors is 2 - 2 s, in [0, 4]. An anchor without a
    positive has the value 0 and is not counted in the mean.

    Args:
        bins: their number less one: the centres go from 0 to 4 in so many steps.

    Returns:
        (n,) values in [0, 1], one for each anchor.

    Raises:
        InputError: bins below 1, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.fast_ap(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.25000...

    Source:
        Cakir, He, Xia, Kulis, Sclaroff, "Deep Metric Learning to Rank", CVPR 2019.
    """
    place = ((2 - 2 * similarity) * (bins / 4)).clamp(0, bins)
    own, others = positive.to(similarity.dtype), negative.to(similarity.dtype)
    reached = total_own = total = torch.zeros_like(similarity[:, 0])
    for center in range(bins + 1):
        pulse = (1 - (place - center).abs()).clamp_min(0.0)
        here = (pulse * own).sum(1)
        total_own = total_own + here
        total = total + here + (pulse * others).sum(1)
        reached = reached + total_own * here / torch.where(total == 0, 1.0, total)
    some = positive.any(1)
    return torch.where(some, 1 - reached / own.sum(1).clamp(min=1), 0.0), some


@pair_loss(
    aliases=("SmoothAPLoss", "smoothap"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"temperature": TEMPERATURE},
)
def smooth_ap(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.01,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""1 - average precision with soft ranks: how many items are above a positive is counted by sigmoids.

    .. math:: \ell = 1 - \frac{1}{|P|} \sum_{p \in P}
        \frac{1 + \sum_{q \in P \setminus p} \sigma((s_q - s_p) / T)}
        {1 + \sum_{a \in P \cup N \setminus p} \sigma((s_a - s_p) / T)}

    The authors' code has the anchor among its own positives: ``reference=embedding, reference_label=label`` gives that.
    An anchor without a positive has the value 0 and is not counted in the mean.

    Args:
        temperature: T; lower ones are nearer to average precision, and flatter.

    Returns:
        (n,) values in [0, 1], one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.smooth_ap(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.24999...

    Source:
        Brown, Xie, Kalogeiton, Zisserman, "Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval", ECCV
        2020, arXiv 2007.12163.
    """
    own, others = positive.to(similarity.dtype), negative.to(similarity.dtype)
    above = step_sums(similarity / temperature, torch.stack([own, others], 2))
    among = above[:, :, 0] + 0.5  # a positive is half above itself
    precision = among / (among + above[:, :, 1])
    some = positive.any(1)
    return torch.where(some, 1 - masked_mean(precision, positive), 0.0), some


@pair_loss(
    aliases=("PNPLoss", "pnp", "penalize_negatives_before_positives"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={
        "kind": Choice(("plain", "log", "inverse", "log_product", "log_difference")),
        "temperature": TEMPERATURE,
        "power": Range(0, open="low", search=(1.0, 8.0)),
        "slope": Range(0, open="low", search=(1.0, 4.0)),
    },
)
def negatives_before_positives(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    kind: str = "plain",
    temperature: float = 0.01,
    power: float = 1.0,
    slope: float = 2.0,
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""How many negatives are above each positive, counted by sigmoids; the order of the positives is left alone.

    .. math:: R_p = \sum_{n \in N} \sigma((s_n - s_p) / T), \qquad \ell = \frac{1}{|P|} \sum_{p \in P} g(R_p)

    - kind="plain": g(R) = R (O of the paper), the count itself.
    - kind="log": log(1 + R) (D_s), and "inverse": 1 - (1 + R)^{-power} (D_q); either weighs hopeless positives less.
    - kind="log_product": (1 + R) log(1 + R) (I_u), and "log_difference": (slope R - log(1 + slope R)) / slope^2 (I_b);
      either weighs them more.

    The authors' code has the anchor among its own positives: ``reference=embedding, reference_label=label`` gives that.
    An anchor without a positive has the value 0 and is not counted in the mean.

    Args:
        kind: which g.
        temperature: T of the sigmoids.
        power: of "inverse", alpha of the paper.
        slope: of "log_difference", b of the paper.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: an unknown kind, a temperature, power or slope <= 0, labels below 0.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
        >>> perdita.functional.negatives_before_positives(embedding, torch.tensor([0, 0, 1, 1])).item()
        0.49999...

    Source:
        Li et al., "Rethinking the Optimization of Average Precision: Only Penalizing Negative Instances before Positive
        Ones is Enough", AAAI 2022, arXiv 2102.04640.
    """
    others = negative.to(similarity.dtype).unsqueeze(2)
    above = step_sums(similarity / temperature, others).squeeze(2)
    if kind == "log":
        above = above.log1p()
    elif kind == "inverse":
        above = 1 - (1 + above).pow(-power)
    elif kind == "log_product":
        above = (1 + above) * above.log1p()
    elif kind == "log_difference":
        above = (slope * above - (slope * above).log1p()) / slope**2
    some = positive.any(1)
    return torch.where(some, masked_mean(above, positive), 0.0), some
