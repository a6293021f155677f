"""What each pair weighs: the gradient of a pair loss with respect to every similarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import grad

from perdita.core import component
from perdita.core.errors import MissingExtraError
from perdita.core.numerics import widen
from perdita.kernels.pairs import resolve_pairs

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


@dataclass(frozen=True)
class PairWeights:
    """A pair loss seen as a weighting of pairs: L changes by ``weight[i, j]`` for each unit of ``similarity[i, j]``."""

    similarity: Float[Tensor, "n m"]
    weight: Float[Tensor, "n m"]  # < 0 pulls a pair together, > 0 pushes it apart
    positive: Bool[Tensor, "n m"]
    negative: Bool[Tensor, "n m"]

    def plot(self) -> Any:
        """A Plotly figure: each pair's weight over its similarity. Raises `MissingExtraError` without Plotly."""
        try:
            import plotly.graph_objects as go
        except ModuleNotFoundError as error:
            raise MissingExtraError("plotly", "compare") from error
        figure = go.Figure()
        for name, mask in (("positive pairs", self.positive), ("negative pairs", self.negative)):
            x, y = self.similarity[mask].cpu().numpy(), self.weight[mask].abs().cpu().numpy()
            figure.add_scatter(x=x, y=y, mode="markers", name=name)
        figure.update_layout(xaxis_title="similarity", yaxis_title="weight |dL/dS|", template="simple_white")
        return figure


@component("multi-similarity")
def pair_weights(
    loss: Any,
    embedding: Float[Tensor, "n d"],
    label: Int[Tensor, "n"] | None = None,
    *,
    reference: Float[Tensor, "m d"] | None = None,
    reference_label: Int[Tensor, "m"] | None = None,
    **options: Any,
) -> PairWeights:
    r"""The weight of each pair in the gradient of any pair loss.

    .. math:: w_{ij} = \partial L / \partial S_{ij}

    for the mean L over the anchors. Every loss over a similarity matrix acts on the embeddings through these numbers
    alone: two losses differ in nothing but how they weigh the pairs. Pairs that a selection or mining drops weigh 0.

    Args:
        loss: a pair loss, its function or its criterion, as for `perdita.kernels.pairs.blockwise_pairs`.
        embedding: (n, d) anchors.
        label: (n,) integers; a loss of two views may do without.
        reference: (m, d) items to compare them with, instead of each other; the second view, for a loss of two views.
        reference_label: (m,) their labels.
        options: hyper-parameters of the loss.

    Returns:
        Similarities, weights and masks, (n, m) each, without gradients.

    Raises:
        InputError: no pair loss, shapes that do not fit, an unknown hyper-parameter.

    Source:
        Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019,
        arXiv 1904.06627, section 3.
    """
    pairs, given = resolve_pairs(loss, (embedding, label, reference, reference_label, None), options)
    symmetric = given.pop("symmetric", False)
    how = {name: given.pop(name) for name in ("similarity", "select") if name in given}
    with torch.no_grad():
        anchors = pairs.prepare(widen(embedding), how)
        itself = reference is None
        columns = anchors if itself else pairs.prepare(widen(reference), how)
        theirs = label if reference_label is None else reference_label
        if pairs.views and theirs is not None and len(theirs) < len(columns):
            theirs = torch.cat([theirs, theirs.new_full((len(columns) - len(theirs),), -1)])
        scores, positive, negative = pairs.compare(anchors, columns, label, theirs, itself=itself or pairs.views, **how)

    def mean(scores: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        values, counts = pairs.values(scores, positive, negative, **given)
        counts = torch.ones_like(values) if counts is None else counts.detach().to(values.dtype)
        total = counts.sum()
        return values.sum() / torch.where(total == 0, 1.0, total)

    def value(scores: Tensor) -> Tensor:
        forward = mean(scores, positive, negative)
        if not symmetric:
            return forward
        n = len(scores)
        return 0.5 * (forward + mean(*(matrix[:, :n].T for matrix in (scores, positive, negative))))

    return PairWeights(scores, grad(value)(scores).detach(), positive, negative)
