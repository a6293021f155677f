"""Items and proxies on a graph: a random walk says what is close, along the items that lie between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import Cost, Criterion, Range, Traits, loss
from perdita.core.numerics import class_indicator, normalize, pick
from perdita.losses.embedding.angular.margins import class_cosines
from perdita.losses.embedding.rows import log1p_sum_exp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

KERNEL_WIDTH = 0.5  # of the affinities exp(cosine / width), as in the paper


@loss(
    task="embedding",
    rowwise=False,
    aliases=("ManifoldLoss",),
    traits=Traits(convex=False, nonnegative=True, differentiable=False),
    ranges={
        "proxies": Range(2, integer=True),
        "dimension": Range(1, integer=True),
        "restart": Range(0, 1, open="both", search=(0.1, 0.5)),
        "margin": Range(0, search=(1e-4, 1e-2), log=True),
        "context": Range(0, search=(0.1, 10.0), log=True),
    },
    cost=Cost(time="(n + k)^3", memory="(n + k)^2", passes=8),
)
class ManifoldProxies(Criterion):
    r"""Soft count of the proxies that a random walk finds closer to an item than its own, by share and by context.

    Items and proxies are the nodes of a graph with affinities e^{2 max(0, cos)}; S is the affinity matrix scaled on
    both sides by the roots of its sums, and F = (1 - a)(I - a S)^{-1}. With h(z) the sum over the other proxies k of
    those e^{z_k - z_y + margin} whose exponent is at least 0:

    .. math:: \ell = \operatorname{mean}_i \log (1 + h(F_{i \cdot}))
        + \text{context} \cdot \operatorname{mean}_i \log (1 + h(\cos(F_i, F_{\cdot})))

    Args:
        embedding: (n, dimension) items, of any length, when called.
        label: (n,) which proxy an item belongs to, when called; classes, or drawn ones in training without labels.
        proxies: how many there are; the parameter ``class_vectors`` is (proxies, dimension).
        dimension: of the embeddings.
        restart: 1 - a, the share of a node's own start that each step of the walk keeps.
        margin: the lead that costs nothing.
        context: the weight of the second part.

    Returns:
        One non-negative value for the batch.

    Raises:
        InputError: fewer than two proxies, labels outside 0..proxies-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.ManifoldProxies(proxies=2, dimension=2)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])).item()
        0.78011...

    Source:
        Aziere, Todorovic, "Ensemble Deep Manifold Similarity Learning using Hard Proxies", CVPR 2019,
        with one set of proxies; a = 0.8 and margin 5e-4 there.
    """

    def __init__(
        self,
        *,
        proxies: int = 50,
        dimension: int,
        restart: float = 0.2,
        margin: float = 5e-4,
        context: float = 1.0,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.restart, self.margin, self.context = restart, margin, context
        self.class_vectors = nn.Parameter(torch.randn(proxies, dimension))

    def per_example(
        self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], *, mask: Bool[Tensor, "n"] | None = None
    ) -> Float[Tensor, ""]:
        """The value of the batch."""
        items = len(label)
        if items == 0:
            return 0.0 * embedding.sum()
        if mask is not None:
            embedding = torch.where(mask.unsqueeze(1), embedding, 0.0)
        class_cosines(embedding, label, self.class_vectors)  # names what does not fit
        found = self._walk(torch.cat([embedding, self.class_vectors.to(embedding.dtype)]), mask)
        similar = normalize(found[:items]) @ normalize(found[items:]).T
        there = torch.ones_like(label, dtype=torch.bool) if mask is None else mask
        count = there.to(embedding.dtype).sum().clamp(min=1)
        values = self._lead(found[:items, items:], label) + self.context * self._lead(similar, label)
        return torch.where(there, values, 0.0).sum() / count

    def _walk(self, nodes: Float[Tensor, "v d"], mask: Bool[Tensor, "n"] | None) -> Float[Tensor, "v v"]:
        unit = normalize(nodes)
        affinity = ((unit @ unit.T).clamp_min(0.0) / KERNEL_WIDTH).exp()
        itself = torch.eye(len(nodes), dtype=nodes.dtype, device=nodes.device)
        affinity = affinity * (1 - itself)
        if mask is not None:
            there = torch.cat([mask, mask.new_ones(len(nodes) - len(mask))]).to(nodes.dtype)
            affinity = affinity * there * there.unsqueeze(1)
        total = affinity.sum(1)
        root = torch.where(total == 0, 0.0, torch.where(total == 0, 1.0, total).rsqrt())
        step = root.unsqueeze(1) * affinity * root
        return self.restart * torch.linalg.inv(itself - (1 - self.restart) * step)

    def _lead(self, closeness: Float[Tensor, "n k"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        gap = closeness - pick(closeness, label).unsqueeze(1) + self.margin
        return log1p_sum_exp(gap, ~class_indicator(label, closeness) & (gap >= 0))
