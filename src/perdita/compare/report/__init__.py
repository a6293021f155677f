"""report.html: what a comparison found, as one file that needs no network and no other file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from perdita.compare.report.page import render

if TYPE_CHECKING:
    from perdita.compare.result import Comparison

__all__ = ["render", "write_report"]


def write_report(comparison: Comparison, path: str | Path) -> Path:
    """Write the report and give its path. A reader sees the old file or the whole new one, never a part."""
    path = Path(path)
    text = render(comparison)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
