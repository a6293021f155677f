"""What a large batch of pairs adds to the memory of its process, and not to that of its tensors alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
import perdita.functional as P
from perdita.kernels.pairs import blockwise_pairs
torch.set_num_threads(1)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def step(n):
    x = torch.randn(n, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    blockwise_pairs(P.sup_con, x, torch.arange(n) // 4).backward()

step(64)
before = peak()
step(8192)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kilobytes on Linux alone")
def test_blocks_leave_no_holes_behind() -> None:
    """The matrix would be 256 MiB, several times over with its gradient; results kept between blocks once cost 297."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=True)
    assert 8 < float(done.stdout) < 200
