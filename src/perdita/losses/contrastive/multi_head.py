"""Several projection heads, and a temperature for every pair: the likelihood of views around their anchor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from perdita.core import Cost, Criterion, Range, Traits, component, loss
from perdita.core.numerics import most_negative, normalize

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


def temperature_cost(temperature: Float[Tensor, "*b"], dimension: int) -> Float[Tensor, "*b"]:
    r"""\Omega(\tau) = (d/2) \log \tau + 1/\tau: what is left of a Gaussian's -log density on the unit sphere."""
    return dimension / 2 * temperature.log() + 1 / temperature


@loss(
    task="embedding",
    paper="amcl",
    aliases=("amcl", "amcl_loss"),
    traits=Traits(bounded=False),
    ranges={
        "beta": Range(0, search=(1e-3, 1.0), log=True),
        "dimension": Range(1, integer=True),
    },
    domains={"positive_temperature": "positive", "negative_temperature": "positive"},
    cost=Cost(time="h n m", memory="h n m"),
)
def multi_head_contrastive(
    positive: Float[Tensor, "h n"],
    negative: Float[Tensor, "h n m"],
    positive_temperature: Float[Tensor, "h n"],
    negative_temperature: Float[Tensor, "h n m"],
    *,
    beta: float = 0.1,
    dimension: int = 128,
    hard: bool = False,
    negative_mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "n"]:
    r"""Contrast of an anchor's positive with its negatives in every head, each pair at its own temperature.

    With the similarity s and temperature t+ of the positive, those of the negatives, and
    \Omega(t) = (d/2) \log t + 1/t:

    .. math:: \ell_\text{soft} = \sum_\text{heads} \Bigl[\log\Bigl(1 + \sum_j e^{s_j / t_j - s_+ / t_+}\Bigr)
        + \beta\,\Omega(t_+)\Bigr]

        \ell_\text{hard} = \sum_\text{heads} \Bigl[\frac{s_*}{t_*} - \frac{s_+}{t_+}
        + \beta\,\Omega(t_+) - \beta\,\Omega(t_*)\Bigr], \qquad * = \arg\max_j s_j

    The soft form with one head, one temperature and beta = 0 is InfoNCE. The hard one is unbounded below in t_*: keep
    temperatures in an interval. Without a negative only the terms of the positive remain. The table's other forms: with
    the positive and its temperature among the negatives the hard one is that of InfoNCE (2.4), and without negatives,
    at twice the beta, the mean over both views is that of SimSiam (2.2).

    Args:
        positive: (h, n) in each of h heads the anchor's similarity to its positive.
        negative: (h, n, m) its similarities to the negatives.
        positive_temperature: (h, n) t+.
        negative_temperature: (h, n, m) t.
        beta: weight of the temperatures' cost; 1 is the likelihood itself.
        dimension: d, the width of the heads.
        hard: the paper's form, with the most similar negative alone (the first of several).
        negative_mask: boolean (n, m); False leaves a negative out.

    Returns:
        (n,) values, one for each anchor.

    Raises:
        InputError: a temperature <= 0, a negative beta, shapes that do not fit.

    Example:
        >>> positive, negative = torch.tensor([[0.5]]), torch.tensor([[[0.5, 0.1]]])
        >>> one = torch.ones(1, 1)
        >>> loss = perdita.functional.multi_head_contrastive
        >>> loss(positive, negative, one, torch.ones(1, 1, 2), hard=True, beta=0.0).item()
        0.0

    Source:
        Wang, Koniusz, Gedeon, Zheng, "Adaptive Multi-head Contrastive Learning", ECCV 2024, arXiv 2310.05615, equation
        2.1 of the table in the authors' repository ("hard"). Their code does not run as it stands and contrasts nothing
        with the negatives. The soft form is a relaxation that is not the paper's.
    """
    temperatures = positive_temperature, negative_temperature
    return _contrast(positive, negative, *temperatures, beta, dimension, hard, negative_mask)


def _contrast(
    positive: Float[Tensor, "h n"],
    negative: Float[Tensor, "h n m"],
    positive_temperature: Float[Tensor, "h n"],
    negative_temperature: Float[Tensor, "h n m"],
    beta: float,
    dimension: int,
    hard: bool,
    negative_mask: Bool[Tensor, "n m"] | None,
) -> Float[Tensor, "n"]:
    scaled = positive / positive_temperature
    value = beta * temperature_cost(positive_temperature, dimension)
    kept = torch.ones_like(negative[0], dtype=torch.bool) if negative_mask is None else negative_mask
    if negative.shape[2] == 0:
        return (value - scaled if hard else value + 0.0 * scaled).sum(0)
    if hard:
        hidden = negative.masked_fill(~kept, most_negative(negative.dtype))
        hardest = hidden.detach().argmax(2, keepdim=True)  # (h, n, 1)
        chosen, temperature = (each.gather(2, hardest).squeeze(2) for each in (negative, negative_temperature))
        against = chosen / temperature - beta * temperature_cost(temperature, dimension)
        return (value - scaled + torch.where(kept.any(1), against, 0.0)).sum(0)
    logits = (negative / negative_temperature).masked_fill(~kept, most_negative(negative.dtype))
    return (value - scaled + torch.cat([scaled.unsqueeze(2), logits], 2).logsumexp(2)).sum(0)


@component("amcl")
class PairTemperature(nn.Module):
    r"""A temperature for each pair of embeddings, between two bounds, from a small network.

    t = lowest + (highest - lowest) \sigma(MLP([a; b])), with one hidden layer of ReLUs. Embeddings are normalised
    first: a temperature cannot learn their lengths.

    Args:
        dimension: of the embeddings.
        hidden: width of the hidden layer.
        lowest, highest: bounds of the temperature. The authors' code has 1e-5 and 2; 1e-5 lets logits reach 1e5.
        heads: a network for each of so many heads, as in the authors' code; None shares one, as in their figure.
    """

    def __init__(
        self, dimension: int, *, hidden: int = 128, lowest: float = 0.05, highest: float = 2.0, heads: int | None = None
    ) -> None:
        super().__init__()
        self.lowest, self.highest = lowest, highest
        each = heads or 1
        wide, narrow = 1 / math.sqrt(2 * dimension), 1 / math.sqrt(hidden)
        self.first = nn.Parameter(torch.empty(each, dimension, hidden).uniform_(-wide, wide))
        self.second = nn.Parameter(torch.empty(each, dimension, hidden).uniform_(-wide, wide))
        self.bias = nn.Parameter(torch.empty(each, 1, hidden).uniform_(-wide, wide))
        self.out = nn.Parameter(torch.empty(each, hidden, 1).uniform_(-narrow, narrow))
        self.out_bias = nn.Parameter(torch.empty(each, 1).uniform_(-narrow, narrow))

    def forward(self, anchor: Float[Tensor, "h n d"], other: Float[Tensor, "h n d"]) -> Float[Tensor, "h n"]:
        """The temperatures of n pairs in each head."""
        hidden = normalize(anchor) @ self.first + normalize(other) @ self.second + self.bias  # (h, n, hidden)
        return self._bounded((hidden.relu() @ self.out).squeeze(-1))

    def between(self, anchor: Float[Tensor, "h n d"], other: Float[Tensor, "h m d"]) -> Float[Tensor, "h n m"]:
        """The temperatures of every anchor and every other in each head."""
        mine, theirs = normalize(anchor) @ self.first + self.bias, normalize(other) @ self.second
        hidden = (mine.unsqueeze(2) + theirs.unsqueeze(1)).relu()  # (h, n, m, hidden)
        return self._bounded((hidden.flatten(1, 2) @ self.out).squeeze(-1).unflatten(1, hidden.shape[1:3]))

    def _bounded(self, logit: Tensor) -> Tensor:
        shift = self.out_bias.view(-1, *[1] * (logit.ndim - 1))
        return self.lowest + (self.highest - self.lowest) * torch.sigmoid(logit + shift)


@loss(
    task="embedding",
    paper="amcl",
    rowwise=False,
    ranges={
        "dimension": Range(1, integer=True),
        "hidden": Range(1, integer=True),
        "lowest": Range(0, open="low"),
        "highest": Range(0, open="low"),
        "beta": Range(0),
    },
    cost=Cost(time="h n n d", memory="h n n d"),
)
class AdaptiveMultiHead(Criterion):
    r"""Two views of a batch in several heads, each pair at a temperature that a small network learns (AMCL).

    The values of `multi_head_contrastive`, with cosines of all views in each head: a view's positive is the other view
    of its item, its negatives are all views of all other items, and an item's value is the mean of its two views'.

    Args:
        first: (n, h, d) one view of every item, in h heads.
        second: (n, h, d) the other view.
        dimension: d.
        heads: a temperature network for each of so many heads; None shares one.
        hidden: width of the temperature network.
        lowest: bound of the temperatures.
        highest: bound of the temperatures.
        beta: weight of the temperatures' cost.
        hard: the paper's form, with the most similar negative alone; it learns more slowly from large batches.

    Returns:
        (n,) values, one for each item.

    Raises:
        InputError: bounds <= 0, a negative beta, views that differ in shape.

    Example:
        >>> criterion = perdita.AdaptiveMultiHead(dimension=2, lowest=1.0, highest=1.0, beta=0.0)
        >>> criterion(torch.eye(2).unsqueeze(1), torch.eye(2).unsqueeze(1)).item()
        0.55144...

    Source:
        Wang, Koniusz, Gedeon, Zheng, ECCV 2024, arXiv 2310.05615, equation 2.1 of the table in the authors' repository;
        the soft form, the default, is not theirs. beta and the widths are those of their code.
    """

    def __init__(
        self,
        *,
        dimension: int,
        heads: int | None = None,
        hidden: int = 128,
        lowest: float = 0.05,
        highest: float = 2.0,
        beta: float = 0.1,
        hard: bool = False,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction=reduction, ignore_index=ignore_index)
        self.dimension, self.beta, self.hard = dimension, beta, hard
        self.temperature = PairTemperature(dimension, hidden=hidden, lowest=lowest, highest=highest, heads=heads)

    def per_example(
        self, first: Float[Tensor, "n h d"], second: Float[Tensor, "n h d"], *, mask: Bool[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n"]:
        """One value for each item."""
        n = first.shape[0]
        if n == 0:
            return 0.0 * (first + second).sum((1, 2))
        there = torch.ones(n, dtype=torch.bool, device=first.device) if mask is None else mask
        both = torch.cat([first, second]).transpose(0, 1)  # (h, 2n, d)
        views = normalize(torch.where(there.repeat(2).unsqueeze(1), both, 0.0))
        others = views.roll(n, 1)
        positive, negative = (views * others).sum(2), views @ views.transpose(1, 2)
        item = torch.arange(2 * n, device=views.device) % n
        kept = (item.unsqueeze(1) != item) & there.repeat(2)
        if self.hard:  # a temperature for the chosen pair alone
            hardest = negative.detach().masked_fill(~kept, most_negative(negative.dtype)).argmax(2)  # (h, 2n)
            negative = negative.gather(2, hardest.unsqueeze(2))
            chosen = views.gather(1, hardest.unsqueeze(2).expand_as(views))
            against, kept = self.temperature(views, chosen).unsqueeze(2), kept.any(1, keepdim=True)
        else:
            against = self.temperature.between(views, views)
        own = self.temperature(views, others)
        values = _contrast(positive, negative, own, against, self.beta, self.dimension, self.hard, kept)
        return 0.5 * (values[:n] + values[n:])
