"""How well training items cover the space in which unseen items lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import InputError, component
from perdita.core.numerics import widen

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

PLACES = 1 << 24  # distances held at once


@component("metrix")
def utilization(queries: Float[Tensor, "n d"], references: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
    r"""Mean squared distance of a query to the closest reference; lower is better covered.

    .. math:: u = \frac1n \sum_q \min_x \|q - x\|^2

    Queries are embeddings of unseen items, references those of the training items, with mixtures among them where
    training had some. Scale both to length 1 first where the model is searched by cosine.

    Args:
        queries: (n, d).
        references: (m, d).

    Raises:
        InputError: no queries or references, dimensions that differ.

    Example:
        >>> utilization(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0], [3.0, 2.0]])).item()
        2.5

    Source:
        Venkataramanan et al., "It Takes Two to Tango: Mixup for Deep Metric Learning", ICLR 2022, arXiv 2106.04990,
        section 4 (whether the distance is squared there was not verified).
    """
    if queries.ndim != 2 or references.ndim != 2 or queries.shape[1] != references.shape[1]:
        raise InputError(
            f"queries and references must be (n, d) and (m, d), not {tuple(queries.shape)}, {tuple(references.shape)}"
        )
    if not len(queries) or not len(references):
        raise InputError("queries and references must hold at least one item each")
    step = max(1, PLACES // len(references))
    compared = (
        torch.cdist(widen(chunk), widen(references), compute_mode="donot_use_mm_for_euclid_dist")
        for chunk in queries.split(step)
    )
    return torch.cat([distances.amin(1).square() for distances in compared]).mean()
