"""Cross networks: products of features whose order grows by one in a layer, or doubles, and the two together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from perdita.core import InputError, component

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


class _Cross(nn.Module):
    """Layers that add to x a product with C(x) + b, and a linear readout.

        h = W x in R^{D/2},    C(x) = [h ; h * relu(LayerNorm(h))]

    The mask in the second half leaves about half of it out, and the halves share their weights. With batch norm, the
    mask is relu(LayerNorm(BatchNorm(h))), each head scaled by its mean and variance over the batch.
    """

    def __init__(
        self,
        dimension: int,
        layers: int,
        *,
        layer_norm: bool = True,
        batch_norm: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if dimension < 2 or dimension % 2 or layers < 1:
            raise InputError(f"dimension must be even and layers at least 1, not {dimension} and {layers}")
        self.weights = nn.ModuleList(nn.Linear(dimension, dimension // 2, bias=False) for _ in range(layers))
        self.biases = nn.ParameterList(nn.Parameter(torch.rand(dimension)) for _ in range(layers))
        norm = (lambda: nn.LayerNorm(dimension // 2)) if layer_norm else nn.Identity
        self.norms = nn.ModuleList(norm() for _ in range(layers))
        if batch_norm is not None:
            self.norms = nn.ModuleList(nn.Sequential(nn.BatchNorm1d(batch_norm), norm) for norm in self.norms)
        self.dropout, self.readout = nn.Dropout(dropout), nn.Linear(dimension, 1)

    def features(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """What the readout sees."""
        first = x
        for weight, bias, norm in zip(self.weights, self.biases, self.norms, strict=True):
            half = weight(x)
            crossed = torch.cat([half, half * norm(half).relu()], -1) + bias
            x = self.dropout(self.factor(first, x) * crossed + x)
        return x

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
        """One logit for each vector."""
        found: Tensor = self.readout(self.features(x)).squeeze(-1)
        return found

    def factor(self, first: Tensor, x: Tensor) -> Tensor:
        """What is multiplied by C(x) + b."""
        raise NotImplementedError


@component("fcn-tribce")
class LinearCross(_Cross):
    """Linear cross network: x' = x_1 * (C(x) + b) + x, of order k + 1 after k layers (without LayerNorm and mask).

    Args:
        dimension: D, even.
        layers: how many.
        layer_norm: False takes the mask from h itself.
        batch_norm: number of heads, of vectors (n, heads, D), to normalise each over the batch before that; None: none.
        dropout: after each layer.

    Raises:
        InputError: an odd dimension, no layer.

    Source: Li et al., arXiv 2407.13349, and the authors' code; biases start uniform in [0, 1], as there.
    """

    def factor(self, first: Tensor, x: Tensor) -> Tensor:
        return first


@component("fcn-tribce")
class ExponentialCross(_Cross):
    """Exponential cross network: x' = x * (C(x) + b) + x, of order 2^k after k layers (without LayerNorm and mask).

    Arguments as for `LinearCross`. Values grow fast with depth: take few layers, clip gradients, keep float32.

    Source: Li et al., arXiv 2407.13349, and the authors' code.
    """

    def factor(self, first: Tensor, x: Tensor) -> Tensor:
        return x


@component("fcn-tribce")
class FusedCrossNetwork(nn.Module):
    """FCN: an exponential and a linear cross network on embeddings of categorical fields; the logit is their mean.

    Each field's embedding is cut into heads, and each head into two halves: a head's vector is the first halves of all
    fields, then their second halves. The heads share the networks, and their logits are averaged.

    Args:
        sizes: number of categories of each field.
        width: of a head's embedding of one field, even.
        heads: how many.
        exponential_layers, linear_layers: of the two networks.
        layer_norm, dropout: of both.
        batch_norm: whether the masks of both are normalised over the batch too, each head by itself.

    Raises:
        InputError: no field, an odd width, no head, no layer.

    Source: Li et al., "FCN: Fusing Exponential and Linear Cross Network for Click-Through Rate Prediction", 2024, arXiv
    2407.13349.
    """

    offsets: Int[Tensor, "f"]

    def __init__(
        self,
        sizes: Sequence[int],
        width: int = 16,
        heads: int = 1,
        *,
        exponential_layers: int = 2,
        linear_layers: int = 2,
        layer_norm: bool = True,
        batch_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not sizes or min(sizes) < 1 or width % 2 or width < 2 or heads < 1:
            raise InputError(
                f"sizes must name the categories of each field, width be even and heads at least 1, not "
                f"{list(sizes)}, {width} and {heads}"
            )
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        self.register_buffer("offsets", torch.tensor(starts), persistent=False)
        self.heads, self.width = heads, width
        self.embedding = nn.Embedding(sum(sizes), heads * width)
        nn.init.normal_(self.embedding.weight, std=0.1)
        dimension, each = len(sizes) * width, heads if batch_norm else None
        given: dict[str, Any] = {"layer_norm": layer_norm, "batch_norm": each, "dropout": dropout}
        self.exponential = ExponentialCross(dimension, exponential_layers, **given)
        self.linear = LinearCross(dimension, linear_layers, **given)

    def forward(self, fields: Int[Tensor, "n f"]) -> tuple[Float[Tensor, "n"], Float[Tensor, "n 2"]]:
        """The logit, and those of the exponential and the linear branch: what `tri_bce` takes."""
        embedded = self.embedding(fields + self.offsets)  # (n, f, heads * width)
        halves = embedded.unflatten(2, (self.heads, 2, self.width // 2))
        x = halves.permute(0, 2, 3, 1, 4).flatten(2)  # (n, heads, f * width)
        branches = torch.stack([self.exponential(x).mean(1), self.linear(x).mean(1)], 1)
        return branches.mean(1), branches
