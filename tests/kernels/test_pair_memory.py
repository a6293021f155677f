"""What a large batch of pairs adds to the memory of its process, and not to that of its tensors alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import torch
import perdita.functional as P
from perdita.kernels.pairs import blockwise_pairs
torch.set_num_threads(1)

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

def step(n):
    x = torch.randn(n, 256, generator=torch.Generator().manual_seed(0)).requires_grad_()
    blockwise_pairs(P.sup_con, x, torch.arange(n) // 4).backward()

step(64)
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew, at what is resident now
before = status("VmRSS")
step(8192)
print(status("VmHWM") - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_blocks_leave_no_holes_behind() -> None:
    """The matrix would be 256 MiB, several times over with its gradient; results kept between blocks once cost 297."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=True)
    assert 8 < float(done.stdout) < 200
