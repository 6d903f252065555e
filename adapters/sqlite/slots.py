"""The newest slots of a source, past those that a wrong clock or another program has written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.sqlite.rows import as_instant, as_text
from domain.schedule import CLOCK_FAULT_AHEAD

# What is no text sorts before or behind all texts.
_SELECT_AHEAD = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot > ? ORDER BY slot DESC
"""
_SELECT_UNTIL = (
    "SELECT slot FROM outcomes WHERE source = ? AND scheduled = 1 AND slot <= ? ORDER BY slot DESC"
)
_SELECT_STORED_UNTIL = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND state = 'stored' AND slot <= ? ORDER BY slot DESC
"""

Newest = datetime | None


def standing(connection: sqlite3.Connection, source: str, at: datetime) -> tuple[Newest, Newest, Newest]:
    """The newest planned slot that is a clock fault at that instant, that is none, and that is stored."""
    until = at + CLOCK_FAULT_AHEAD
    key = (source, as_text(until))
    return (
        next((slot for slot in _slots(connection, _SELECT_AHEAD, key) if slot > until), None),
        next(_slots(connection, _SELECT_UNTIL, key), None),
        next(_slots(connection, _SELECT_STORED_UNTIL, key), None),
    )


def ahead(connection: sqlite3.Connection, source: str, until: datetime) -> Newest:
    """The newest planned slot later than that."""
    return next(_slots(connection, _SELECT_AHEAD, (source, as_text(until))), None)


def _slots(connection: sqlite3.Connection, statement: str, key: tuple[str, str]) -> Iterator[datetime]:
    """Those that name an instant; no more rows are read than are asked for."""
    for (text,) in connection.execute(statement, key):
        if (slot := as_instant(text, UTC)) is not None:
            yield slot
