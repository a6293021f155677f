"""The rows of an accelerator: shapes of language models, which no CPU holds. Their CPU twins are in the other files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

import perdita.functional as P
from benchmarks.race import Measured, race
from benchmarks.registry import row
from perdita.kernels import cross_entropy, cut_cross_entropy, fused_linear
from perdita.kernels.pairs import blockwise_pairs

MIB = 2**20
Loss = Callable[..., Tensor]


def layer() -> tuple[list[Tensor], Tensor]:
    """Random, so that a filter leaves out nearly every tile but those of the targets."""
    generator = torch.Generator("cuda").manual_seed(0)
    options: dict[str, Any] = {"generator": generator, "device": "cuda", "dtype": torch.bfloat16}
    hidden, weight = torch.randn(8192, 2304, **options), torch.randn(256000, 2304, **options) / 48
    target = torch.randint(256000, (8192,), generator=generator, device="cuda")
    return [hidden.requires_grad_(), weight.requires_grad_()], target


def logits() -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator("cuda").manual_seed(0)
    drawn = torch.randn(16384, 131072, generator=generator, device="cuda", dtype=torch.bfloat16)
    return [drawn.requires_grad_()], torch.randint(131072, (16384,), generator=generator, device="cuda")


def embeddings() -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator("cuda").manual_seed(0)
    drawn = torch.randn(32768, 1024, generator=generator, device="cuda", dtype=torch.bfloat16)
    return [drawn.requires_grad_()], torch.arange(32768, device="cuda") // 4


def step(loss: Loss, leaves: list[Tensor], target: Tensor) -> list[Tensor]:
    """Value and gradients, waited for."""
    value = loss(*leaves, target)
    found = [value.detach(), *torch.autograd.grad(value, leaves)]
    torch.cuda.synchronize()
    return found


def check_near(ours: list[Tensor], theirs: list[Tensor], within: float = 0.02) -> None:
    """Raise AssertionError where the norm of a difference is not small: bfloat16 has two digits and a bit."""
    for own, other in zip(ours, theirs, strict=True):
        distance = float((own.float() - other.float()).norm() / other.float().norm())
        if not distance <= within:
            raise AssertionError(f"results differ by {distance:.3g} of their norm")


def time(ours: Loss, theirs: Loss, inputs: Callable[[], tuple[list[Tensor], Tensor]]) -> Measured:
    """Both in turns, after they were seen to agree."""
    given = inputs()
    check_near(step(ours, *given), step(theirs, *given))
    return race(lambda: step(ours, *given), lambda: step(theirs, *given), unit="ms", repeats=20)


def memory(ours: Loss, theirs: Loss, inputs: Callable[[], tuple[list[Tensor], Tensor]]) -> Measured:
    """MiB at the peak beyond the inputs, of each."""
    given = inputs()
    found = []
    for loss in (ours, theirs):
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        step(loss, *given)
        found.append(torch.cuda.max_memory_allocated() - before)
    return Measured(found[0] / MIB, found[1] / MIB, peak_ours=found[0], peak_theirs=found[1])


fused = functools.partial(fused_linear, "cross_entropy", impl="triton")
blocked = functools.partial(fused_linear, "cross_entropy", impl="blocked")
filtered = functools.partial(cut_cross_entropy, filter_threshold="auto", impl="triton")


def apple(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    from cut_cross_entropy import linear_cross_entropy

    return linear_cross_entropy(hidden, weight, target)


def liger(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    return LigerFusedLinearCrossEntropyLoss()(weight, hidden, target)


def naive(hidden: Tensor, weight: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(hidden @ weight.T, target)


def liger_logits(scores: Tensor, target: Tensor) -> Tensor:
    """On a copy: it writes its gradient over the logits."""
    from liger_kernel.transformers import LigerCrossEntropyLoss

    return LigerCrossEntropyLoss()(scores.clone(), target)


def inductor(scores: Tensor, target: Tensor) -> Tensor:
    return compiled()(scores, target)


@functools.cache
def compiled() -> Loss:
    return torch.compile(F.cross_entropy)


def metric_learning(embeddings: Tensor, labels: Tensor) -> Tensor:
    from pytorch_metric_learning.losses import SupConLoss

    return SupConLoss(temperature=0.1)(embeddings, labels)


def sup_con(embeddings: Tensor, labels: Tensor) -> Tensor:
    return blockwise_pairs(P.sup_con, embeddings, labels)


LAYER = "(8192, 2304, 256000) bfloat16, value and both gradients"
LOGITS = "(16384, 131072) bfloat16, value and gradient"
PAIRS = "(32768, 1024) bfloat16, 4 items of a class, value and gradient"
PEERS: dict[str, tuple[str, Loss]] = {
    "cut-cross-entropy": ("cut-cross-entropy, which filters", apple),
    "liger": ("liger-kernel", liger),
    "torch": ("the logits at once", naive),
}
OURS: dict[str, tuple[str, Loss]] = {
    "triton": ("exact Triton kernels", fused),
    "filtered": ("Triton kernels that filter", filtered),
    "blocked": ("blocks of rows", blocked),
}


def register(name: str, peer: str, shape: str, ours: Loss, theirs: Loss, inputs: Any, limit: float) -> None:
    """A row of the time and a row of the memory, the latter within 1.3 times."""

    @row(f"gpu-{name}", peer=peer, shape=shape, unit="ms", target=f"ours / theirs <= {limit}", needs="CUDA")
    def timed() -> Measured:
        return time(ours, theirs, inputs)

    @row(
        f"gpu-{name}-memory",
        peer=peer,
        shape=shape,
        unit="MiB at the peak",
        target="ours / theirs <= 1.3",
        needs="CUDA",
    )
    def taken() -> Measured:
        return memory(ours, theirs, inputs)


for form, (words, own) in OURS.items():
    for short, (package, other) in PEERS.items():
        register(f"linear-{form}-{short}", package, f"{LAYER}, {words}", own, other, layer, 1.1)
register("logits-liger", "liger-kernel", LOGITS, cross_entropy, liger_logits, logits, 1.0)
register(
    "logits-inductor",
    "F.cross_entropy under inductor",
    LOGITS,
    cross_entropy,
    inductor,
    logits,
    1.0,
)
register("sup-con", "pytorch-metric-learning", PAIRS, sup_con, metric_learning, embeddings, 1.0)
