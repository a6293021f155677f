"""Gradients projected onto what no gradient opposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.compound.balancing.complementarity import complementary
from perdita.compound.balancing.methods import method

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@method("upgrad")
def unconflicting_projections(gram: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    r"""The sum of the gradients, each projected onto the cone of directions that have no negative product with any.

    The projection of g_i is the combination of gradients with the weights

    .. math:: \arg\min_v v^\top G v \quad \text{subject to } v_i \ge 1 \text{ and } v_j \ge 0

    Args:
        gram: Gramian G of the gradients.

    Source:
        Quinton, Rey, "Jacobian Descent for Multi-Objective Optimization" (UPGrad), arXiv 2406.16232, proposition 1;
        theirs is the mean of the projections, this the sum.
    """
    return 1 + complementary(gram, gram).sum(0)  # v = e_i + x with x >= 0 and G x + G e_i >= 0, a problem for each i
