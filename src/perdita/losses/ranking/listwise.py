"""Whole lists as one choice, or as a sequence of choices: softmax losses of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from perdita.core import Choice, Cost, Range, Traits, loss
from perdita.losses.distillation.rankings import in_one_scale
from perdita.losses.known_slopes import Form, values_of
from perdita.losses.ranking.list_slopes import CHOICE, ORDER
from perdita.losses.ranking.lists import Choices, as_choices, in_integers

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

SOFTMAX_TRAITS = Traits(
    convex=True, bounded=False, nonnegative=True, shift_invariant=True, scale_invariant=False, differentiable=True
)


@loss(
    task="ranking",
    aliases=("listnet", "ListNetLoss"),
    traits=SOFTMAX_TRAITS,
    ranges={
        "temperature": Range(0, open="low", search=(0.1, 10.0), log=True),
        "shares": Choice(("softmax", "proportional")),
    },
    domains={"target": "nonnegative"},
    cost=Cost(time="n m", memory="n m", passes=4),
)
def list_net(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    temperature: float = 1.0,
    shares: str = "softmax",
    mask: Bool[Tensor, "n m"] | None = None,
    reduction: str = "none",
) -> Float[Tensor, "n"]:
    r"""Cross-entropy between the choices that the relevance and that the scores would make from a list.

    .. math:: \ell = -\sum_i \mathrm{softmax}(t / \text{temperature})_i \log \mathrm{softmax}(s)_i

    With shares="proportional" the target is t_i over the sum of the list's relevance: the softmax cross-entropy of
    binary relevance.

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance t, from 0 on.
        temperature: of the relevance; lower ones look at the most relevant items alone.
        shares: "softmax", or "proportional", which has no temperature.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, a temperature that is not above 0, other shares, shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.list_net(scores, target).item()
        1.40760...

    Source:
        Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007, top-one
        probabilities; proportional: Bruch, Wang, Bendersky, Najork, "An Analysis of the Softmax Cross Entropy Loss for
        Learning-to-Rank with Binary Relevance", ICTIR 2019.
    """
    lists = as_choices(scores, target, mask)
    if shares == "proportional":
        return _choice(lists, _shares(lists.target.clamp_min(0.0)), reduction)
    level = lists.target if temperature == 1.0 else lists.target / temperature
    return _choice(lists, level.softmax(1), reduction)


def _choice(lists: Choices, shares: Float[Tensor, "n m"], reduction: str) -> Tensor | tuple[Tensor, Tensor]:
    """The cross-entropy of shares, 0 of absent items."""
    return _of_lists(CHOICE, lists, shares, lists.counted, lists.kept, reduction=reduction)


def _of_lists(
    form: Form, lists: Choices, *facts: Tensor | None, reduction: str, by_hand: bool = True
) -> Tensor | tuple[Tensor, Tensor]:
    """A form of the scores, reduced; where not all lists count, its values as they are, and which do."""
    if lists.counted is None:
        return values_of(form, lists.scores, *facts, reduction=reduction, by_hand=by_hand)
    return values_of(form, lists.scores, *facts, by_hand=by_hand), lists.counted


def _shares(weights: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """Numbers >= 0 over the sum of their list; a NaN stays."""
    return weights / weights.sum(1, keepdim=True).clamp_min(torch.finfo(weights.dtype).tiny)


@loss(
    task="ranking",
    aliases=("listmle", "plackett_luce", "ListMLELoss"),
    traits=SOFTMAX_TRAITS,
    ranges={"k": Range(1, integer=True), "weights": Choice(("uniform", "position"))},
    domains={"target": "nonnegative"},
    cost=Cost(time="n m log m", memory="n m log m", passes=12),
)
def list_mle(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    k: int | None = None,
    weights: str = "uniform",
    mask: Bool[Tensor, "n m"] | None = None,
    reduction: str = "none",
) -> Float[Tensor, "n"]:
    r"""How unlikely the order by relevance is, as choices from what is left (Plackett and Luce).

    With π the order of a list by falling relevance:

    .. math:: \ell = \sum_i \Big( \log \sum_{j \ge i} e^{s_{\pi_j}} - s_{\pi_i} \Big)

    Items of equal relevance keep the order of their places: shuffle them for an order at random. With
    weights="position" (p-ListMLE) the i-th choice of m weighs (2^{m - i} - 1) / (2^{m - 1} - 1): the first 1, each
    about half of the one before.

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance, from 0 on; only its order counts.
        k: how many choices count, from the first on; None for all.
        weights: of the choices, "uniform" for 1 each, or "position".
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, k below 1, other weights, shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 1, 2]])
        >>> perdita.functional.list_mle(scores, target).item()
        3.53453...

    Source:
        Xia et al., "Listwise Approach to Learning to Rank: Theory and Algorithm", ICML 2008; k: Xia et
        al., "Statistical Consistency of Top-k Ranking", NeurIPS 2009; position: Lan, Zhu, Guo, Niu, Cheng,
        "Position-Aware ListMLE: A Sequential Learning Process for Ranking", UAI 2014, with weights over the first.
    """
    lists = as_choices(scores, target, mask)
    order = in_integers(lists.target, positive=True).argsort(dim=1, descending=True, stable=True)
    size: int | Int[Tensor, "n 1"] = order.shape[1]
    there = None
    counts = lists.top.new_ones(1, 1)
    if lists.counted is not None:
        counts = (lists.counted + 0.0 * lists.top).unsqueeze(1)  # a NaN of the relevance shows
    if lists.kept is not None:  # the absent ones are now the last ones
        size = lists.kept.sum(1, keepdim=True)
        there = (torch.arange(order.shape[1], device=order.device) < size).to(counts.dtype)
        counts = counts * there
    if weights == "position":
        counts = counts * _position_weights(lists.target, size)
    if k is not None:
        counts = counts * (torch.arange(order.shape[1], device=order.device) < k).to(counts.dtype)
    near = in_one_scale(lists.scores)
    return _of_lists(ORDER, lists, order, counts, there, reduction=reduction, by_hand=near)


def _position_weights(like: Float[Tensor, "n m"], size: int | Int[Tensor, "n 1"]) -> Float[Tensor, "n *m"]:
    """(2^(m - i) - 1) / (2^(m - 1) - 1), from powers that do not overflow; the last choice weighs nothing."""
    behind = torch.arange(like.shape[1], device=like.device, dtype=like.dtype)
    last = torch.exp2(1 - torch.as_tensor(size, dtype=like.dtype, device=like.device))
    return (torch.exp2(-behind) - last).clamp_min(0.0) / torch.where(last == 1, 1.0, 1 - last)


@loss(
    task="ranking",
    aliases=("xendcg", "xe_ndcg_mart", "XeNdcgLoss"),
    traits=SOFTMAX_TRAITS,
    domains={"target": "nonnegative", "gamma": "unit"},
    cost=Cost(time="n m", memory="n m", passes=4),
)
def xe_ndcg(
    scores: Float[Tensor, "n m"],
    target: Float[Tensor, "n m"] | Int[Tensor, "n m"],
    *,
    gamma: Float[Tensor, "n m"] | None = None,
    mask: Bool[Tensor, "n m"] | None = None,
    reduction: str = "none",
) -> Float[Tensor, "n"]:
    r"""Cross-entropy whose target shares bound NDCG: the gains, each less a number at random.

    .. math:: \ell = -\sum_i \frac{2^{t_i} - \gamma_i}{\sum_j (2^{t_j} - \gamma_j)} \log \mathrm{softmax}(s)_i

    Args:
        scores: (n, m) scores s of the m items of each of n lists.
        target: (n, m) relevance t, from 0 on.
        gamma: (n, m) numbers γ in [0, 1], drawn anew in each step as in the paper: ``torch.rand_like(scores)``. Without
            them it is 1/2 for all.
        mask: boolean (n, m), False for an item that is not there (lists of different lengths), or (n,) for lists.

    Returns:
        (n,) non-negative values; 0, and not counted in the mean, where no item is relevant.

    Raises:
        InputError: relevance below 0, gamma outside [0, 1], shapes that do not fit.

    Example:
        >>> scores, target = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[0, 0, 1]])
        >>> perdita.functional.xe_ndcg(scores, target).item()
        1.40760...

    Source:
        Bruch, "An Alternative Cross Entropy Loss for Learning-to-Rank", WWW 2021, arXiv 1911.09798, equations 4 and 5.
    """
    lists = as_choices(scores, target, mask)
    top = lists.top.clamp_min(0.0).unsqueeze(1)
    least = torch.exp2(-top)  # 2^0 in a scale of each list's own, in which the largest 2^t is 1
    noise: float | Tensor = 0.5
    if gamma is not None and gamma.shape[1]:
        noise = gamma.detach() if lists.kept is None else torch.where(lists.kept, gamma.detach(), 0.5)
    raised = torch.exp2(lists.target - top) - noise * least
    return _choice(lists, _shares(raised.clamp_min_(0.0)), reduction)  # below 0 only where an item is absent
