"""The one error that bad input raises, and the words that every message shares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: the message names the argument, what came and what was expected."""


class MissingExtraError(ImportError):
    """An optional library is not installed: the message names the extra that brings it."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed; run: pip install 'perdita[{extra}]'")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an "unknown name" message: the known names nearest to ``name``, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(item) for item in close)}?" if close else ""
