"""Softmax over the angles between an embedding and a vector of each class, with a margin that the own class must lead.

The class vectors are parameters. A head differs from the others in one place only: what it makes of the cosine of the
own class (`add_angle` and its kin).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import Choice, Cost, Criterion, InputError, Range, Traits, loss
from perdita.core.apply import may_look
from perdita.core.numerics import normalize, pick
from perdita.losses.classification.cross_entropy import cross_entropy

if TYPE_CHECKING:
    from jaxtyping import Float, Int

EDGE = 1e-7  # cosines this close to -1 and 1 are held there: the angle has no derivative at the ends
SIZE = Range(1, integer=True)
SCALE = Range(0, open="low", search=(8.0, 64.0), log=True)
COST = Cost(time="n c d", memory="n c")
BEYOND = ("linear", "easy", "plain")


def start(vectors: int, dimension: int, generator: torch.Generator | None = None) -> nn.Parameter:
    """Class vectors in random directions, of a length near 1."""
    return nn.Parameter(torch.randn(vectors, dimension, generator=generator) / math.sqrt(dimension))


def class_cosines(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    class_vectors: Float[Tensor, "v d"],
    centers: int | None = None,
) -> Float[Tensor, "n c *k"]:
    """The cosine of every embedding and every class vector, (n, c), or (n, c, centers) where each class has several.

    Raises:
        InputError: embeddings of another dimension, labels beyond the classes.
    """
    classes = len(class_vectors) // (centers or 1)
    if embedding.shape[1] != class_vectors.shape[1]:
        raise InputError(f"embedding must be (n, {class_vectors.shape[1]}), but came as {tuple(embedding.shape)}")
    if may_look({"label": label}) and label.numel() and (largest := int(label.max())) >= classes:
        raise InputError(f"label must hold class indices from 0 to {classes - 1}, but holds {largest}")
    cosine = normalize(embedding) @ normalize(class_vectors.to(embedding.dtype)).T
    return cosine if centers is None else cosine.unflatten(1, (classes, centers))


def with_own(cosine: Float[Tensor, "n c"], label: Int[Tensor, "n"], own: Float[Tensor, "n"]) -> Float[Tensor, "n c"]:
    """The cosines, with another number for the own class."""
    return cosine.scatter(1, label.long().unsqueeze(1), own.unsqueeze(1))


def add_angle(
    cosine: Float[Tensor, "n"], margin: float | Float[Tensor, "n"], beyond: str = "plain"
) -> Float[Tensor, "n"]:
    r"""cos(theta + margin) of cos(theta).

    It rises again where theta + margin passes pi. There, "linear" takes cos(theta) - margin sin(margin) instead; "easy"
    leaves the cosine as it is from theta = pi / 2 on; "plain" changes nothing.
    """
    inner = cosine.clamp(-1 + EDGE, 1 - EDGE)
    given = torch.as_tensor(margin, dtype=cosine.dtype, device=cosine.device)
    moved = inner * given.cos() - (1 - inner.square()).sqrt() * given.sin()
    if beyond == "easy":
        return torch.where(cosine <= 0, cosine, moved)
    if beyond == "linear":
        return torch.where(inner < -given.cos(), cosine - given * given.sin(), moved)
    return moved


@loss(
    task="embedding",
    aliases=("norm_softmax", "NormalizedSoftmaxLoss", "normalized_softmax"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"classes": SIZE, "dimension": SIZE, "scale": SCALE},
    cost=COST,
)
class NormFace(Criterion):
    r"""Cross-entropy of the cosines between an embedding and a vector of each class.

    With c_k the cosine of the embedding and the vector of class k:

    .. math:: \ell = -\log \frac{e^{s c_y}}{\sum_k e^{s c_k}}

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        scale: s, one over a temperature.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a scale <= 0, labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.NormFace(classes=2, dimension=2, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.31326...

    Source:
        Wang, Xiang, Cheng, Yuille, "NormFace: L2 Hypersphere Embedding for Face Verification", ACM MM 2017,
        arXiv 1704.06369, equation 6; Zhai, Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC
        2019, arXiv 1811.12649, with scale = 1 / temperature.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 20.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.scale = scale
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        return cross_entropy.per_example(self.scale * class_cosines(embedding, label, self.class_vectors), label)


@loss(
    task="embedding",
    paper="unpg",
    aliases=("CosFaceLoss", "am_softmax", "additive_margin_softmax"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"classes": SIZE, "dimension": SIZE, "margin": Range(0, search=(0.1, 0.5)), "scale": SCALE},
    cost=COST,
)
class CosFace(Criterion):
    r"""Cross-entropy of cosines, where the own class must lead by a margin in the cosine.

    .. math:: \ell = -\log \frac{e^{s (c_y - m)}}{e^{s (c_y - m)} + \sum_{k \ne y} e^{s c_k}}

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        margin: m.
        scale: s.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a negative margin, a scale <= 0, labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.CosFace(classes=2, dimension=2, margin=0.5, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.47407...

    Source:
        Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018, arXiv 1801.09414,
        equation 4.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.35,
        scale: float = 64.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.margin, self.scale = margin, scale
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        cosine = class_cosines(embedding, label, self.class_vectors)
        moved = with_own(cosine, label, pick(cosine, label) - self.margin)
        return cross_entropy.per_example(self.scale * moved, label)


@loss(
    task="embedding",
    paper="unpg",
    aliases=("ArcFaceLoss", "SubCenterArcFaceLoss", "additive_angular_margin"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "margin": Range(0, math.pi, search=(0.1, 0.8)),
        "scale": SCALE,
        "centers": SIZE,
        "beyond": Choice(BEYOND),
    },
    cost=COST,
)
class ArcFace(Criterion):
    r"""Cross-entropy of cosines, where the own class must lead by a margin in the angle.

    .. math:: \ell = -\log \frac{e^{s \cos(\theta_y + m)}}{e^{s \cos(\theta_y + m)}
        + \sum_{k \ne y} e^{s \cos \theta_k}}

    With several centers a class has as many vectors, and the closest one counts: noisy items gather at minor centers.

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes * centers, dimension), the vectors of a
            class below each other.
        dimension: of the embeddings.
        margin: m in radians; 0.5 is 28.6 degrees.
        scale: s.
        centers: vectors of each class; 3 in the paper of the sub-centers.
        beyond: where the angle and its margin pass pi: "linear" takes cos(theta) - m sin(m), so that the value still
            falls with the angle; "easy" adds no margin from pi / 2 on; "plain" leaves the formula as it is.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a margin outside [0, pi], a scale <= 0, labels outside 0..classes-1, another dimension.

    Example:
        >>> criterion = perdita.ArcFace(classes=2, dimension=2, margin=torch.pi / 3, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.47423...

    Source:
        Deng, Guo, Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
        arXiv 1801.07698, equation 3; several centers: Deng et al., "Sub-center ArcFace", ECCV 2020. Cosines are held
        1e-7 away from -1 and 1, where the angle has no derivative.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.5,
        scale: float = 64.0,
        centers: int = 1,
        beyond: str = "linear",
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.margin, self.scale, self.centers, self.beyond = margin, scale, centers, beyond
        self.class_vectors = start(classes * centers, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        several = self.centers if self.centers > 1 else None
        cosine = class_cosines(embedding, label, self.class_vectors, several)
        cosine = cosine if several is None else cosine.amax(2)
        moved = with_own(cosine, label, add_angle(pick(cosine, label), self.margin, self.beyond))
        return cross_entropy.per_example(self.scale * moved, label)
