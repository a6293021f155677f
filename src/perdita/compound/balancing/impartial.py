"""The direction that has one and the same cosine with every gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.compound.balancing.methods import method

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@method("imtl_g")
def impartial(gram: Float[Tensor, "k k"]) -> Float[Tensor, "k"]:
    r"""Impartial multi-task learning: equal projections of the sum onto all unit gradients.

    .. math:: w = k \frac{G^{+} d}{1^\top G^{+} d}, \quad d_i = \|g_i\|

    Weights may be negative; they are 0 where the denominator is.

    Args:
        gram: Gramian G of the gradients.

    Source:
        Liu, Li, Kuang, Xue, Chen, Yang, Liao, Zhang, "Towards Impartial Multi-task Learning" (IMTL-G), ICLR 2021; with
        a pseudo-inverse for dependent gradients, as in arXiv 2406.16232.
    """
    g = gram.double()
    found: Tensor = (
        torch.linalg.pinv(g, hermitian=True, rtol=len(g) * torch.finfo(gram.dtype).eps) @ g.diagonal().sqrt()
    )
    total = found.sum()
    tiny = total.abs() <= 1e-12 * found.abs().sum()
    return torch.where(tiny, 0.0, len(g) * found / torch.where(tiny, 1.0, total))
