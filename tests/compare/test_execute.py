"""Worker processes: forked early or late they give the same, and none outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "perdita", "compare", "iris", "--losses", "cross_entropy,squentropy", "--json"]

EARLY = """
import sys, time
from perdita.compare.execute import fork_early
pool = fork_early(1000, 2)
print(*pool.forked.pool._processes, flush=True)
time.sleep(600)
"""


def rows(folder: Path, *options: str) -> list[dict]:
    done = subprocess.run([*COMMAND, *options, "--out", str(folder)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["rows"]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


@pytest.mark.slow
def test_forked_workers_give_the_same_bits_as_one_process(tmp_path: Path) -> None:
    options = ("--seeds", "20", "--epochs", "10")  # enough epochs that workers are forked before the data are read
    assert rows(tmp_path / "a", *options) == rows(tmp_path / "b", *options, "--workers", "1")


def test_a_process_that_has_worked_is_not_forked() -> None:
    code = "import polars\nfrom perdita.compare.execute import fork_early\nprint(fork_early(1000, 2))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "None\n"


def test_few_epochs_are_not_worth_workers() -> None:
    code = "from perdita.compare.execute import fork_early\nprint(fork_early(10, 2), fork_early(1000, 1))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "None None\n"


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="forks early on Linux alone, and reads /proc")
def test_no_worker_outlives_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", EARLY], stdout=subprocess.PIPE, text=True)
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(map(alive, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [worker for worker in workers if alive(worker)]
    for worker in left:
        os.kill(worker, signal.SIGKILL)
    assert not left
