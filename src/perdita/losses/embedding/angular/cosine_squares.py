"""The cosines of an embedding and all class vectors as a regression on 1 for the own class and 0 for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from perdita.core import Criterion, Traits, loss
from perdita.core.numerics import one_hot
from perdita.losses.embedding.angular.margins import COST, SIZE, class_cosines, start

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@loss(
    task="embedding",
    aliases=("P2SGradLoss", "p2sgrad"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"classes": SIZE, "dimension": SIZE},
    cost=COST,
)
class ProbabilityToSimilarity(Criterion):
    r"""Half the squared distance of an embedding's cosines from the indicator of its class.

    With c_k the cosine of the embedding and the vector of class k:

    .. math:: \ell = \tfrac12 \sum_k (c_k - [k = y])^2

    Its gradient is P2SGrad, in which the probabilities of softmax's gradient are replaced by cosines: there is no scale
    and no margin to set.

    Args:
        embedding: (n, dimension) embeddings, of any length, when called.
        label: (n,) class indices y, when called.
        classes: number of classes; the parameter ``class_vectors`` is (classes, dimension).
        dimension: of the embeddings.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..classes-1, embeddings of another dimension.

    Example:
        >>> criterion = perdita.ProbabilityToSimilarity(classes=2, dimension=2)
        >>> _ = criterion.load_state_dict({"class_vectors": torch.eye(2)})
        >>> criterion(torch.tensor([[3.0, 4.0]]), torch.tensor([0])).item()
        0.40000...

    Source:
        Zhang, Zhao, Qiao, Wang, Li, "P2SGrad: Refined Gradients for Optimizing Deep Face Models", CVPR 2019,
        arXiv 1905.02479: the function whose gradient is equation 11.
    """

    def __init__(
        self, *, classes: int, dimension: int, reduction: str = "mean", ignore_index: int | None = None
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.class_vectors = start(classes, dimension)

    def per_example(self, embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
        """One value for each embedding."""
        cosine = class_cosines(embedding, label, self.class_vectors)
        return 0.5 * (cosine - one_hot(label, cosine)).square().sum(1)
