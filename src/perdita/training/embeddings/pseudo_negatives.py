"""Items of a class that nobody has seen: drawn around the mean of those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import component

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@component("hyp-oc")
class PseudoNegatives(nn.Module):
    r"""As many Gaussian vectors as there are features, around a mean of the last two batches.

    With m_t the mean of batch t and m_{-1} = 0:

    .. math:: \mu_t = \alpha \, m_{t-1} + (1 - \alpha) \, m_t, \qquad x \sim \mathcal N(\mu_t, \sigma^2 I)

    The mean remembers no more than the batch before. No gradient flows to the features. One-class training takes the
    vectors as its second class.

    Args:
        dimension: of the features.
        deviation: sigma.
        memory: alpha, the share of the batch before.

    Source: Narayan, Patel, "Hyp-OC: Hyperbolic One Class Classification for Face Anti-Spoofing", FG 2024,
    arXiv 2404.14406. The authors' code starts from 0 anew in every epoch: call `reset` for that.
    """

    last_mean: Tensor

    def __init__(self, dimension: int, *, deviation: float = 1.0, memory: float = 0.8) -> None:
        super().__init__()
        self.deviation, self.memory = deviation, memory
        self.register_buffer("last_mean", torch.zeros(dimension))

    @torch.no_grad()
    def forward(
        self, features: Float[Tensor, "n d"], *, generator: torch.Generator | None = None
    ) -> Float[Tensor, "n d"]:
        """The vectors; the batch's mean is remembered."""
        mean = features.mean(0)
        center = self.memory * self.last_mean + (1 - self.memory) * mean
        self.last_mean.copy_(mean)
        if generator is None:
            noise = torch.randn_like(features)
        else:
            noise = torch.randn(features.shape, generator=generator, dtype=features.dtype, device=features.device)
        return center + self.deviation * noise

    @torch.no_grad()
    def reset(self) -> None:
        """Forget the batch before."""
        self.last_mean.zero_()
