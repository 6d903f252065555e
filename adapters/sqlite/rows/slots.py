"""The newest planned slots of a source in the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

from adapters.sqlite.rows.readings import (
    as_instant,
    as_text,
)
from domain.progress import SourceProgress
from domain.schedule import CLOCK_FAULT_AHEAD

# A slot that is not text sorts before or after all texts, and is skipped.
_SELECT_AHEAD = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot > ? ORDER BY slot DESC
"""
_SELECT_UNTIL = """
SELECT slot FROM outcomes
WHERE source = ? AND scheduled = 1 AND state <> 'missed' AND slot <= ? ORDER BY slot DESC
"""
_SELECT_BEFORE = (
    "SELECT slot FROM outcomes WHERE source = ? AND scheduled = 1 AND slot < ? ORDER BY slot DESC"
)
_SELECT_STATE = "SELECT state FROM outcomes WHERE source = ? AND slot = ? AND scheduled = 1"


def progress_at(connection: sqlite3.Connection, source: str, at: datetime) -> SourceProgress:
    """Return the progress of the source at that slot, without its devices."""
    until = at + CLOCK_FAULT_AHEAD
    key = (source, as_text(until))
    progress = SourceProgress(
        ahead=next((slot for slot in _slots(connection, _SELECT_AHEAD, key) if slot > until), None),
        last_slot=next(_slots(connection, _SELECT_UNTIL, key), None),
    )
    if progress.last_slot is None or progress.last_slot < at:
        return progress
    just_before = (source, as_text(at - timedelta(microseconds=1)))
    (state,) = connection.execute(_SELECT_STATE, (source, as_text(at))).fetchone() or (None,)
    return attrs.evolve(
        progress,
        previous_slot=next(_slots(connection, _SELECT_UNTIL, just_before), None),
        is_recorded=state not in (None, "missed"),
        is_stored=state == "stored",
    )


def newest_slot_before(connection: sqlite3.Connection, source: str, instant: datetime) -> datetime | None:
    """Return the newest planned slot of the source before that instant."""
    return next(_slots(connection, _SELECT_BEFORE, (source, as_text(instant))), None)


def newest_slot_after(connection: sqlite3.Connection, source: str, instant: datetime) -> datetime | None:
    """Return the newest planned slot of the source after that instant."""
    return next(_slots(connection, _SELECT_AHEAD, (source, as_text(instant))), None)


def _slots(connection: sqlite3.Connection, statement: str, key: tuple[str, str]) -> Iterator[datetime]:
    """Yield the slots that are times, without reading more rows than needed."""
    for (text,) in connection.execute(statement, key):
        if (slot := as_instant(text, UTC)) is not None:
            yield slot
