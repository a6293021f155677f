"""How alike two embeddings are: one number for each pair, larger for closer ones. Distances come with a minus sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from perdita.core.errors import InputError, nearest
from perdita.core.numerics import normalize

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """``prepare`` acts on each embedding alone, once; ``compare`` gives (b, m) of prepared ones, (b, d) and (m, d).

    Blocks of a large batch are compared one after another, but prepared only once.
    """

    compare: Callable[[Tensor, Tensor], Tensor]
    prepare: Callable[[Tensor], Tensor] = lambda x: x

    def __call__(self, x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
        """The similarity of every x to every y."""
        return self.compare(self.prepare(x), self.prepare(y))


def dot(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    """The inner product."""
    return x @ y.T


def squared_distance(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    r"""\|x - y\|^2 through one matrix product; what lies within its rounding is 0, without a gradient."""
    scale = x.square().sum(1).unsqueeze(1) + y.square().sum(1)  # (b, m)
    square = scale - 2 * (x @ y.T)
    return torch.where(square <= 4 * torch.finfo(x.dtype).eps * scale, 0.0, square)


def distance(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    r"""\|x - y\|, whose gradient at equal points is 0."""
    square = squared_distance(x, y)
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())


def center(x: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Each embedding less the mean of its own numbers."""
    return x - x.mean(1, keepdim=True)


def noise_ratio(x: Float[Tensor, "b d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "b m"]:
    r"""\|x - y\|^2 / \|x\|^2; an x of 0 has the ratio 0 to everything.

    Source: Yuan, Deng, Tang, Tang, Chen, "Signal-to-Noise Ratio: A Robust Distance Metric for Deep Metric Learning",
    CVPR 2019: of centred embeddings, it is the variance of the noise over that of the signal.
    """
    power = x.square().sum(1, keepdim=True)
    return torch.where(power == 0, 0.0, squared_distance(x, y) / torch.where(power == 0, 1.0, power))


SIMILARITIES: dict[str, Similarity] = {
    "cosine": Similarity(dot, normalize),  # a zero vector has cosine 0 with everything
    "dot": Similarity(dot),
    "euclidean": Similarity(lambda x, y: -distance(x, y)),
    "squared_euclidean": Similarity(lambda x, y: -squared_distance(x, y)),
    "normalized_euclidean": Similarity(lambda x, y: -distance(x, y), normalize),
    "normalized_squared_euclidean": Similarity(lambda x, y: -squared_distance(x, y), normalize),
    "signal_to_noise": Similarity(lambda x, y: -noise_ratio(x, y), center),
    "normalized_signal_to_noise": Similarity(lambda x, y: -noise_ratio(x, y), lambda x: center(normalize(x))),
}


def resolve_similarity(similarity: str | Callable[[Tensor, Tensor], Tensor]) -> Similarity:
    """A similarity by its name, or one's own function of (b, d) and (m, d) that gives (b, m).

    Raises:
        InputError: no such name.
    """
    if isinstance(similarity, Similarity):
        return similarity
    if callable(similarity):
        return Similarity(similarity)
    if similarity not in SIMILARITIES:
        known = f"one of {', '.join(SIMILARITIES)} or a function"
        raise InputError(f"similarity must be {known}, not {similarity!r}{nearest(str(similarity), SIMILARITIES)}")
    return SIMILARITIES[similarity]
