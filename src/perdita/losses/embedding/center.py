"""Distance of a feature from the centre of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.core import Cost, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


@loss(
    task="embedding",
    paper="loss-metric-survey",
    aliases=("center_loss",),
    traits=Traits(convex=True, bounded=False, nonnegative=True, differentiable=True, constant_hessian=True),
    cost=Cost(time="n d", memory="n d"),
)
def center(
    features: Float[Tensor, "n d"], target: Int[Tensor, "n"], centers: Float[Tensor, "c d"]
) -> Float[Tensor, "n"]:
    r"""Half the squared distance of a feature from the centre of its class.

    .. math:: \ell = \tfrac12 \|x - c_y\|^2

    Add it, with a small weight, to a loss that keeps classes apart: alone it draws everything to one point. The paper
    moves a centre by alpha times the mean of (c_y - x) over its class's items of the batch; here centres are a
    parameter, and alpha is its learning rate.

    Args:
        features: (n, d) features x.
        target: (n,) class indices y.
        centers: (c, d) a centre for each class.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, shapes that do not fit.

    Example:
        >>> features, centers = torch.tensor([[3.0, 4.0]]), torch.zeros(2, 2)
        >>> perdita.functional.center(features, torch.tensor([1]), centers).item()
        12.5

    Source:
        Wen, Zhang, Li, Qiao, "A Discriminative Feature Learning Approach for Deep Face Recognition", ECCV 2016,
        equation 2.
    """
    return 0.5 * (features - centers.index_select(0, target.long())).square().sum(1)
