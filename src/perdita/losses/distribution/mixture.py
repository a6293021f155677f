"""Likelihood of a number under a mixture of normal distributions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from perdita.core import Cost, Traits, loss

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@loss(
    task="distribution",
    paper="lstm-mdn",
    aliases=("mdn_nll", "gaussian_mixture_nll"),
    traits=Traits(convex=False, bounded=False, nonnegative=False, differentiable=True),
    domains={"scales": "positive"},
    cost=Cost(time="n k", memory="n k"),
)
def mixture_nll(
    means: Float[Tensor, "n k"], target: Float[Tensor, "n"], scales: Float[Tensor, "n k"], logits: Float[Tensor, "n k"]
) -> Float[Tensor, "n"]:
    r"""Negative log-likelihood of a number under a mixture of normal distributions.

    With the weights p = softmax(logits):

    .. math:: \ell = -\log \sum_k \exp\Big( \log p_k - \log \sigma_k - \tfrac12 \Big(\frac{t - \mu_k}{\sigma_k}\Big)^2 -
        \tfrac12 \log 2 \pi \Big)

    The sum is never left to the exponentials: far from every part it grows like the square of the nearest. As a scale
    that belongs to one target shrinks, the loss falls without bound; give the scales a floor.

    Args:
        means: (n, k) means of the parts.
        target: (n,) targets t.
        scales: (n, k) standard deviations of the parts, above 0.
        logits: (n, k) unnormalised log-weights of the parts.

    Returns:
        (n,) values, in nats.

    Raises:
        InputError: a scale that is not positive, shapes that differ.

    Example:
        >>> means, scales, logits = torch.zeros(1, 2), torch.ones(1, 2), torch.zeros(1, 2)
        >>> perdita.functional.mixture_nll(means, torch.zeros(1), scales, logits).item()
        0.91893...

    Source:
        Bishop, "Mixture Density Networks", 1994; as used by Herrig, "Risk forecasting using Long Short-Term Memory
        Mixture Density Networks", 2025, arXiv 2501.01278.
    """
    z = (target.unsqueeze(1) - means) / scales
    parts = logits.log_softmax(1) - scales.log() - 0.5 * z.square()  # (n, k)
    return 0.5 * math.log(2 * math.pi) - parts.logsumexp(1)
