"""Data as text: escaped for HTML, for JSON inside a script element and for Plotly, and numbers as people write them."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DASH = "–"


def plain(text: Any) -> str:
    """One line of printable text: control characters and lone surrogates, which no page may hold, are replaced."""
    whole = str(text).encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in whole)


def escape(text: Any) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(plain(text), quote=True)


def breakable(name: Any) -> str:
    """A name, escaped, that may go on in the next line after its punctuation."""
    return "<wbr>".join(escape(part) for part in re.split(r"(?<=[_,=(])(?=.)", plain(name)))


def plot_text(text: Any, width: int = 200) -> str:
    """Text for Plotly, which reads a little HTML, and ``%{…}`` in its templates. Too long a text loses its middle."""
    return html.escape(shorten(text, width), quote=False).replace("%", "&#37;").replace("$", "&#36;")


def shorten(text: Any, width: int) -> str:
    """At most ``width`` characters: beginning and end stay, since names often differ in what they end with."""
    line = plain(text)
    if len(line) <= width:
        return line
    tail = (width - 1) // 2
    return f"{line[: width - 1 - tail]}…{line[len(line) - tail :]}"


def script_json(value: Any) -> str:
    """JSON that may stand in a script element: no character in it can end the element or begin a comment."""
    text = json.dumps(_plain_json(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {plain(key): _plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_json(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def finite(value: float | None) -> bool:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def decimals(means: Iterable[float], widths: Iterable[float] = ()) -> int:
    """How many decimals a column needs: two digits of its typical interval, or else four digits of its numbers."""
    known = sorted(width for width in widths if finite(width) and width > 0)
    if known:
        return min(6, max(0, 1 - math.floor(math.log10(known[len(known) // 2]))))
    sizes = [abs(mean) for mean in means if finite(mean) and mean != 0]
    return min(6, max(0, 3 - math.floor(math.log10(max(sizes))))) if sizes else 3


def number(value: float | None, places: int, sign: bool = False) -> str:
    """A number with a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:{'+' if sign else ''}.{places}f}" if abs(value) < 1e7 else f"{value:{'+' if sign else ''}.3g}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # a zero, or what rounds to it, has no sign
    return text.replace("-", "−")


def probability(value: float | None) -> str:
    """A p-value."""
    if value is None or not math.isfinite(value):
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """A time with the unit that suits it."""
    if not math.isfinite(seconds):
        return DASH
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def memory(size: int) -> str:
    """A number of bytes with the unit that suits it; a dash where it was not measured."""
    if size <= 0:
        return DASH
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def count(amount: int, noun: str) -> str:
    """``1 run``, ``2 runs``, ``3 losses``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{amount} {noun if amount == 1 else plural}"


def listing(items: Sequence[str], most: int = 6) -> str:
    """``a, b and c``, or the first few and how many more there are."""
    if len(items) > most + 1:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
