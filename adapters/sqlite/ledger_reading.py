"""What the ledger holds, read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite.reading import reading_from
from adapters.sqlite.rows import as_instant, as_text
from adapters.sqlite.slots import ahead
from domain.outcome import PASSING_CAUSES
from ports.ledger import SourceRecord

_SELECT_SOURCES = """
WITH RECURSIVE one (source) AS (
    SELECT min(source) FROM outcomes
    UNION ALL
    SELECT (SELECT min(source) FROM outcomes WHERE source > one.source) FROM one WHERE one.source IS NOT NULL
)
SELECT source FROM one WHERE typeof(source) = 'text'
"""
_SELECT_NEWEST = """
SELECT slot, state, cause, detail, readings, unread FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot <= ? ORDER BY slot DESC
"""
_COUNT_STATES = """
SELECT state, cause, count(*) FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot BETWEEN ? AND ? GROUP BY state, cause
"""
# A measurement of the whole read that ended well, and within its time one of an attempt that did not.
_COUNT_MENDED = """
SELECT count(*) FROM measurements AS whole
WHERE whole.began_at BETWEEN :since AND :until AND whole.source = :source AND whole.operation = 'source.read'
    AND whole.succeeded = 1
    AND EXISTS (
        SELECT 1 FROM measurements AS attempt
        WHERE attempt.began_at >= whole.began_at
            AND julianday(attempt.began_at) <= julianday(whole.began_at) + whole.duration_s / 86400.0
            AND attempt.began_at < strftime('%Y-%m-%dT%H:%M:%S', whole.began_at, '+60 seconds')
            AND attempt.source = whole.source AND attempt.operation = 'source.attempt'
            AND attempt.succeeded = 0
    )
"""


class SqliteLedger:
    """Reads the database without ever changing it; each call opens it, fetches everything, and lets go."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            found = [_record(connection, source, since, until) for source in sources]
        return [record for record in found if record is not None]


def _record(
    connection: sqlite3.Connection, source: str, since: datetime, until: datetime
) -> SourceRecord | None:
    later = ahead(connection, source, until)
    newest = _newest(connection, source, until) or (later and _newest(connection, source, later))
    if not newest:
        return None
    slot, row = newest
    slots: dict[str, int] = {}
    unmended = 0
    for state, cause, count in connection.execute(_COUNT_STATES, (source, as_text(since), as_text(until))):
        slots[state] = slots.get(state, 0) + count
        unmended += count if state == "failed" and cause in PASSING_CAUSES else 0
    asked = {"source": source, "since": as_text(since), "until": as_text(until)}
    (mended,) = connection.execute(_COUNT_MENDED, asked).fetchone()
    return SourceRecord(
        source=source,
        slot=slot,
        state=row["state"],
        cause=_text(row["cause"]),
        detail=_text(row["detail"]),
        readings=row["readings"] if isinstance(row["readings"], int) else 0,
        unread=_count(row["unread"]),
        slots=slots,
        mended=mended,
        unmended=unmended,
        ahead=later,
    )


def _newest(
    connection: sqlite3.Connection, source: str, until: datetime
) -> tuple[datetime, sqlite3.Row] | None:
    """The newest planned slot whose row names one; what another program wrote there is passed over."""
    for row in connection.execute(_SELECT_NEWEST, (source, as_text(until))):
        if (slot := as_instant(row["slot"], UTC)) is not None:
            return slot, row
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(unread: object) -> int:
    try:
        found = json.loads(unread) if isinstance(unread, str) else {}
    except (ValueError, RecursionError):
        return 0
    return len(found) if isinstance(found, dict) else 0
