"""Losses of single numbers against PyTorch's own and scikit-learn's in Cython, checks of the input included."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import perdita.functional as P
from benchmarks.race import Measured, agree, peaks, race, value_and_gradient
from benchmarks.registry import row

COUNT = 1_000_000


@dataclass(frozen=True)
class Pair:
    """A loss here, its name there, how its target is drawn, and what either takes besides."""

    ours: str
    theirs: str
    draw: str
    options: Mapping[str, Any] = field(default_factory=dict)
    other: Mapping[str, Any] | None = None  # where the peer's options have other names


TORCH = (
    Pair("l1", "l1_loss", "normal"),
    Pair("mse", "mse_loss", "normal"),
    Pair("huber", "huber_loss", "normal"),
    Pair("smooth_l1", "smooth_l1_loss", "normal"),
    Pair("binary_cross_entropy", "binary_cross_entropy_with_logits", "unit"),
    Pair("soft_margin", "soft_margin_loss", "sign"),
    Pair("poisson_nll", "poisson_nll_loss", "count"),
)
SCIKIT_LEARN = (
    Pair("binary_cross_entropy", "HalfBinomialLoss", "unit"),
    Pair("gamma_nll", "HalfGammaLoss", "positive"),
    Pair("poisson_nll", "HalfPoissonLoss", "count"),
    Pair("quantile", "PinballLoss", "normal", {"level": 0.9}, {"quantile": 0.9}),
)


def batch(draw: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    raw, drawn = torch.randn(COUNT, generator=generator), torch.randn(COUNT, generator=generator)
    targets = {
        "normal": drawn,
        "unit": (drawn > 0).float(),
        "sign": drawn.sign(),
        "count": drawn.abs().mul(3).round(),
        "positive": drawn.abs() + 0.1,
    }
    return raw, targets[draw]


def total(pair: Pair) -> Callable[[Tensor, Tensor], Tensor]:
    return functools.partial(getattr(P, pair.ours), reduction="sum", **pair.options)


def against_torch(pair: Pair) -> Measured:
    raw, target = batch(pair.draw)
    theirs = functools.partial(getattr(F, pair.theirs), reduction="sum", **(pair.other or pair.options))
    first, second = (functools.partial(value_and_gradient, each, raw, target) for each in (total(pair), theirs))
    agree(first(), second(), rtol=1e-4, atol=1e-5)
    return replace(race(first, second, unit="ms", loops=5), **peaks(first, second))


def against_scikit_learn(pair: Pair) -> Measured:
    import sklearn._loss.loss as peers

    raw, target = batch(pair.draw)
    peer = getattr(peers, pair.theirs)(**(pair.other or {}))
    numbers, labels = raw.numpy(), target.numpy()

    def theirs() -> tuple[Any, np.ndarray]:
        values, gradient = peer.loss_gradient(labels, numbers, n_threads=torch.get_num_threads())
        return values.sum(dtype=np.float64), gradient

    ours = functools.partial(value_and_gradient, total(pair), raw, target)
    agree(ours()[1], torch.from_numpy(theirs()[1]), rtol=1e-3, atol=1e-4)  # their values leave out constants
    return race(ours, theirs, unit="ms")


def register(pair: Pair, library: str, measure: Callable[[Pair], Measured]) -> None:
    name = f"elementwise-{library}-{pair.ours}".replace("_", "-")
    peer = f"F.{pair.theirs}" if library == "torch" else f"scikit-learn's {pair.theirs} in Cython"
    shape = f"({COUNT},) float32, value and gradient"
    row(name, peer=peer, shape=shape, unit="ms", target="ours / theirs <= 1.0")(functools.partial(measure, pair))


for each in TORCH:
    register(each, "torch", against_torch)
for each in SCIKIT_LEARN:
    register(each, "sklearn", against_scikit_learn)
