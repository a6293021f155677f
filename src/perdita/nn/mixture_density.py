"""Networks that predict a mixture of normal distributions, and what can be asked of such a mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.losses.distribution.mixture import mixture_nll

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

HALVINGS = 80  # of an interval of scales: beyond the digits of float64


@component("lstm-mdn", name="Mixture")
class Mixture(NamedTuple):
    """A mixture of k normal distributions for each of n items."""

    means: Float[Tensor, "n k"]
    scales: Float[Tensor, "n k"]
    logits: Float[Tensor, "n k"]

    def weights(self) -> Float[Tensor, "n k"]:
        """Probability of each part."""
        return self.logits.softmax(1)

    def mean(self) -> Float[Tensor, "n"]:
        """Expected value."""
        return (self.weights() * self.means).sum(1)

    def cdf(self, value: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
        """Probability of at most ``value``."""
        z = (value.unsqueeze(1) - self.means) / self.scales
        return (self.weights() * torch.special.ndtr(z)).sum(1)

    @torch.no_grad()
    def quantile(self, probability: float) -> Float[Tensor, "n"]:
        """The value that is not exceeded with this probability, by bisection between the parts' own quantiles.

        Raises:
            InputError: a probability outside (0, 1).
        """
        if not 0 < probability < 1:
            raise InputError(f"probability must be a number in (0, 1), not {probability!r}")
        z = torch.special.ndtri(torch.tensor(probability, dtype=torch.float64)).to(self.means)
        ends = self.means + self.scales * z
        low, high = ends.amin(1), ends.amax(1)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            below = self.cdf(middle) < probability
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return (low + high) / 2

    def nll(self, target: Float[Tensor, "n"]) -> Float[Tensor, ""]:
        """Mean of `mixture_nll`."""
        return mixture_nll(self.means, target, self.scales, self.logits)


@component("lstm-mdn")
def read_mixture(raw: Float[Tensor, "n k3"], *, least_scale: float = 1e-6) -> Mixture:
    r"""Numbers without a domain as a mixture: k means, then k raw scales a, then k logits, side by side.

    A scale is elu(a) + 1 + least_scale, which is \exp(a) below 0 and a + 1 above.

    Raises:
        InputError: a number of columns that is not three times a whole number.
    """
    if raw.shape[1] % 3:
        raise InputError(f"raw must have three columns for each part of the mixture, not {raw.shape[1]} columns")
    means, scales, logits = raw.chunk(3, 1)
    positive = scales > 0
    grown = torch.where(positive, scales + 1, torch.where(positive, 0.0, scales).exp())  # elu(a) + 1 without cancelling
    return Mixture(means, grown + least_scale, logits)


@component("lstm-mdn")
def logit_penalty(mixture: Mixture, strength: float) -> Float[Tensor, ""]:
    """strength times the SUM, over the batch too, of the squared logits: it pulls the parts to equal weights.

    The likelihood beside it is a mean: the penalty's share grows with the batch, as in the authors' code.
    """
    return strength * mixture.logits.square().sum()


@component("lstm-mdn")
class MixtureDensityHead(nn.Linear):
    """A linear layer that predicts a mixture of normal distributions.

    Args:
        features: width of what it reads.
        parts: number of normal distributions.
        least_scale: floor of the standard deviations, in the unit of the target.

    Raises:
        InputError: no part.
    """

    def __init__(self, features: int, parts: int, *, least_scale: float = 1e-6) -> None:
        if parts < 1:
            raise InputError(f"parts must be at least 1, not {parts}")
        super().__init__(features, 3 * parts)
        self.least_scale = least_scale

    def decode(self, raw: Float[Tensor, "n k3"]) -> Mixture:
        """The mixture that outputs stand for."""
        return read_mixture(raw, least_scale=self.least_scale)


@component("lstm-mdn")
class RecurrentMixture(nn.Module):
    """The last returns through an LSTM and a dense layer to the mixture of the next one.

    The cell is written out, so that models of many seeds can be stacked. The authors' cell has ReLU in place of tanh,
    which PyTorch's does not know and this one does not copy. Give it returns in percent: at their natural size of 0.01
    the scales, which begin near 1, are far away and learning stalls.

    Args:
        parts: number of normal distributions.
        width: of the LSTM.
        hidden: width of the dense layer.
        least_scale: floor of the standard deviations.

    Source:
        Herrig, "Risk forecasting using Long Short-Term Memory Mixture Density Networks", 2025, arXiv 2501.01278; from
        the authors' code, for the thesis itself was not read. The code stops early on its training loss; do not.
    """

    def __init__(self, parts: int, *, width: int = 6, hidden: int = 10, least_scale: float = 1e-6) -> None:
        super().__init__()
        self.width = width
        self.read = nn.Linear(1, 4 * width)
        self.recall = nn.Linear(width, 4 * width, bias=False)
        self.dense = nn.Linear(width, hidden)
        self.head = MixtureDensityHead(hidden, parts, least_scale=least_scale)

    def forward(self, returns: Float[Tensor, "n t"]) -> Float[Tensor, "n k3"]:
        """What `read_mixture` reads, after the last of t returns."""
        state = memory = returns.new_zeros(returns.shape[0], self.width)
        for step in returns.unsqueeze(2).unbind(1):
            enter, forget, new, leave = (self.read(step) + self.recall(state)).chunk(4, 1)
            memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
            state = leave.sigmoid() * memory.tanh()
        return self.head(self.dense(state).relu())
