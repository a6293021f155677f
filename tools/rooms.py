"""An import-linter contract for the rooms of the house: who may import whom is one table, in pyproject.toml.

A room is a folder or a file directly under the package. It may import itself and the rooms named after its colon; a
room that is not in the table is an error, a room of the table that is not built yet is none. Importing the bare package
counts as importing what it hands out: ``core`` and ``losses``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph

PACKAGE = "perdita"


class Rooms(Contract):
    """Only direct imports count: what a room's own imports import is their affair."""

    type_name = "rooms"
    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        allowed = parse_table(self.rooms)  # type: ignore[arg-type]
        faults = []
        for module in sorted(graph.modules):
            room = room_of(module)
            if room is None:
                continue
            if room not in allowed:
                faults.append(f"{module}: room {room!r} is not in the table of rooms")
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(module)):
                target = room_of(imported)
                wanted = {"core", "losses"} if target is None else {target}
                if forbidden := wanted - allowed[room] - {room}:
                    details = graph.get_import_details(importer=module, imported=imported)
                    lines = ", ".join(f"line {detail['line_number']}" for detail in details)
                    reason = f"{room} may not import {', '.join(sorted(forbidden))}"
                    faults.append(f"{module} imports {imported} ({lines}): {reason}")
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for fault in check.metadata["faults"]:
            output.print_error(fault)


def parse_table(lines: list[str]) -> dict[str, set[str]]:
    """``"nn: core losses"`` → ``{"nn": {"core", "losses"}}``; a room may name only rooms of earlier lines."""
    table: dict[str, set[str]] = {}
    for line in lines:
        room, _, may_import = line.partition(":")
        named: Any = set(table) if may_import.split() == ["*"] else set(may_import.split())
        if later := named - set(table):
            raise ValueError(f"{room.strip()} names rooms that do not stand above it: {sorted(later)}")
        table[room.strip()] = named
    return table


def room_of(module: str) -> str | None:
    """The room of ``perdita.<room>.…``; None for the package itself."""
    parts = module.split(".")
    return parts[1] if parts[0] == PACKAGE and len(parts) > 1 else None
