"""Write docs/claims.md, the table of what holds up, from the stored results of the claims.

``python -m tools.claims_page`` is run by ``make claims`` after the claims were measured.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perdita.catalogue.papers import bibliography
from perdita.claims.harness import stored_results

PAGE = Path(__file__).resolve().parent.parent / "docs" / "claims.md"
HEAD = """\
# What holds up

Papers' claims, measured again at small scale, each under a rule that was fixed before it ran. "Does not hold" speaks of
this scale and these data, not of the paper. Written by `make claims`; `perdita reproduce SLUG` measures one again.

| claim | verdict | effect | 95 % interval | n | seconds |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The page's text."""
    results = stored_results()
    rows = [results[slug] for slug in bibliography() if slug in results]
    return HEAD + "".join(map(_row, rows)) + "\n## The rules\n\n" + "".join(map(_rule, rows)) + _measured(rows)


def _row(result: dict[str, Any]) -> str:
    low, high = (_number(end) for end in result["interval"])
    cells = (
        f"{result['statement']} (`{result['slug']}`)",
        f"**{result['verdict']}**",
        _number(result["effect"]),
        f"{low} to {high}",
        str(result["n"]),
        _number(result["seconds"]),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _rule(result: dict[str, Any]) -> str:
    return f"- `{result['slug']}` ({result['source']}). {result['rule']}\n"


def _measured(rows: list[dict[str, Any]]) -> str:
    versions = {f"{name} {version}" for row in rows for name, version in row["versions"].items()}
    when = sorted({row["date"][:10] for row in rows})
    machines = sorted({"{cores} cores, {processor}".format(**row["machine"]) for row in rows})
    span = when[0] if len(when) == 1 else f"{when[0]} to {when[-1]}"
    return f"\nMeasured {span} with {', '.join(sorted(versions))}, on {'; '.join(machines)}.\n"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
