"""Baselines in the database of the home."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import attrs

from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history.queries import open_for_reading
from adapters.sqlite.opening import Opening, transaction_next_to_collector
from adapters.sqlite.rows.readings import as_instant, as_text, clean
from adapters.sqlite.schema import CREATE_BASELINES
from domain.errors import BaselineExists, StoreError, StoreOutdated
from domain.measurements import Baseline, Figure, Kind

_FORMAT = 1  # of the content: increased when a key is renamed or removed
_SELECT = "SELECT name, captured_at, content FROM baselines"
_INSERT = "INSERT INTO baselines (name, captured_at, content) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
_DELETE = "DELETE FROM baselines WHERE name = ?"
# A property of the database: a backup that has the baseline is not kept for its sake.
REMOVED = "baseline.removed."
_INSERT_REMOVED = "INSERT INTO properties (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SqliteBaselines:
    """Opens the database for each call, so that a collector gets its turn between two of them.

    The table is made for the first baseline.
    """

    opening: Opening
    lock: DatabaseLock

    def save(self, baseline: Baseline, *, replace: bool = False) -> None:
        row = (clean(baseline.name), as_text(baseline.captured_at), _encode(baseline))
        with transaction_next_to_collector(self.opening, self.lock) as connection:
            connection.execute(CREATE_BASELINES)
            if not _has_baselines(connection):
                raise StoreError(
                    f"{self.opening.path} has a table baselines of another program. Rename that table"
                )
            if replace:
                connection.execute(_DELETE, row[:1])
            if not connection.execute(_INSERT, row).rowcount:
                raise BaselineExists(
                    f"there is a baseline {baseline.name} already. Replace it with --replace"
                )

    def find(self, name: str) -> Baseline | None:
        rows = self._select(f"{_SELECT} WHERE name = ?", clean(name))
        return _decode(rows[0]) if rows else None

    def all(self) -> Sequence[Baseline]:
        return [_decode(row) for row in self._select(f"{_SELECT} ORDER BY captured_at, name")]

    def remove(self, name: str) -> bool:
        if not self._select(f"{_SELECT} WHERE name = ?", clean(name)):
            return False
        with transaction_next_to_collector(self.opening, self.lock) as connection:
            connection.execute(_DELETE, (clean(name),))
            connection.execute(_INSERT_REMOVED, (REMOVED + clean(name), as_text(self.opening.clock.now())))
        return True

    def _select(self, statement: str, *parameters: str) -> list[sqlite3.Row]:
        def select(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            return connection.execute(statement, parameters).fetchall() if _has_baselines(connection) else []

        return self._read(select)

    def _read(self, query: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
        """Return nothing if there is no database yet, or one from before baselines."""
        if not self.opening.path.exists():
            return []
        try:
            with open_for_reading(self.opening.path, self.opening.busy_timeout_ms) as connection:
                return query(connection)
        except StoreOutdated:
            return []


def _has_baselines(connection: sqlite3.Connection) -> bool:
    """Return whether there are baselines; a table of that name with other columns is another program's."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(baselines)")}
    return present - {"crc"} == {"name", "captured_at", "content"}


def _encode(baseline: Baseline) -> str:
    content = {
        "format": _FORMAT,
        "first_at": as_text(baseline.first_at),
        "last_at": as_text(baseline.last_at),
        "cycles": baseline.cycles,
        "left_out": baseline.left_out,
        "circumstances": dict(baseline.circumstances),
        "samples": [
            {"kind": figure.kind.value, "of": figure.of, "values": values}
            for figure, values in baseline.samples.items()
        ],
    }
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def _decode(row: sqlite3.Row) -> Baseline:
    """Raise `StoreError` if the row is not a baseline."""
    try:
        content = json.loads(row["content"])
        return Baseline(
            name=row["name"],
            captured_at=_instant(row["captured_at"]),
            first_at=_instant(content["first_at"]),
            last_at=_instant(content["last_at"]),
            cycles=int(content["cycles"]),
            left_out=int(content["left_out"]),
            circumstances={str(name): str(value) for name, value in content["circumstances"].items()},
            samples={
                Figure(Kind(one["kind"]), str(one["of"])): tuple(float(value) for value in one["values"])
                for one in content["samples"]
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(
            f"the baseline {row['name']} is damaged: {error}. Remove it with homeclimate baseline remove"
        ) from error


def _instant(text: object) -> datetime:
    if (instant := as_instant(text, UTC)) is None:
        raise ValueError(f"{text!r} is not a time")
    return instant
