"""The schema and recent ledger of a database for a bug report, without any reading."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

from adapters.sqlite.connection import connect, journal_mode
from adapters.sqlite.errors import store_errors
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.queries import open_for_reading
from adapters.sqlite.reading_rows import as_text

_BUSY_TIMEOUT_MS = 3000
_SELECT_SCHEMA = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
_SELECT_TABLES = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)
_SELECT_OUTCOMES = """
SELECT source, slot, interval_s, scheduled, state, cause, detail, readings, unread, until, notes FROM outcomes
WHERE slot >= ? AND typeof(slot) = 'text' ORDER BY slot, source LIMIT 20000
"""


def schema(path: Path) -> Iterator[str]:
    """Yield the format, the mode, the numbers of rows and every definition. Raises `StoreError`."""
    with (
        store_errors(path),
        closing(connect(path, mode="ro", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection,
    ):
        yield f"-- format {user_version(connection)}, mode {journal_mode(connection)}"
        for (name,) in connection.execute(_SELECT_TABLES).fetchall():
            quoted = '"' + str(name).replace('"', '""') + '"'
            (count,) = connection.execute(f"SELECT count(*) FROM {quoted}").fetchone()  # noqa: S608 - quoted
            yield f"-- {name}: {count:,} rows"
        for kind, name, sql in connection.execute(_SELECT_SCHEMA):
            yield f"{sql};" if sql else f"-- {kind} {name}"


def outcomes(path: Path, since: datetime) -> Iterator[str]:
    """Yield the rows of the ledger since then as JSON objects, oldest first. Raises `StoreError`."""
    with open_for_reading(path, _BUSY_TIMEOUT_MS) as connection:
        for row in connection.execute(_SELECT_OUTCOMES, (as_text(since),)):
            yield json.dumps(dict(row), default=str)
