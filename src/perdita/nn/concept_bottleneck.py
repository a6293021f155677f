"""Classifiers that pass through named concepts: a bottleneck on frozen scores, and a search without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.core.numerics import normalize

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

STARTS = ("eye", "linear")


@component("sparse-cbm")
class ConceptBottleneck(nn.Module):
    """Scores of concepts → a square linear layer → a linear head, both without bias.

    Train it with cross-entropy on the logits plus an objective of the concepts: `concept_penalty` on its weights, or
    `concept_contrastive` (with `gumbel_noise`, the sparse bottleneck), whose gradients both reach the square layer. To
    intervene, edit the concepts and apply ``head`` again.

    Args:
        num_concepts: number of concepts.
        num_classes: number of classes.
        start: of the square layer: "eye" leaves the scores as they are, "linear" draws it like `torch.nn.Linear`.

    Raises:
        InputError: an unknown start.

    Source:
        Semenov, Ivanov, Beznosikov, Gasnikov, "Sparse Concept Bottleneck Models: Gumbel Tricks in Contrastive
        Learning", 2024, arXiv 2404.03323.
    """

    def __init__(self, num_concepts: int, num_classes: int, *, start: str = "eye") -> None:
        if start not in STARTS:
            raise InputError(f"start must be one of {STARTS}, not {start!r}")
        super().__init__()
        self.bottleneck = nn.Linear(num_concepts, num_concepts, bias=False)
        self.head = nn.Linear(num_concepts, num_classes, bias=False)
        if start == "eye":
            nn.init.eye_(self.bottleneck.weight)

    def forward(self, scores: Float[Tensor, "n c"]) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n k"]]:
        """The concepts of each item, and its logits."""
        concepts = self.bottleneck(scores)
        return concepts, self.head(concepts)


@component("sparse-cbm")
def concept_penalty(weight: Float[Tensor, "c c"], strength: float = 1e-3) -> Float[Tensor, ""]:
    r"""strength / c \sum |w|, for c concepts: the l1 objective of a bottleneck's square layer."""
    return strength / weight.shape[0] * weight.abs().sum()


@component("sparse-cbm")
def gumbel_noise(like: Float[Tensor, "*s"], generator: torch.Generator | None = None) -> Float[Tensor, "*s"]:
    """Standard Gumbel noise, -log of an exponential variable, in the shape of ``like``."""
    return -torch.empty_like(like).exponential_(generator=generator).log()


@component("sparse-cbm")
def diagonal_pairs(concepts: Float[Tensor, "n c"]) -> tuple[Int[Tensor, "n"], Float[Tensor, "n"]]:
    """The pairing of the paper, the k-th item with the k-th concept: targets, and weights that are 0 beyond the last.

    The pairing means nothing, since batches are shuffled: give `concept_contrastive` true pairs where there are any.
    """
    place = torch.arange(concepts.shape[0], device=concepts.device)
    paired = place < concepts.shape[1]
    return torch.where(paired, place, 0), paired.to(concepts.dtype)


@component("sparse-cbm")
def concept_matrix_search(
    image_concepts: Float[Tensor, "n c"], class_concepts: Float[Tensor, "k c"], *, power: int = 1
) -> Float[Tensor, "n k"]:
    r"""Classify without training: the cosine of an item's concept profile and each class's, as logits.

    Args:
        image_concepts: (n, c) similarities of items and concepts. The paper divides rows by their sums; a positive
            factor of a row changes no cosine.
        class_concepts: (k, c) similarities of class names and concepts.
        power: of the entries before the cosine; 3 lets a few large concepts decide.

    Returns:
        (n, k) cosines; the prediction is the largest.

    Raises:
        InputError: a power below 1, or different numbers of concepts.
    """
    if power < 1:
        raise InputError(f"power must be at least 1, not {power}")
    if image_concepts.shape[1] != class_concepts.shape[1]:
        raise InputError(
            f"image_concepts and class_concepts must score the same concepts, not {image_concepts.shape[1]} and "
            f"{class_concepts.shape[1]}"
        )
    return normalize(image_concepts**power) @ normalize(class_concepts**power).T


@component("sparse-cbm")
def effective_concepts(concepts: Float[Tensor, "n c"]) -> Float[Tensor, "n"]:
    """How many concepts an item uses: the exponential of the entropy of their softmax, from 1 to c."""
    log_probs = concepts.log_softmax(1)
    return (-(log_probs.exp() * log_probs).sum(1)).exp()
