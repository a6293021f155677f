"""Where finished units are kept: an embedded SQLite database, one committed row for each unit.

A unit is written in one transaction before it is reported, so that a process killed at any moment loses at most the
unit in flight. The two methods of `Store` are all that the rest of the comparison asks of a store.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any, Protocol

from perdita.core.errors import InputError


class Store(Protocol):
    """A map from a unit's key to its outcome."""

    def get(self, key: str) -> Any | None:
        """The outcome stored under the key, or None."""

    def put(self, key: str, kind: str, spec: Any, outcome: Any) -> None:
        """Keep the outcome durably; when this returns, no crash can take it."""


class SQLiteStore:
    """A `Store` in one SQLite file, in write-ahead mode: readers never wait, and the file survives kill -9."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self._connection.execute("pragma journal_mode=wal")
            self._connection.execute("pragma synchronous=full")
            self._connection.execute(
                "create table if not exists outcomes (key text primary key, kind text not null, spec text not null, "
                "outcome text not null, finished text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"
            )
        except sqlite3.DatabaseError as error:
            raise InputError(f"{self.path} is no usable store of results: {error}") from error

    def get(self, key: str) -> Any | None:
        row = self._connection.execute("select outcome from outcomes where key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, key: str, kind: str, spec: Any, outcome: Any) -> None:
        self._connection.execute(
            "insert into outcomes (key, kind, spec, outcome) values (?, ?, ?, ?) "
            "on conflict (key) do update set outcome = excluded.outcome, finished = excluded.finished",
            (key, kind, json.dumps(spec), json.dumps(outcome)),
        )

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
