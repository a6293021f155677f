"""Supervised contrastive loss: every item of the anchor's class against all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Range, Traits
from perdita.losses.embedding.pairs import pair_loss
from perdita.losses.embedding.rows import masked_logsumexp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@pair_loss(
    aliases=("supcon", "sup_con_loss", "SupConLoss"),
    traits=Traits(convex=False, nonnegative=True),
    ranges={"temperature": Range(0, open="low", search=(0.01, 1.0), log=True), "form": Choice(("out", "in"))},
)
def sup_con(
    similarity: Float[Tensor, "b m"],
    positive: Bool[Tensor, "b m"],
    negative: Bool[Tensor, "b m"],
    *,
    temperature: float = 0.1,
    form: str = "out",
) -> tuple[Float[Tensor, "b"], Bool[Tensor, "b"]]:
    r"""Cross-entropy of finding an anchor's positives among all other items.

    With s_j the anchor's similarity to item j, P its positives and A all items but itself:

    .. math:: \ell_\text{out} = -\frac{1}{|P|} \sum_{p \in P} \log \frac{e^{s_p / T}}{\sum_{a \in A} e^{s_a / T}},
        \qquad \ell_\text{in} = -\log \frac{1}{|P|} \sum_{p \in P} \frac{e^{s_p / T}}{\sum_{a \in A} e^{s_a / T}}

    An anchor without a positive has the value 0 and is not counted in the mean.

    Args:
        temperature: T.
        form: "out" sums outside of the logarithm, "in" inside; the paper prefers "out".

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, labels below 0, an unknown form, similarity or selection.

    Example:
        >>> embedding = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> perdita.functional.sup_con(embedding, torch.tensor([0, 0, 1, 1]), temperature=1.0).item()
        0.55144...

    Source:
        Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, arXiv 2004.11362, equations 2 and 3, without
        the factor of temperature over base temperature that the authors' code has.
    """
    logits = similarity / temperature
    total = masked_logsumexp(logits, positive | negative)
    share = positive.to(logits.dtype)
    count = share.sum(1)
    if form == "in":
        found = masked_logsumexp(logits, positive) - count.clamp(min=1).log()
    else:
        found = (logits * share).sum(1) / count.clamp(min=1)
    return torch.where(count > 0, total - found, 0.0), count > 0
