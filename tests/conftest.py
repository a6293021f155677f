"""What every test starts from: one thread, one seed, and property tests that draw the same examples each time."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import hypothesis
import pytest
import torch

from tests.browser import Browser

hypothesis.settings.register_profile("perdita", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("perdita")


# torch.manual_seed writes down the stack for each kind of device that is not there: milliseconds, before every test
SEED = torch.manual_seed if torch.cuda.is_available() else torch.default_generator.manual_seed


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    SEED(0)
    yield
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of a process."""
    with Browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def pytest_configure() -> None:
    torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Look for cycles seldom: compiling makes so many objects that the default spends a fifth of its time on it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
