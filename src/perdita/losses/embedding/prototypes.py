"""Episodes with few examples: queries against the prototypes of their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, Range, Traits, component, loss
from perdita.core.numerics import class_indicator, pick
from perdita.losses.embedding.similarity import squared_distance

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

ROUND = 1e-6  # added to squared distances: at distance 0 the gradient is 0


@component("susana")
def class_prototypes(
    embedding: Float[Tensor, "n d"], label: Int[Tensor, "n"], classes: int
) -> Float[Tensor, "classes d"]:
    """The mean embedding of each class; 0 for a class without an item.

    Args:
        embedding: (n, d) support items.
        label: (n,) their classes, from 0 to classes - 1.
        classes: how many there are.
    """
    member = (label == torch.arange(classes, device=label.device).unsqueeze(1)).to(embedding.dtype)  # (classes, n)
    return member @ embedding / member.sum(1, keepdim=True).clamp(min=1)


def rounded_distance(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    r"""\sqrt{\|x - y\|^2 + 10^{-6}}."""
    return (squared_distance(x, y) + ROUND).sqrt()


@loss(
    task="embedding",
    paper="susana",
    traits=Traits(convex=False, bounded=True, nonnegative=True, differentiable=False),
    ranges={"margin": Range(0, search=(0.05, 2.0), log=True)},
    cost=Cost(time="n c d", memory="n c"),
)
def proto_triplet(
    query: Float[Tensor, "n d"], label: Int[Tensor, "n"], prototypes: Float[Tensor, "c d"], *, margin: float = 0.5
) -> Float[Tensor, "n"]:
    r"""How much the nearest foreign prototype lacks to a margin farther away than the own one.

    .. math:: \ell = \max\Bigl(0, d(x, p_y) - \min_{c \ne y} d(x, p_c) + \text{margin}\Bigr), \qquad
        d(u, v) = \sqrt{\|u - v\|^2 + 10^{-6}}

    With one prototype alone the value is 0. It is the `triplet` of kind "hard" with the prototypes as reference.

    Args:
        query: (n, d) the items x.
        label: (n,) their classes y: rows of the prototypes.
        prototypes: (c, d) one for each class, as `class_prototypes` gives them.
        margin: the lead that costs nothing.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: labels outside 0..c-1, a negative margin, shapes that do not fit.

    Example:
        >>> query, prototypes = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0], [2.5, 0.0]])
        >>> perdita.functional.proto_triplet(query, torch.tensor([0]), prototypes, margin=1.0).item()
        0.50000...

    Source:
        Mendez-Ruiz et al., "SuSana Distancia is all you need", 2023, arXiv 2305.09062, checked against the authors'
        code.
    """
    apart = rounded_distance(query, prototypes)  # (n, c)
    rival = apart.masked_fill(class_indicator(label, apart), torch.inf).amin(1)
    return (pick(apart, label) - rival + margin).clamp_min(0.0)
