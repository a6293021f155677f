"""No tensor of the size of all logits exists in a fused loss, forward or backward: seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

ROWS, FEATURES, CLASSES, BLOCK = 512, 32, 4096, 32
ALL_LOGITS = ROWS * CLASSES * 4
BLOCK_LOGITS = BLOCK * CLASSES * 4
GRADIENTS = (ROWS + CLASSES) * FEATURES * 4

PROGRAM = f"""
import json, sys
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from perdita.compare.train.memory import peak_bytes
from perdita.kernels import cut_cross_entropy, fused_linear, fused_log_probabilities

class Largest(TorchDispatchMode):
    bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {{}}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self.bytes = max(self.bytes, tensor.untyped_storage().nbytes())
        return result

hidden = torch.randn({ROWS}, {FEATURES}, requires_grad=True)
weight = torch.randn({CLASSES}, {FEATURES}, requires_grad=True)
target = torch.randint({CLASSES}, ({ROWS},))

RESPONSES = 16

def responses(tensor):
    return tensor.view(RESPONSES, {ROWS} // RESPONSES, *tensor.shape[1:])

def preference(reduction):
    reference = responses(hidden).detach(), weight.detach()
    value = fused_linear(
        "dpo", responses(hidden), weight, responses(target), reference=reference, reduction=reduction,
        block_rows={BLOCK},
    )
    return torch.autograd.grad(value.sum(), [hidden, weight])

def entropy():
    parts = fused_log_probabilities(hidden, weight, target, return_entropy=True, return_lse=True, block_rows={BLOCK})
    return torch.autograd.grad(torch.stack(parts).sum(), [hidden, weight])

def step(loss, impl, reduction):
    if loss == "dpo":
        return preference(reduction)
    if loss == "entropy":
        return entropy()
    upstream = torch.ones({ROWS}) if reduction == "none" else torch.ones(())
    if impl == "cut":
        value = cut_cross_entropy(hidden, weight, target, reduction=reduction, block_rows={BLOCK}, block_classes=1024)
    else:
        value = fused_linear(loss, hidden, weight, target, impl=impl, reduction=reduction, block_rows={BLOCK})
    return torch.autograd.grad(value, [hidden, weight], upstream)

found = []
for case in json.loads(sys.argv[1]):
    with Largest() as largest:
        step(*case)
    found.append([largest.bytes, peak_bytes(lambda: step(*case))])
print(json.dumps(found))
"""

# loss, implementation, and how many blocks of logits may be alive at once
CASES = [
    ("cross_entropy", "auto", 1.2), ("cross_entropy", "blocked", 5), ("focal", "auto", 8), ("cross_entropy", "cut", 1),
    ("dpo", "auto", 1.2), ("entropy", "auto", 8),
]  # fmt: skip
REDUCTIONS = ("mean", "none")
MEASURED = [*((loss, impl, reduction) for loss, impl, _ in CASES for reduction in REDUCTIONS)]
DEFINITION = ("cross_entropy", "reference", "mean")


@pytest.fixture(scope="module")
def measured() -> dict[tuple[str, ...], tuple[int, int]]:
    """Bytes of the largest tensor, and of all that are alive at the worst moment."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    cases = [*MEASURED, DEFINITION]
    command = [sys.executable, "-c", PROGRAM, json.dumps(cases)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return {case: (largest, peak) for case, (largest, peak) in zip(cases, json.loads(found.stdout), strict=True)}


@pytest.mark.parametrize(("loss", "impl", "blocks"), CASES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_no_logits_of_all_rows(loss: str, impl: str, blocks: float, reduction: str, measured: Any) -> None:
    largest, peak = measured[loss, impl, reduction]
    assert largest <= max(BLOCK_LOGITS, GRADIENTS)
    assert largest < ALL_LOGITS / 4
    assert peak <= GRADIENTS + blocks * BLOCK_LOGITS + 64 * ROWS


def test_the_definition_is_seen_to_hold_them(measured: Any) -> None:
    largest, peak = measured[DEFINITION]
    assert largest >= ALL_LOGITS
    assert peak >= 2 * ALL_LOGITS
