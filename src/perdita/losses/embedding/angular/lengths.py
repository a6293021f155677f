"""Softmax over angles, where the length of an embedding plays a part: as the scale, or as a measure of its quality."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import Choice, Criterion, InputError, Range, Traits, loss
from perdita.core.numerics import pick, safe_norm
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.embedding.angular.margins import (
    BEYOND,
    COST,
    SCALE,
    SIZE,
    add_angle,
    class_cosines,
    start,
    with_own,
)

if TYPE_CHECKING:
    from jaxtyping import Float, Int

LENGTHS, MARGINS, REGULARIZER = (10.0, 110.0), (0.45, 0.8), 35.0  # of MagFace


def multiply_angle(cosine: Float[Tensor, "n"], times: int) -> Float[Tensor, "n"]:
    r"""psi(theta) = (-1)^k cos(m theta) - 2k of cos(theta), with k = floor(m theta / pi): it falls from 1 to 1 - 2m."""
    before, multiple = torch.ones_like(cosine), cosine
    for _ in range(times - 1):
        before, multiple = multiple, 2 * cosine * multiple - before  # Chebyshev: cos(j theta) of cos(theta)
    k = sum((cosine.detach() <= math.cos(j * math.pi / times)).to(cosine.dtype) for j in range(1, times))
    return (1 - 2 * (k % 2)) * multiple - 2 * k if times > 1 else cosine


def length_margin(
    length: Float[Tensor, "n"],
    lengths: tuple[float, float] = LENGTHS,
    margins: tuple[float, float] = MARGINS,
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    r"""The margin of an embedding's length a, and what shortness costs: 1 / a + a / longest^2, a held in its range."""
    (shortest, longest), (least, most) = lengths, margins
    held = length.clamp(shortest, longest)
    margin = (most - least) / (longest - shortest) * (held - shortest) + least
    return margin, held / longest**2 + 1 / held


@loss(
    task="embedding",
    aliases=("a_softmax", "ASoftmax", "SphereFaceLoss", "LargeMarginSoftmaxLoss", "l_softmax"),
    traits=Traits(convex=False, bounded=False, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "margin": Range(1, 10, integer=True, search=(2, 4)),
        "scale": Range(0, open="low"),
        "easing": Range(0, search=(1.0, 1000.0), log=True),
    },
    cost=COST,
)
class SphereFace(Criterion):
    r"""Cross-entropy of |x| cos(theta), where the own class's angle counts several times.

    .. math:: \ell = -\log \frac{e^{z_y}}{e^{z_y} + \sum_{k \ne y} e^{s \|x\| \cos \theta_k}}, \quad
        z_y = s \|x\| \frac{\lambda \cos \theta_y + \psi(\theta_y)}{1 + \lambda}, \quad
        \psi(\theta) = (-1)^j \cos(m \theta) - 2j \text{ for } \theta \in [\tfrac{j \pi}{m}, \tfrac{(j + 1) \pi}{m}]

    Args:
        embedding: (n, dimension) embeddings x, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        margin: m, an integer; 4 in the paper.
        scale: s; 1 in the paper.
        easing: lambda; the authors let it fall from 1000 to 5, since training with 0 alone hardly starts.
        unit_vectors: False keeps the lengths of the class vectors as factors: the large-margin softmax.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin that is no integer from 1 to 10, labels outside 0..classes-1, another dimension.

    Example:
        >>> criterion = perdita.SphereFace(classes=2, dimension=2, margin=2)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[1.0, 0.0]]), torch.tensor([1])).item()
        2.12692...

    Source:
        Liu et al., "SphereFace: Deep Hypersphere Embedding for Face Recognition", CVPR 2017, arXiv 1704.08063,
        equation 7; large-margin softmax: Liu et al., ICML 2016, arXiv 1612.02295, equation 4.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: int = 4,
        scale: float = 1.0,
        easing: float = 0.0,
        unit_vectors: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.margin, self.scale, self.easing, self.unit_vectors = int(margin), scale, easing, unit_vectors
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        cosine = class_cosines(embedding, label, self.class_vectors)
        own = pick(cosine, label)
        eased = (self.easing * own + multiply_angle(own, self.margin)) / (1 + self.easing)
        factor = self.scale * safe_norm(embedding, keepdim=True)
        if not self.unit_vectors:
            factor = factor * safe_norm(self.class_vectors.to(embedding.dtype))
        return cross_entropy.per_example(factor * with_own(cosine, label, eased), label)


@loss(
    task="embedding",
    paper="unpg",
    aliases=("MagFaceLoss", "magnitude_face"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "scale": SCALE,
        "lengths": Range(0, open="low"),
        "margins": Range(0, math.pi),
        "regularizer": Range(0),
        "beyond": Choice(BEYOND),
    },
    cost=COST,
)
class MagFace(Criterion):
    r"""ArcFace whose margin grows with the length of the embedding, which so becomes a measure of quality.

    With the length a = \|x\| held in [a_0, a_1]:

    .. math:: \ell = -\log \frac{e^{s \cos(\theta_y + m(a))}}{e^{s \cos(\theta_y + m(a))}
        + \sum_{k \ne y} e^{s \cos \theta_k}} + \lambda \Bigl(\frac1a + \frac{a}{a_1^2}\Bigr), \quad
        m(a) = m_0 + \frac{m_1 - m_0}{a_1 - a_0} (a - a_0)

    Args:
        embedding: (n, dimension) embeddings x, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        scale: s.
        lengths: a_0 and a_1; outside of them a length has no gradient of its own.
        margins: m_0 and m_1 in radians.
        regularizer: lambda.
        beyond: as for `ArcFace`.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: lengths that do not increase, labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.MagFace(classes=2, dimension=2, scale=1.0, regularizer=0.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[10.0, 0.0]]), torch.tensor([0])).item()
        0.34108...

    Source:
        Meng, Zhao, Huang, Zhou, "MagFace: A Universal Representation for Face Recognition and Quality Assessment", CVPR
        2021, arXiv 2103.06627, equations 3 and 5, with the constants of the authors' code.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 64.0,
        lengths: tuple[float, float] = LENGTHS,
        margins: tuple[float, float] = MARGINS,
        regularizer: float = REGULARIZER,
        beyond: str = "easy",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        if len(lengths) != 2 or not lengths[0] < lengths[1] or len(margins) != 2:
            raise InputError(f"lengths must be two increasing numbers and margins two, not {lengths!r} and {margins!r}")
        self.scale, self.lengths, self.margins = scale, tuple(lengths), tuple(margins)
        self.regularizer, self.beyond = regularizer, beyond
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        cosine = class_cosines(embedding, label, self.class_vectors)
        margin, short = length_margin(safe_norm(embedding), self.lengths, self.margins)
        moved = with_own(cosine, label, add_angle(pick(cosine, label), margin, self.beyond))
        return cross_entropy.per_example(self.scale * moved, label) + self.regularizer * short
