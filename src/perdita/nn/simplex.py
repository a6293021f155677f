"""A recommender whose user is half an embedding of its own, half what was chosen before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from perdita.core import InputError, component
from perdita.core.numerics import most_negative, normalize

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

AGGREGATORS = ("mean", "user_attention", "self_attention")


@component("simplex-ccl")
class SimpleX(nn.Module):
    r"""Cosines of users and items; the user's vector blends its embedding with the items of its history.

        h = g e_u + (1 - g) W a,    a = an average of the embeddings e_i of the history's items

    mean: a = mean e_i. user_attention: weights softmax_i(e_u^T tanh(W_k e_i + b)). self_attention: the same with one
    learnt query for all users. An empty history has a = 0. With g = 1 it is matrix factorisation with cosines.

    Args:
        users: number of users.
        items: number of items.
        dimension: of the embeddings.
        own_share: g, in [0, 1]; 1 on Yelp18 and 0.8 on Gowalla.
        aggregator: "mean", "user_attention" or "self_attention".
        dropout: of the user's vector.
        deviation: standard deviation of the embeddings at the start.

    Raises:
        InputError: a share outside [0, 1], another aggregator, a size below 1.

    Source: Mao et al., "SimpleX: A Simple and Strong Baseline for Collaborative Filtering", CIKM 2021, arXiv
    2109.12613, section 4.
    """

    def __init__(
        self,
        users: int,
        items: int,
        dimension: int = 64,
        *,
        own_share: float = 0.8,
        aggregator: str = "mean",
        dropout: float = 0.1,
        deviation: float = 1e-4,
    ) -> None:
        super().__init__()
        if not 0 <= own_share <= 1 or aggregator not in AGGREGATORS:
            raise InputError(
                f"own_share must lie in [0, 1] and aggregator be one of {AGGREGATORS}, not {own_share!r} and "
                f"{aggregator!r}"
            )
        if min(users, items, dimension) < 1:
            raise InputError(f"users, items and dimension must be at least 1, not {users}, {items} and {dimension}")
        self.own_share, self.aggregator = own_share, aggregator
        self.users, self.items = nn.Embedding(users, dimension), nn.Embedding(items, dimension)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=deviation)
        self.projection = nn.Linear(dimension, dimension, bias=False)
        self.dropout = nn.Dropout(dropout)
        if aggregator != "mean":
            self.keys = nn.Linear(dimension, dimension)
        if aggregator == "self_attention":
            self.query = nn.Parameter(torch.randn(dimension) / dimension**0.5)

    def forward(
        self,
        user: Int[Tensor, "n"],
        candidates: Int[Tensor, "n k"],
        history: Int[Tensor, "n h"] | None = None,
        history_mask: Bool[Tensor, "n h"] | None = None,
    ) -> Float[Tensor, "n k"]:
        """Cosine of each user and each of its candidates.

        Args:
            user: (n,) indices.
            candidates: (n, k) indices of items; the first may be the one that was chosen, the others drawn.
            history: (n, h) indices of the items chosen before, padded by any; None for none.
            history_mask: (n, h), False where it is padding.
        """
        vector = self.user_vector(user, history, history_mask)
        return torch.einsum("nd,nkd->nk", vector, normalize(self.items(candidates)))

    def user_vector(
        self,
        user: Int[Tensor, "n"],
        history: Int[Tensor, "n h"] | None = None,
        history_mask: Bool[Tensor, "n h"] | None = None,
    ) -> Float[Tensor, "n d"]:
        """Users' vectors of length 1, after dropout; against all items take ``@ normalize(model.items.weight).T``."""
        own = self.users(user)
        blended = self.own_share * own
        if history is not None and self.own_share < 1:
            blended = blended + (1 - self.own_share) * self.projection(self._average(own, history, history_mask))
        return normalize(self.dropout(blended))

    def _average(
        self, own: Float[Tensor, "n d"], history: Int[Tensor, "n h"], mask: Bool[Tensor, "n h"] | None
    ) -> Float[Tensor, "n d"]:
        chosen = self.items(history)  # (n, h, d)
        there = torch.ones_like(history, dtype=torch.bool) if mask is None else mask
        share = there.to(chosen.dtype)
        if self.aggregator != "mean":
            query = own if self.aggregator == "user_attention" else self.query.expand_as(own)
            score = torch.einsum("nd,nhd->nh", query, self.keys(chosen).tanh())
            share = share * score.masked_fill(~there, most_negative(score.dtype)).softmax(1)
        else:
            share = share / share.sum(1, keepdim=True).clamp(min=1)
        return torch.einsum("nh,nhd->nd", share, chosen)
