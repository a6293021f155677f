"""The shortest average of the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdita.compound.balancing.complementarity import nearest_to_origin
from perdita.compound.balancing.methods import method

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@method("mgda")
def minimum_norm(gram: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    r"""The multiple-gradient descent algorithm: all losses fall at one rate, that of the shortest average.

    .. math:: k \arg\min_a a^\top G a \quad \text{subject to } a \ge 0, \; \sum_i a_i = 1

    Args:
        gram: Gramian G of the gradients.

    Source:
        Désidéri, "Multiple-Gradient Descent Algorithm (MGDA) for Multiobjective Optimization", C. R. Math. 350, 2012;
        for networks Sener, Koltun, NeurIPS 2018, arXiv 1810.04650. Solved exactly, not by Frank-Wolfe steps.
    """
    return len(gram) * nearest_to_origin(gram)
