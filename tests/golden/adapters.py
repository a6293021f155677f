"""One adapter for each paper with golden vectors: inputs and params as the JSON names them → outputs as it expects.

Adapters live in the modules of ``papers/`` beside this file and are found there. An adapter reads every key that the
paper's vectors may hold through a `Reader`, calls perdita, and returns a mapping; ``grad_<input>`` is the gradient of
``loss``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Adapter = Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]]
ADAPTERS: dict[str, Adapter] = {}


def adapter(slug: str) -> Callable[[Adapter], Adapter]:
    """Register the adapter of a paper. Raises ValueError where it has one."""

    def register(function: Adapter) -> Adapter:
        if slug in ADAPTERS:
            raise ValueError(f"{slug} has two adapters: {ADAPTERS[slug].__module__} and {function.__module__}")
        ADAPTERS[slug] = function
        return function

    return register


def load_adapters() -> dict[str, Adapter]:
    """Every adapter by slug."""
    for path in sorted((Path(__file__).parent / "papers").glob("*.py")):
        importlib.import_module(f"tests.golden.papers.{path.stem}")
    return ADAPTERS
