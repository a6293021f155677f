"""``python -m benchmarks [ROW …] [--list] [--json] [--save]``, from the repository root."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

import torch

from benchmarks.registry import Row, load, measure, save
from perdita.core.errors import nearest

THREADS = 2  # the same for both contenders on every machine


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="perdita against its peers")
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help="rows, or beginnings of their names; all if none is named"
    )
    parser.add_argument("--list", action="store_true", help="name the rows and their targets")
    parser.add_argument("--json", action="store_true", help="a JSON list on stdout, and nothing else there")
    parser.add_argument("--save", action="store_true", help="append to benchmarks/results, with date and machine")
    options = parser.parse_args(arguments)
    known = load()
    if unknown := [name for name in options.rows if not named(name, known)]:
        for name in unknown:
            print(f"no row named {name}{nearest(name, known)}; --list names all", file=sys.stderr)
        return 2
    wanted = [row for name in options.rows or known for row in named(name, known)]
    chosen = [known[row] for row in dict.fromkeys(wanted)]
    if options.list:
        show_list(chosen, options.json)
        return 0
    torch.set_num_threads(THREADS)
    results = []
    for entry in chosen:
        if lacking := entry.lacks():
            print(f"{entry.name:30} needs {lacking}, which this machine does not have", file=sys.stderr)
            continue
        results.append(measure(entry))
        if not options.json:
            print(line(results[-1]), flush=True)
        if options.save:
            try:
                print(f"saved in {save(results[-1])}", file=sys.stderr)
            except ValueError as error:
                print(error, file=sys.stderr)
    if options.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
    return 0


def named(name: str, known: Iterable[str]) -> list[str]:
    """The row of that name alone, or every row whose name begins with it and a hyphen: pairs → pairs-sup-con, …"""
    known = list(known)
    return [name] if name in known else [row for row in known if row.startswith(f"{name}-")]


def show_list(entries: list[Row], as_json: bool) -> None:
    if as_json:
        facts = ("name", "peer", "shape", "unit", "target", "needs")
        print(json.dumps([{fact: getattr(entry, fact) for fact in facts} for entry in entries], ensure_ascii=False))
        return
    for entry in entries:
        needs = f"; needs {', '.join(entry.needs)}" if entry.needs else ""
        print(f"{entry.name:30} {entry.shape}, against {entry.peer}; {entry.target} {entry.unit}{needs}")


def line(result: dict[str, object]) -> str:
    verdict = "met" if result["met"] else "MISSED"
    if result["noisy"]:
        verdict += ", but noisy"
    times = f"ours {result['ours']:.4g}, theirs {result['theirs']:.4g} {result['unit']}"
    return f"{result['row']:30} {times}; target {result['target']}: {verdict}"


if __name__ == "__main__":
    sys.exit(main())
