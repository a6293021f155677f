"""InfoNCE whose false negatives a second, trained encoder takes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Cost, InputError, Range, Traits, loss
from perdita.core.numerics import normalize
from perdita.losses.embedding.rows import masked_logsumexp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor


@loss(
    task="embedding",
    rowwise=False,
    aliases=("GISTEmbedLoss", "gist", "gist_embed"),
    traits=Traits(convex=False, bounded=True, nonnegative=True),
    ranges={"temperature": Range(0, open="low", search=(0.005, 0.2), log=True), "slack": Range(0, search=(0.0, 0.2))},
    cost=Cost(time="n n d", memory="n n", passes=8),
)
def guided_info_nce(
    first: Float[Tensor, "n d"],
    second: Float[Tensor, "n d"],
    guide_first: Float[Tensor, "n g"],
    guide_second: Float[Tensor, "n g"],
    *,
    negative: Float[Tensor, "m d"] | None = None,
    guide_negative: Float[Tensor, "m g"] | None = None,
    temperature: float = 0.01,
    slack: float = 0.0,
    mask: Bool[Tensor, "n"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Cross-entropy of finding an anchor's counterpart among the items that a guide does not find closer to it.

    With cosines s of these embeddings and g of the guide's, anchors x, counterparts y and further negatives z:

    .. math:: \ell_i = -\log \frac{e^{s(x_i, y_i) / T}}{e^{s(x_i, y_i) / T} + \sum_{(u, v) \in K_i} e^{s(u, v) / T}},
        \qquad K_i = \{(u, v): g(u, v) \le g(x_i, y_i) - \text{slack}\}

    over the pairs (x_i, y_j), (x_i, x_j), (y_i, y_j) with j != i, and (x_i, z_j). No gradient flows to the guide. It
    compares three matrices, so it does not go by blocks; `perdita.kernels.gradient_cache` takes large batches through
    the encoder.

    Args:
        first: (n, d) the anchors x, of any length.
        second: (n, d) their counterparts y.
        guide_first: (n, g) the guide's embeddings of the anchors.
        guide_second: (n, g) those of the counterparts.
        negative: (m, d) further items z that belong to no anchor.
        guide_negative: (m, g) the guide's embeddings of them.
        temperature: T.
        slack: how much less similar a negative must be to the guide than the counterpart.
        mask: (n,); pairs where it is False are not there.

    Returns:
        (n,) non-negative values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, a negative slack, shapes that do not fit, negatives without the guide's.

    Example:
        >>> view = torch.eye(2)
        >>> perdita.functional.guided_info_nce(view, view, view, view, temperature=1.0).item()
        0.74366...

    Source:
        Solatorio, "GISTEmbed: Guided In-sample Selection of Training Negatives for Text Embedding Fine-tuning", 2024,
        arXiv 2402.16829.
    """
    if (negative is None) != (guide_negative is None):
        raise InputError("negative and guide_negative belong together: one of them is missing")
    if len(first) == 0:
        return 0.0 * (first.sum(1) + second.sum(1))
    if mask is not None:
        first, second, guide_first, guide_second = (
            torch.where(mask.unsqueeze(1), view, 0.0) for view in (first, second, guide_first, guide_second)
        )
    x, y, gx, gy = (normalize(view) for view in (first, second, guide_first.detach(), guide_second.detach()))
    scores, judged = [x @ y.T, x @ x.T, y @ y.T], [gx @ gy.T, gx @ gx.T, gy @ gy.T]
    others = ~torch.eye(len(x), dtype=torch.bool, device=x.device)
    there = (others if mask is None else others & mask).repeat(1, 3)
    if negative is not None and guide_negative is not None:
        scores.append(x @ normalize(negative).T)
        judged.append(gx @ normalize(guide_negative.detach()).T)
        there = torch.cat([there, torch.ones_like(judged[3], dtype=torch.bool)], 1)
    own, limit = scores[0].diagonal(), judged[0].diagonal().unsqueeze(1) - slack
    against = masked_logsumexp(torch.cat(scores, 1) / temperature, there & ~(torch.cat(judged, 1) > limit))
    return torch.nn.functional.softplus(against - own / temperature, threshold=40.0)
