"""What a teacher says about the items of a batch together: their distances, their angles, their order in each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, loss
from perdita.core.numerics import normalize, safe_norm
from perdita.core.reduction import align
from perdita.losses.distillation.soft_targets import TEMPERATURE

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

_WEIGHT = Range(0, search=(0.5, 4.0), log=True)


def pearson(first: Float[Tensor, "n c"], second: Float[Tensor, "n c"], share: Tensor, dim: int) -> Tensor:
    """Correlation along a dimension under shares that sum to one there; 0 where one varies by no more than rounding.

    There the gradient is that of the covariance, so that a student with constant predictions can leave them.
    """
    root = share.sqrt()
    centred = [root * (x - (share * x).sum(dim, keepdim=True)) for x in (first, second)]
    lengths = [safe_norm(x, dim) for x in centred]
    noise = 8 * torch.finfo(first.dtype).eps
    flat = [length <= noise * safe_norm(root * x, dim) for length, x in zip(lengths, (first, second), strict=True)]
    scale = torch.where(flat[0] | flat[1], 1.0, lengths[0] * lengths[1])
    return (centred[0] * centred[1]).sum(dim) / scale


@loss(
    task="distillation",
    aliases=("dist_kd", "inter_intra_distillation"),
    traits=Traits(convex=False, bounded=True, nonnegative=True, shift_invariant=True, scale_invariant=False),
    ranges={"inter_weight": _WEIGHT, "intra_weight": _WEIGHT, "temperature": TEMPERATURE},
    cost=Cost(passes=8),
)
def correlation_distillation(
    logits: Float[Tensor, "n c"],
    teacher_logits: Float[Tensor, "n c"],
    *,
    inter_weight: float = 1.0,
    intra_weight: float = 1.0,
    temperature: float = 1.0,
    weight: Float[Tensor, "n"] | None = None,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, ""]:
    r"""How far the student's predictions correlate with the teacher's, within each item and within each class.

    With P and Q the (n, c) softened predictions of teacher and student and ρ Pearson's correlation:

    .. math:: \ell = T^2 \Big( \frac{\beta}{n} \sum_{i} \big(1 - \rho(Q_{i\cdot}, P_{i\cdot})\big)
        + \frac{\gamma}{c} \sum_{k} \big(1 - \rho(Q_{\cdot k}, P_{\cdot k})\big) \Big)

    with β = inter_weight and γ = intra_weight. The student may be of another confidence than the teacher, which a
    divergence forbids: that is why it helps with strong teachers. A row or column without variation correlates with
    nothing, ρ = 0; so the second term needs batches of several items.

    Args:
        logits: (n, c) unnormalised scores of the student.
        teacher_logits: (n, c) those of the teacher; best from ``torch.no_grad()``.
        inter_weight: β, of the order of the classes in an item, at least 0; 1 or 2 in the released code.
        intra_weight: γ, of the order of the items in a class, at least 0.
        temperature: T, above 0; 1 for ImageNet and 4 for CIFAR in the paper.
        weight: (n,) weights of the items in both means and in the correlations, 1 unless given.
        mask: (n,) boolean; False leaves an item out.

    Returns:
        One value for the batch, between 0 and 2 T² (inter_weight + intra_weight).

    Raises:
        InputError: a teacher with another number of classes, a negative weight, a temperature that is not above 0.

    Example:
        >>> logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> perdita.functional.correlation_distillation(logits, -logits).item()
        4.0

    Source:
        Huang, You, Wang, Qian, Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022, arXiv 2205.10536,
        equations 9 and 10.
    """
    share = torch.ones_like(logits[:, 0]) if weight is None else align(weight, logits.shape[:1], "weight")
    share = share.to(logits.dtype)
    if mask is not None:
        logits, teacher_logits = (torch.where(mask.unsqueeze(1), one, 0.0) for one in (logits, teacher_logits))
        share = torch.where(mask, share, 0.0)
    total = share.sum()
    share = (share / torch.where(total > 0, total, 1.0)).unsqueeze(1)  # (n, 1), sums to one
    student, teacher = ((one / temperature).softmax(1) for one in (logits, teacher_logits))
    inter = 1 - pearson(student, teacher, torch.full_like(student[:1], 1 / student.shape[1]), 1)
    intra = 1 - pearson(student, teacher, share, 0)
    value = inter_weight * (share.squeeze(1) * inter).sum() + intra_weight * intra.mean()
    return temperature**2 * value * (total > 0)


def others_of(count: int, mask: Bool[Tensor, "n"] | None, like: Tensor) -> Bool[Tensor, "n n"]:
    """Which pairs (i, j) are two different items that both count."""
    apart = ~torch.eye(count, dtype=torch.bool, device=like.device)
    return apart if mask is None else apart & mask.unsqueeze(1) & mask


def huber(error: Tensor) -> Tensor:
    """x² / 2 up to 1, then |x| - 1/2."""
    size = error.abs()
    return torch.where(size < 1, error.square() / 2, size - 0.5)


def relative_distances(features: Float[Tensor, "n d"], pairs: Bool[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """Euclidean distance of each pair over the mean of those that count."""
    distances = safe_norm(features.unsqueeze(1) - features, 2)
    mean = torch.where(pairs, distances, 0.0).sum() / pairs.sum().clamp_min(1)
    return distances / torch.where(mean == 0, 1.0, mean)


@loss(
    task="distillation",
    aliases=("rkd_distance", "rkd_d"),
    traits=Traits(convex=False, nonnegative=True, scale_invariant=True),
    rowwise=False,
    cost=Cost(time="n^2 d", memory="n^2 d"),
)
def relational_distance(
    features: Float[Tensor, "n d"],
    teacher_features: Float[Tensor, "n e"],
    *,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""How far an item's distances to the others, relative to the mean distance, differ from the teacher's.

    With D the Euclidean distances of the student's features, D' those of the teacher's, μ and μ' their means over all
    pairs of different items, and h(x) = x²/2 up to |x| = 1, then |x| - 1/2:

    .. math:: \ell_i = \frac{1}{n - 1} \sum_{j \ne i} h\big( D_{ij} / \mu - D'_{ij} / \mu' \big)

    The widths of the features may differ.

    Args:
        features: (n, d) of the student.
        teacher_features: (n, e) of the teacher; best from ``torch.no_grad()``.
        mask: (n,) boolean; False leaves an item out of every pair.

    Returns:
        (n,) non-negative values, one for each item; 0 where there is no other.

    Raises:
        InputError: numbers of items that differ.

    Example:
        >>> features, teacher_features = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [1.0], [2.0]])
        >>> perdita.functional.relational_distance(features, teacher_features).item()
        0.02083...

    Source:
        Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, arXiv 1904.05068, equations 4 to 6. The
        released code divides by n² with the zeros of the pairs (i, i) among them: a factor (n - 1) / n.
    """
    pairs = others_of(len(features), mask, features)
    if mask is not None:
        features, teacher_features = (torch.where(mask.unsqueeze(1), x, 0.0) for x in (features, teacher_features))
    error = relative_distances(features, pairs) - relative_distances(teacher_features, pairs)
    return torch.where(pairs, huber(error), 0.0).sum(1) / pairs.sum(1).clamp_min(1)


def angles(features: Float[Tensor, "n d"]) -> Float[Tensor, "n n n"]:
    """Cosine of the angle at item i between the directions to items j and k."""
    directions = normalize(features - features.unsqueeze(1))  # (n, n, d): from i to j
    return directions @ directions.mT


@loss(
    task="distillation",
    aliases=("rkd_angle", "rkd_a"),
    traits=Traits(convex=False, nonnegative=True, bounded=True, scale_invariant=True),
    rowwise=False,
    cost=Cost(time="n^3 d", memory="n^3 + n^2 d"),
)
def relational_angle(
    features: Float[Tensor, "n d"],
    teacher_features: Float[Tensor, "n e"],
    *,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""How far the angles that an item sees between pairs of others differ from the teacher's.

    With h as in `relational_distance` and e_{ij} the unit vector from the features of i to those of j:

    .. math:: \ell_i = \frac{1}{(n - 1)(n - 2)} \sum_{j \ne i} \sum_{k \ne i, j} h\big( \langle e_{ij}, e_{ik} \rangle
        - \langle e'_{ij}, e'_{ik} \rangle \big)

    The widths of the features may differ. Memory grows with n³.

    Args:
        features: (n, d) of the student.
        teacher_features: (n, e) of the teacher; best from ``torch.no_grad()``.
        mask: (n,) boolean; False leaves an item out of every triple.

    Returns:
        (n,) values from 0 to 1.5, one for each item; 0 where there are fewer than two others.

    Raises:
        InputError: numbers of items that differ.

    Example:
        >>> features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> teacher_features = torch.tensor([[0.0], [1.0], [2.0]])
        >>> perdita.functional.relational_angle(features, teacher_features, reduction="none")[0].item()
        0.5

    Source:
        Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019, arXiv 1904.05068, equations 7 and 8. The
        released code divides by n³ with the zeros of equal items among them.
    """
    count = len(features)
    pairs = others_of(count, mask, features)
    if mask is not None:
        features, teacher_features = (torch.where(mask.unsqueeze(1), x, 0.0) for x in (features, teacher_features))
    apart = ~torch.eye(count, dtype=torch.bool, device=features.device)
    triples = pairs.unsqueeze(2) & pairs.unsqueeze(1) & apart
    error = torch.where(triples, angles(features) - angles(teacher_features), 0.0)
    return huber(error).sum((1, 2)) / triples.sum((1, 2)).clamp_min(1)
