"""The two halves of a frontal face are mirror images, so their embeddings should agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.core.numerics import normalize

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@loss(
    task="embedding",
    paper="symface",
    aliases=("symmetry_loss", "SymFace"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"threshold": Range(0, 1, search=(0.5, 0.95)), "distance": Choice(("cosine", "squared"))},
    domains={"frontness": "unit"},
    cost=Cost(time="n d", memory="n d"),
)
def face_symmetry(
    left: Float[Tensor, "n d"],
    right: Float[Tensor, "n d"],
    *,
    frontness: Float[Tensor, "n"] | None = None,
    threshold: float = 0.8,
    distance: str = "cosine",
) -> tuple[Float[Tensor, "n"], Bool[Tensor, "n"]]:
    r"""How far the embeddings of a face's halves are apart, for faces that are frontal enough.

    With rho the frontness and rho_0 the threshold:

    .. math:: \ell = [\rho \ge \rho_0] \, (1 - \cos(f_L, f_R))

    A face below the threshold has the value 0 and does not count in the mean. Add it to a loss that keeps faces apart:
    alone it draws everything to one point. `perdita.training.embeddings.symmetric_split` makes halves and
    frontness. For a soft choice give ``weight=frontness`` instead.

    Args:
        left: (n, d) embeddings f_L of the left halves, of any length; gradients flow through both.
        right: (n, d) those of the right halves.
        frontness: (n,) rho in [0, 1], 1 for a frontal face; every face counts unless given.
        threshold: rho_0.
        distance: "cosine", or "squared" for the squared distance of the embeddings scaled to length 1, twice as much.

    Returns:
        (n,) non-negative values.

    Raises:
        InputError: a frontness or threshold outside [0, 1], an unknown distance, shapes that differ.

    Example:
        >>> left, right = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]])
        >>> perdita.functional.face_symmetry(left, right, frontness=torch.tensor([0.9, 0.3])).item()
        0.39999...

    Source:
        Prakash, Jerripothula, Sam, Singh, Umamaheswaran, "SymFace: Additional Facial Symmetry Loss for Deep Face
        Recognition", 2024, arXiv 2409.11816. A reconstruction: the sum with a recognition loss, the split and the
        threshold on a coefficient of three landmarks are the paper's in words; the formulas could not be verified.
    """
    apart = 1 - (normalize(left) * normalize(right)).sum(1)
    values = apart if distance == "cosine" else 2 * apart
    if frontness is None:
        return values, torch.ones_like(values, dtype=torch.bool)
    frontal = frontness >= threshold
    return torch.where(frontal, values, 0.0), frontal
