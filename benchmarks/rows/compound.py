"""What it costs to put several losses together, and to learn their weights."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

import perdita
from benchmarks.race import Measured, agree, race, value_and_gradient
from benchmarks.registry import row
from perdita.compound import Compound, Term


@row(
    "compound-terms",
    peer="the four losses one after another, their sum and one backward",
    shape="(4096, 100), forward and backward",
    unit="ms",
    target="ours / theirs <= 1.05",
)
def compound_terms() -> Measured:
    generator = torch.Generator().manual_seed(0)
    logits, target = torch.randn(4096, 100, generator=generator), torch.randint(100, (4096,), generator=generator)
    names = ("cross_entropy", "focal", "squentropy", "generalized_cross_entropy")
    terms = {name: perdita.build(name) for name in names}
    compound = Compound(terms)

    def plain(given: Tensor) -> Tensor:
        return torch.stack([term(given, target) for term in terms.values()]).sum()

    def ours() -> tuple[Tensor, ...]:
        return value_and_gradient(lambda given: compound.score(given, target).total, logits)

    def theirs() -> tuple[Tensor, ...]:
        return value_and_gradient(plain, logits)

    agree(ours(), theirs())
    return race(ours, theirs, unit="ms", repeats=21)


class Net(nn.Module):
    """A small residual convolutional network with a class and a number for each image."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()) for _ in range(3)
        )
        self.kind, self.size = nn.Linear(32, 10), nn.Linear(32, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        hidden = self.stem(image)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        pooled = hidden.mean((2, 3))
        return {"kind": self.kind(pooled), "size": self.size(pooled).squeeze(1)}


def step(weights: str | dict[str, object] | None) -> Callable[[], None]:
    """A training step: under a compound with these weights, or, for None, on the sum of the two losses."""
    torch.manual_seed(0)
    model = Net()
    image = torch.randn(32, 3, 32, 32)
    batch = {"kind": torch.randint(10, (32,)), "size": torch.randn(32)}
    kind, size = perdita.CrossEntropy(), perdita.Mse()
    compound = Compound(kind=Term(kind, "kind", "kind"), size=Term(size, "size", "size"), weights=weights)
    optimizer = torch.optim.SGD([*model.parameters(), *compound.parameters()], lr=1e-3)

    def one() -> None:
        outputs = model(image)
        scored = compound.score(outputs, batch)
        optimizer.zero_grad()
        scored.total.backward()
        optimizer.step()
        compound.step(scored)

    def plain() -> None:
        outputs = model(image)
        total = kind(outputs["kind"], batch["kind"]) + size(outputs["size"], batch["size"])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    return plain if weights is None else one


@row(
    "loss-weighting",
    peer="the plain sum of the two losses",
    shape="a residual net on (32, 3, 32, 32), a whole training step with learned uncertainty",
    unit="ms",
    target="ours / theirs <= 1.03",
)
def loss_weighting() -> Measured:
    return race(step("uncertainty"), step(None), unit="ms", repeats=31)


@row(
    "igb-v1",
    peer="the plain sum of the two losses",
    shape="a residual net on (32, 3, 32, 32), a whole training step with improvable gap balancing",
    unit="ms",
    target="ours / theirs <= 1.03",
)
def igb_v1() -> Measured:
    return race(step({"method": "igb_v1", "steps_per_epoch": 5}), step(None), unit="ms", repeats=31)


OTHERS = {
    "dynamic_average": {"steps_per_epoch": 5},
    "famo": {},
    "geometric": {},
    "random": {},
    "relobralo": {},
    "soft_adapt": {},
}


def other_weighting(method: str) -> Measured:
    return race(step({"method": method, **OTHERS[method]}), step(None), unit="ms", repeats=31)


for name in OTHERS:
    row(
        f"loss-weighting-{name.replace('_', '-')}",
        peer="the plain sum of the two losses",
        shape=f"a residual net on (32, 3, 32, 32), a whole training step with {name} weights",
        unit="ms",
        target="ours / theirs <= 1.03",
    )(functools.partial(other_weighting, name))
