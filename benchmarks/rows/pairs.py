"""Losses over pairs: against the metric-learning package, and against the whole matrix."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

import perdita
import perdita.functional as P
from benchmarks.race import Measured, agree, peaks, race, value_and_gradient
from benchmarks.registry import row
from perdita.compare.train.memory import peak_bytes
from perdita.kernels.gradient_cache import encode_in_chunks
from perdita.kernels.pairs import blockwise_pairs

MIB = 2**20
PACKAGE = "pytorch-metric-learning"
SHAPE = "(2048, 128), 4 items of a class, value and gradient"
SMALL_SHAPE = "(384, 128), 4 items of a class, all triplets, value and gradient"
HEAD_SHAPE = "(2048, 128), 512 classes, value and gradient of the embeddings"
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


@row("pairs-margin", peer=PACKAGE, shape=SMALL_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def margin() -> Measured:
    """The package visits every triplet: at (2048, 128) there are 12 million."""
    from pytorch_metric_learning.losses import MarginLoss

    return against(partial(blockwise_pairs, P.boundary_margin, over="triplets"), MarginLoss(), items=384)


def heads(ours: nn.Module, theirs: nn.Module) -> Measured:
    """A head and its peer with the same class vectors."""
    (peer,), (vectors,) = theirs.parameters(), ours.parameters()
    with torch.no_grad():
        peer.copy_(vectors if peer.shape == vectors.shape else vectors.T)
    return against(ours, theirs)


@row("pairs-proxy-anchor", peer=PACKAGE, shape=HEAD_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def proxy_anchor() -> Measured:
    from pytorch_metric_learning.losses import ProxyAnchorLoss

    return heads(perdita.ProxyAnchor(classes=512, dimension=128), ProxyAnchorLoss(512, 128))


@row("pairs-arc-face", peer=PACKAGE, shape=HEAD_SHAPE, unit="ms", target="ours / theirs <= 1.0")
def arc_face() -> Measured:
    from pytorch_metric_learning.losses import ArcFaceLoss

    return heads(perdita.ArcFace(classes=512, dimension=128, margin=math.radians(28.6)), ArcFaceLoss(512, 128))


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

    def two_passes(self) -> list[Tensor]:
        """GradCache as its paper has it: embed without a graph, differentiate the whole loss to the embeddings, embed
        again chunk by chunk with a graph and hand each chunk its part of that gradient."""
        parameters = list(self.encoder.parameters())
        views, states = [part.split(256) for part in (self.first, self.second)], []
        torch.manual_seed(1)
        with torch.no_grad():
            embedded = [torch.cat([self._kept(part, states) for part in parts]) for parts in views]
        leaves = [view.requires_grad_() for view in embedded]
        value = P.info_nce(*leaves, temperature=0.05)
        upstream = [part for slope in torch.autograd.grad(value, leaves) for part in slope.split(256)]
        total = [torch.zeros_like(parameter) for parameter in parameters]
        for part, state, slope in zip([*views[0], *views[1]], states, upstream, strict=True):
            torch.set_rng_state(state)
            for gathered, found in zip(total, torch.autograd.grad(self.encoder(part), parameters, slope), strict=True):
                gathered += found
        return [value.detach(), *total]

    def _kept(self, part: Tensor, states: list[Tensor]) -> Tensor:
        states.append(torch.get_rng_state())
        return self.encoder(part)

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
    "pairs-gradient-cache-engine",
    peer="GradCache's two passes, written from its paper (its code is no package)",
    shape=CACHED,
    unit="ms",
    target="ours / theirs <= 1.0",
)
def gradient_cache_engine() -> Measured:
    step = Encoders()
    agree(step.chunked(), step.two_passes(), rtol=0.0, atol=1e-6)
    return replace(race(step.chunked, step.two_passes, unit="ms", repeats=8), **peaks(step.chunked, step.two_passes))


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
