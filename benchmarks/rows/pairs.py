"""Losses over pairs: against the metric-learning package, and against the whole matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

import perdita.functional as P
from benchmarks.race import Measured, agree, peaks, race, value_and_gradient
from benchmarks.registry import row
from perdita.compare.train.memory import peak_bytes
from perdita.kernels.gradient_cache import encode_in_chunks
from perdita.kernels.pairs import blockwise_pairs

MIB = 2**20
PACKAGE = "pytorch-metric-learning"
SHAPE = "(2048, 128), 4 items of a class, value and gradient"
Loss = Callable[[Tensor, Tensor], Tensor]


def batch(items: int, features: int = 128, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(items, features, generator=generator), torch.arange(items) // 4


def against(ours: Loss, theirs: Loss, items: int = 2048) -> Measured:
    """Value and gradient of both on one batch, once they were seen to agree."""
    given = batch(items)
    agree(value_and_gradient(ours, *given), value_and_gradient(theirs, *given), rtol=1e-4, atol=1e-6)
    first, second = (partial(value_and_gradient, loss, *given) for loss in (ours, theirs))
    return replace(race(first, second, unit="ms", repeats=9), **peaks(first, second))


@row("pairs-sup-con", peer=PACKAGE, shape=SHAPE, unit="ms", target="ours / theirs <= 0.5")
def sup_con() -> Measured:
    from pytorch_metric_learning.losses import SupConLoss

    return against(partial(blockwise_pairs, P.sup_con), SupConLoss(temperature=0.1))


@row("pairs-multi-similarity", peer=PACKAGE, shape=SHAPE, unit="ms", target="ours / theirs <= 0.5")
def multi_similarity() -> Measured:
    from pytorch_metric_learning.losses import MultiSimilarityLoss

    return against(
        partial(blockwise_pairs, P.multi_similarity, mining=False), MultiSimilarityLoss(alpha=2, beta=50, base=0.5)
    )


@row(
    "pairs-nt-xent",
    peer=PACKAGE,
    shape="(256, 128), 4 items of a class, value and gradient",
    unit="ms",
    target="ours / theirs <= 1.0",
)
def nt_xent() -> Measured:
    """At (2048, 128) the package asks for 24 GiB: a row of all negatives for each positive pair."""
    from pytorch_metric_learning.losses import NTXentLoss

    return against(partial(blockwise_pairs, P.nt_xent), NTXentLoss(temperature=0.07), items=256)


@row("pairs-circle", peer=PACKAGE, shape=SHAPE, unit="ms", target="ours / theirs <= 1.0")
def circle() -> Measured:
    from pytorch_metric_learning.losses import CircleLoss

    return against(partial(blockwise_pairs, P.circle, margin=0.4, scale=80.0), CircleLoss(m=0.4, gamma=80))


@row(
    "pairs-triplet-all",
    peer=PACKAGE,
    shape="(384, 128), 4 items of a class, all triplets, value and gradient",
    unit="ms",
    target="ours / theirs <= 0.12",
)
def triplet_all() -> Measured:
    from pytorch_metric_learning.losses import TripletMarginLoss

    return against(P.triplet, TripletMarginLoss(margin=0.2), items=384)


@row(
    "pairs-triplet-all-4096",
    peer="one matrix of similarities",
    shape="(4096, 128), 4 items of a class, all triplets, value and gradient",
    unit="MiB at the peak",
    target="ours / theirs <= 1.0",
)
def triplet_all_large() -> Measured:
    x, y = batch(4096)
    return taken(partial(value_and_gradient, partial(blockwise_pairs, P.triplet), x, y), 4096 * 4096 * 4)


@row(
    "pairs-sup-con-8192",
    peer="one matrix of similarities",
    shape="(8192, 128), value and gradient",
    unit="MiB at the peak",
    target="ours <= 64",
)
def sup_con_memory() -> Measured:
    x, y = batch(8192)
    return taken(partial(value_and_gradient, partial(blockwise_pairs, P.sup_con), x, y), 8192 * 8192 * 4)


@row(
    "pairs-sup-con-65536",
    peer="one matrix of similarities",
    shape="(65536, 256), value and gradient; takes minutes",
    unit="MiB at the peak",
    target="ours <= 2048",
)
def sup_con_large() -> Measured:
    x, y = batch(65536, 256)
    return taken(partial(value_and_gradient, partial(blockwise_pairs, P.sup_con), x, y), 65536 * 65536 * 4)


def taken(ours: Callable[[], object], theirs: int) -> Measured:
    """Bytes of our tensors at the peak, against a number of bytes, in MiB."""
    found = peak_bytes(ours)
    return Measured(found / MIB, theirs / MIB, peak_ours=found, peak_theirs=theirs)


class Encoders:
    """A step of 4096 pairs through one network with dropout: all at once, and in chunks."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.first, _ = batch(4096, 64)
        self.second, _ = batch(4096, 64, seed=1)
        layers = (nn.Linear(64, 1024), nn.ReLU(), nn.Dropout(0.1), nn.Linear(1024, 1024), nn.ReLU(), nn.Dropout(0.1))
        self.encoder = nn.Sequential(*layers, nn.Linear(1024, 128))

    def gradients(self, embed: Callable[[Tensor], Tensor], loss: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        """The loss, and its gradient to every parameter."""
        torch.manual_seed(1)
        value = loss(embed(self.first), embed(self.second))
        return [value.detach(), *torch.autograd.grad(value, list(self.encoder.parameters()))]

    def whole(self) -> list[Tensor]:
        """Everything at once; the same chunks go through dropout, so that it drops the same places."""
        return self.gradients(
            lambda x: torch.cat([self.encoder(part) for part in x.split(256)]), partial(P.info_nce, temperature=0.05)
        )

    def chunked(self) -> list[Tensor]:
        """256 pairs at a time."""
        return self.gradients(
            partial(encode_in_chunks, self.encoder, chunk=256),
            lambda x, z: blockwise_pairs(P.info_nce, x, reference=z, temperature=0.05),
        )


CACHED = "4096 pairs, 64-1024-1024-128 with dropout, value and gradients"


@row("pairs-gradient-cache", peer="all at once", shape=CACHED, unit="ms", target="ours / theirs <= 1.3")
def gradient_cache_time() -> Measured:
    step = Encoders()
    agree(step.chunked(), step.whole(), rtol=0.0, atol=1e-6)
    return replace(race(step.chunked, step.whole, unit="ms", repeats=8), **peaks(step.chunked, step.whole))


@row(
    "pairs-gradient-cache-memory",
    peer="all at once",
    shape=CACHED,
    unit="MiB at the peak",
    target="ours / theirs <= 0.5",
)
def gradient_cache_memory() -> Measured:
    step = Encoders()
    return taken(step.chunked, peak_bytes(step.whole))
