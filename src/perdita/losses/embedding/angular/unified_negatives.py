"""The negative pairs of a batch beside those of its items and the class vectors, in one softmax."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from perdita.core import Choice, Cost, Criterion, Range, Traits, component, loss
from perdita.core.numerics import normalize, pick, safe_norm
from perdita.losses.embedding.angular.lengths import REGULARIZER, length_margin
from perdita.losses.embedding.angular.margins import SCALE, SIZE, add_angle, class_cosines, start, with_own
from perdita.losses.embedding.rows import masked_logsumexp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@component("unpg")
def batch_negatives(
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"],
    *,
    whisker: float | None = 1.5,
    mask: Bool[Tensor, "n"] | None = None,
) -> tuple[Float[Tensor, "p"], Bool[Tensor, "p"]]:
    r"""Cosines of the pairs of a batch, each pair once, and which of them are negatives that count.

    A box-and-whisker filter leaves out outliers: with the negatives' cosines in rising order, l of them, Q_1 the one at
    place l // 4 and Q_3 the one at 3l // 4 (counted from 0, nothing interpolated), a negative stays within
    [Q_1 - w (Q_3 - Q_1), Q_3 + w (Q_3 - Q_1)]. No gradient flows through the choice.

    Args:
        embedding: (n, d).
        label: (n,) items of different labels are negatives.
        whisker: w; None keeps every negative.
        mask: (n,) False leaves an item out.

    Returns:
        (p,) cosines of all p = n (n - 1) / 2 pairs, and (p,) which of them to take.
    """
    first, second = torch.triu_indices(len(label), len(label), 1, device=label.device)
    unit = normalize(embedding)
    cosine = (unit @ unit.T).flatten().gather(0, first * len(label) + second)  # (p,)
    own, other = label.gather(0, first), label.gather(0, second)
    negative = own != other
    if mask is not None:
        negative = negative & mask.gather(0, first) & mask.gather(0, second)
    if whisker is None or not len(cosine):
        return cosine, negative
    rising = cosine.detach().masked_fill(~negative, torch.inf).sort().values
    count = negative.sum()
    low, high = (rising.gather(0, (part * count // 4).view(1)) for part in (1, 3))
    reach = whisker * (high - low)
    return cosine, negative & (cosine.detach() >= low - reach) & (cosine.detach() <= high + reach)


@loss(
    task="embedding",
    paper="unpg",
    rowwise=False,
    aliases=("UNPG", "UNPGLoss", "unified_negative_pair_generation"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={
        "classes": SIZE,
        "dimension": SIZE,
        "head": Choice(("arc_face", "cos_face", "mag_face")),
        "margin": Range(0, math.pi, search=(0.1, 0.8)),
        "scale": SCALE,
        "whisker": Range(0, search=(0.5, 3.0)),
    },
    cost=Cost(time="n n d + n c d", memory="n n + n c"),
)
class Unpg(Criterion):
    r"""An angular softmax whose denominator also holds the cosines of the batch's negative pairs.

    With z_k the head's cosines of an item and the classes (margin included) and N the negative pairs of the whole batch
    that a filter of outliers keeps (`batch_negatives`), t their cosines:

    .. math:: \ell = -s z_y + \log \Bigl(\sum_k e^{s z_k} + \sum_{t \in N} e^{s t}\Bigr)

    N is the same for every item, whether it is in the pair or not. Class vectors drift to the middle of their class, so
    that they give few hard pairs; the pairs of a batch do, but see few classes. In training on several devices every
    one has its own N, unless the embeddings are gathered first.

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.
        head: "arc_face" (cos(theta + m) everywhere), "cos_face", or "mag_face" (margin of the length, no margin from
            pi / 2 on, regularizer included; the margin argument is not used).
        margin: m.
        scale: s.
        whisker: of the filter, 1.5 for MS1MV2 and 1.0 for K-FACE in the authors' code.
        filtered: False keeps every negative.

    Returns:
        (n,) non-negative values. Without a negative pair they are those of the head.

    Raises:
        InputError: a margin outside [0, pi], a negative whisker, labels outside 0..classes-1, an unknown head.

    Example:
        >>> criterion = perdita.Unpg(classes=2, dimension=2, head="cos_face", margin=0.5, scale=1.0)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.eye(2), torch.tensor([0, 1])).item()
        0.79437...

    Source:
        Jung, Lee, Oh, Park, Park, Noh, "Unified Negative Pair Generation toward Well-discriminative Feature Space for
        Face Recognition", BMVC 2022. The authors' released wrapper fails for MagFace and on a processor, and holds the
        negatives once for each device; this is its form on one device. Cosines are held 1e-7 away from -1 and 1.
    """

    def __init__(
        self,
        *,
        classes: int,
        dimension: int,
        head: str = "arc_face",
        margin: float = 0.5,
        scale: float = 64.0,
        whisker: float = 1.5,
        filtered: bool = True,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.head, self.margin, self.scale = head, margin, scale
        self.whisker = whisker if filtered else None
        self.class_vectors = start(classes, dimension)

    def per_example(
        self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], *, mask: Bool[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        if mask is not None:
            embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
        cosine = class_cosines(embedding, label, self.class_vectors)
        own, extra = self._own(embedding, pick(cosine, label))
        classes = (self.scale * with_own(cosine, label, own)).logsumexp(1)
        if len(label) > 1:
            pairs, kept = batch_negatives(embedding, label, whisker=self.whisker, mask=mask)
            classes = torch.logaddexp(classes, masked_logsumexp(self.scale * pairs.unsqueeze(0), kept.unsqueeze(0)))
        return classes - self.scale * own + extra

    def _own(
        self, embedding: Float[Tensor, "n d"], cosine: Float[Tensor, "n"]
    ) -> tuple[Float[Tensor, "n"], float | Float[Tensor, "n"]]:
        """The own class's cosine with its margin, and what the head adds to the value."""
        if self.head == "mag_face":
            margin, short = length_margin(safe_norm(embedding))
            return add_angle(cosine, margin, "easy"), REGULARIZER * short
        return cosine - self.margin if self.head == "cos_face" else add_angle(cosine, self.margin), 0.0
