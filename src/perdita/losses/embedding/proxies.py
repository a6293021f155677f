"""Embeddings held to proxies: one learnt point, or several, that stand for the items of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import Cost, Criterion, Range, Traits, loss
from perdita.core.numerics import class_indicator, most_negative, pick
from perdita.losses.classification.cross_entropy import cross_entropy
from perdita.losses.embedding.angular.margins import COST, SIZE, class_cosines, start, with_own
from perdita.losses.embedding.rows import log1p_sum_exp
from perdita.losses.target_place import put

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@loss(
    task="embedding",
    aliases=("ProxyNCALoss", "proxy_nca_plus_plus"),
    traits=Traits(convex=False, bounded=True),
    ranges={"classes": SIZE, "dimension": SIZE, "scale": Range(0, open="low", search=(1.0, 32.0), log=True)},
    cost=COST,
)
class ProxyNca(Criterion):
    r"""Softmax over minus the squared distances of an embedding and the proxies, all of length 1.

    With D_k the distance of the embedding and proxy k:

    .. math:: \ell = -\log \frac{e^{-s D_y^2}}{\sum_{k \in K} e^{-s D_k^2}}

    K holds all classes or, with own_in_sum=False as in the first paper, all but y; the value then may be negative.

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        scale: s, one over a temperature.
        own_in_sum: whether K holds y.

    Returns:
        (n,) values.

    Raises:
        InputError: a scale <= 0, labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.ProxyNca(classes=2, dimension=2)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.12692...

    Source:
        Movshovitz-Attias et al., "No Fuss Distance Metric Learning using Proxies", ICCV 2017, arXiv 1703.07464,
        equation 4 (y not in the sum); Teh, DeVries, Taylor, "ProxyNCA++", ECCV 2020, arXiv 2004.01113 (y in the sum).
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        scale: float = 1.0,
        own_in_sum: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.scale, self.own_in_sum = scale, own_in_sum
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        logits = -self.scale * (2 - 2 * class_cosines(embedding, label, self.class_vectors))
        if self.own_in_sum:
            return cross_entropy.per_example(logits, label)
        return put(logits, label, most_negative(logits.dtype)).logsumexp(1) - pick(logits, label)


@loss(
    task="embedding",
    rowwise=False,
    aliases=("ProxyAnchorLoss",),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "margin": Range(0, search=(0.05, 0.5)),
        "scale": Range(0, open="low", search=(8.0, 64.0), log=True),
    },
    cost=COST,
)
class ProxyAnchor(Criterion):
    r"""Soft maximum, for each proxy, over how far its items lag and how close the others come.

    With c_{ik} the cosine of item i and proxy k, K the classes and K^+ those of the batch:

    .. math:: \ell = \frac{1}{|K^+|} \sum_{k \in K^+} \log \Bigl(1 + \sum_{i: y_i = k} e^{-s (c_{ik} - m)}\Bigr)
        + \frac{1}{|K|} \sum_{k \in K} \log \Bigl(1 + \sum_{i: y_i \ne k} e^{s (c_{ik} + m)}\Bigr)

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        margin: m.
        scale: s.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: a negative margin, a scale <= 0, labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.ProxyAnchor(classes=2, dimension=2, margin=0.0, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.65983...

    Source:
        Kim, Kim, Cho, Kwak, "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, arXiv 2003.13911, equation 4.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        margin: float = 0.1,
        scale: float = 32.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.margin, self.scale = margin, scale
        self.class_vectors = start(classes, dimension)

    def per_example(
        self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], *, mask: Bool[Tensor, "n"] | None = None
    ) -> Float[Tensor, ""]:
        """The value of the batch."""
        if len(label) == 0:
            return 0.0 * embedding.sum()
        if mask is not None:
            embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
        cosine = class_cosines(embedding, label, self.class_vectors).T  # (c, n)
        own = class_indicator(label, cosine.T).T
        there = torch.ones_like(label, dtype=torch.bool) if mask is None else mask
        near = log1p_sum_exp(-self.scale * (cosine - self.margin), own & there)
        far = log1p_sum_exp(self.scale * (cosine + self.margin), ~own & there)
        return near.sum() / (own & there).any(1).sum().clamp(min=1) + far.mean()


@loss(
    task="embedding",
    aliases=("SoftTripleLoss",),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "centers": SIZE,
        "margin": Range(0, search=(0.005, 0.1)),
        "scale": Range(0, open="low", search=(8.0, 64.0), log=True),
        "temperature": Range(0, open="low", search=(0.05, 0.5), log=True),
    },
    cost=Cost(time="n c d centers", memory="n c centers"),
)
class SoftTriple(Criterion):
    r"""Cross-entropy of an embedding's similarity to classes that have several centers each.

    With c_{kj} the cosine of the embedding and center j of class k:

    .. math:: S_k = \sum_j \frac{e^{c_{kj} / T}}{\sum_i e^{c_{ki} / T}} c_{kj}, \qquad
        \ell = -\log \frac{e^{s (S_y - m)}}{e^{s (S_y - m)} + \sum_{k \ne y} e^{s S_k}}

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes * centers, dimension), the centers of a
            class below each other.
        dimension: of the embeddings.
        centers: of each class.
        margin: m.
        scale: s.
        temperature: T; small ones let the closest center alone count.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a negative margin, a scale or temperature <= 0, labels outside 0..classes-1, another dimension.

    Example:
        >>> criterion = perdita.SoftTriple(classes=2, dimension=2, centers=1, margin=0.0, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item()
        0.31326...

    Source:
        Qian et al., "SoftTriple Loss: Deep Metric Learning Without Triplet Sampling", ICCV 2019, arXiv 1909.05235,
        equations 7 and 8, without the regulariser that merges centers.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        centers: int = 10,
        margin: float = 0.01,
        scale: float = 20.0,
        temperature: float = 0.1,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.classes, self.centers = classes, centers
        self.margin, self.scale, self.temperature = margin, scale, temperature
        self.class_vectors = start(classes * centers, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        cosine = class_cosines(embedding, label, self.class_vectors, self.centers)  # (n, c, centers)
        similarity = ((cosine / self.temperature).softmax(2) * cosine).sum(2)
        moved = with_own(similarity, label, pick(similarity, label) - self.margin)
        return cross_entropy.per_example(self.scale * moved, label)
