"""What one process, and each rank of two, train in the test of data-parallel runs."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import perdita
from perdita.compound import Compound, Cosine, Term, gramian
from perdita.training.accumulation import shared_normalizer

STEPS, ROWS = 6, 16
OPTIONS = {
    "uncertainty": {},
    "random": {},
    "dynamic_average": {"steps_per_epoch": 2},
    "gradnorm": {},
    "geometric": {},
    "igb_v1": {"steps_per_epoch": 2},
    "relobralo": {},
    "soft_adapt": {},
    "famo": {},
    "igb_v2": {"steps_per_epoch": 1, "base_epoch": 0, "start_epoch": 1, "update_after": 2, "update_every": 2},
}


class Objective(nn.Module):
    """Model and compound in one module, as a data-parallel wrapper wants them."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self.trunk, self.kind, self.size = nn.Linear(5, 8), nn.Linear(8, 3), nn.Linear(8, 1)
        self.compound = Compound(
            kind=Term(perdita.CrossEntropy(ignore_index=-100), "kind", "kind"),
            size=Term(perdita.Mse(), "size", {"target": "size", "mask": "known"}, schedule=Cosine(1.0, 0.5)),
            weights={"method": method, **OPTIONS[method]},
            steps=STEPS,
        )

    def forward(self, batch: dict[str, torch.Tensor], normalizer: dict[str, torch.Tensor]) -> Any:
        hidden = torch.tanh(self.trunk(batch["x"]))
        outputs = {"kind": self.kind(hidden), "size": self.size(hidden).squeeze(1)}
        return self.compound.score(outputs, batch, normalizer=normalizer)


def batch(step: int) -> dict[str, torch.Tensor]:
    """Unequal numbers of labels in the two halves."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(ROWS, 5, generator=generator, dtype=torch.float64)
    kind = torch.randint(3, (ROWS,), generator=generator)
    kind[: 3 + step % 3] = -100
    known = torch.rand(ROWS, generator=generator) < torch.linspace(0.2, 1.0, ROWS)
    known[[0, -1]] = True
    return {"x": x, "kind": kind, "size": x.square().sum(1), "known": known}


def train(method: str, rank: int = 0, ranks: int = 1) -> dict[str, Any]:
    """Every step's parts and weights, and the state in the end; a rank sees its half of each batch."""
    torch.manual_seed(0)
    inside = Objective(method).double()
    module = DistributedDataParallel(inside) if ranks > 1 else inside
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    records = []
    for step in range(STEPS):
        own = {name: tensor.chunk(ranks)[rank] for name, tensor in batch(step).items()}
        normalizer = {
            "kind": shared_normalizer([own["kind"]], ignore_index=-100),
            "size": shared_normalizer([own["size"]], masks=[own["known"]]),
        }
        scored = module(own, normalizer)
        gram = gramian(scored.losses, [inside.trunk.weight]) if method == "gradnorm" else None
        optimizer.zero_grad()
        scored.total.backward()
        optimizer.step()
        record = inside.compound.step(scored, gram=gram)
        records.append({"parts": record.parts, "weights": record.weights})
    return {"records": records, "state": dict(inside.named_parameters())}


def train_rank(rank: int, folder: str) -> None:
    """Train every weighting as one of two ranks, and save what it gave."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        found = {method: train(method, rank, 2) for method in OPTIONS}
        torch.save(found, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()
