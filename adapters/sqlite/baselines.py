"""Baselines in the database of the home."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import attrs

from adapters.sqlite.database_lock import DatabaseLock, transaction
from adapters.sqlite.errors import store_errors
from adapters.sqlite.opening import Opening
from adapters.sqlite.queries import open_for_reading
from adapters.sqlite.reading_rows import as_instant, as_text, clean
from adapters.sqlite.schema import CREATE_BASELINES
from domain.errors import BaselineExists, StoreError, StoreOutdated
from domain.measurements import Baseline, Figure, Kind

_INSERT = "INSERT INTO baselines (name, captured_at, content) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
_DELETE = "DELETE FROM baselines WHERE name = ?"
_SELECT_IS_SIMULATED = "SELECT value FROM properties WHERE name = 'is_simulated'"
_SELECT_ALL = "SELECT name, captured_at, content FROM baselines ORDER BY captured_at, name"
_SELECT_ONE = "SELECT name, captured_at, content FROM baselines WHERE name = ?"

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class SqliteBaselines:
    """Each call opens the database and lets go of it; the collector has its turn between two calls.

    The table comes with the first baseline that is kept.
    """

    opening: Opening
    lock: DatabaseLock

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        row = (clean(baseline.name), as_text(baseline.captured_at), _content_of(baseline))
        with self._writing() as connection:
            connection.execute(CREATE_BASELINES)
            if not _has_baselines(connection):
                raise StoreError(
                    f"{self.opening.path} has a table baselines of somebody else's; rename that one"
                )
            if replacing:
                connection.execute(_DELETE, row[:1])
            if not connection.execute(_INSERT, row).rowcount:
                raise BaselineExists(
                    f"there is a baseline {baseline.name} already; --replace takes its place"
                )

    def find(self, name: str) -> Baseline | None:
        def look(connection: sqlite3.Connection) -> list[Baseline]:
            found = connection.execute(_SELECT_ONE, (clean(name),)).fetchall()
            return [_baseline(row) for row in found]

        return next(iter(self._read(look)), None)

    def every(self) -> Sequence[Baseline]:
        def look(connection: sqlite3.Connection) -> list[Baseline]:
            return [_baseline(row) for row in connection.execute(_SELECT_ALL)]

        return self._read(look)

    def remove(self, name: str) -> bool:
        kept = self._read(lambda connection: connection.execute(_SELECT_ONE, (clean(name),)).fetchall())
        if kept:
            with self._writing() as connection:
                connection.execute(_DELETE, (clean(name),))
        return bool(kept)

    def _read(self, look: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
        return self._looked(lambda connection: look(connection) if _has_baselines(connection) else [])

    def _looked(self, look: Callable[[sqlite3.Connection], list[T]]) -> list[T]:
        if not self.opening.path.exists():  # the first cycle makes it
            return []
        try:
            with open_for_reading(self.opening.path, self.opening.busy_timeout_ms) as connection:
                return look(connection)
        except StoreOutdated:  # so old that it can hold none
            return []

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, durable at the end, while no other process of ours is at work."""
        with (
            store_errors(self.opening.path),
            self.lock.held(),  # for the closing too, which may move the log into the database
            closing(self._opening().connection(rebuilds=False)) as connection,
            transaction(connection),
        ):
            yield connection

    def _opening(self) -> Opening:
        """As its home has it, be that a simulated one: what is kept here is no reading."""

        def look(connection: sqlite3.Connection) -> list[bool]:
            return [row[0] == "1" for row in connection.execute(_SELECT_IS_SIMULATED)]

        of_home = self._looked(look)
        return attrs.evolve(self.opening, is_simulated=self.opening.is_simulated or any(of_home))


def _has_baselines(connection: sqlite3.Connection) -> bool:
    """Return whether there are baselines; a table of that name with other columns is another program's."""
    present = {row[1] for row in connection.execute("PRAGMA table_info(baselines)")}
    return present - {"crc"} == {"name", "captured_at", "content"}


def _content_of(baseline: Baseline) -> str:
    content = {
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


def _baseline(row: sqlite3.Row) -> Baseline:
    """Raises `StoreError` when it is not what was kept."""
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
            f"the baseline {row['name']} is not what was kept: {error}. "
            "homeclimate baseline remove lets go of it"
        ) from error


def _instant(text: object) -> datetime:
    if (instant := as_instant(text, UTC)) is None:
        raise ValueError(f"{text!r} is no time")
    return instant
