"""What the ledger holds, read back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite.reading import reading_from
from adapters.sqlite.rows import as_instant, as_text
from domain.outcome import PASSING_CAUSES
from ports.ledger import SourceRecord

_SELECT_SOURCES = """
WITH RECURSIVE one (source) AS (
    SELECT min(source) FROM outcomes
    UNION ALL
    SELECT (SELECT min(source) FROM outcomes WHERE source > one.source) FROM one WHERE one.source IS NOT NULL
)
SELECT source FROM one WHERE source IS NOT NULL
"""
_SELECT_NEWEST = """
SELECT slot, state, cause, detail, readings, unread FROM outcomes
WHERE source = ? AND scheduled = 1 ORDER BY slot DESC LIMIT 1
"""
_COUNT_STATES = """
SELECT state, cause, count(*) FROM outcomes
WHERE source = ? AND scheduled = 1 AND slot >= ? GROUP BY state, cause
"""
# A measurement of the whole read that ended well, and within its time one of an attempt that did not.
_COUNT_MENDED = """
SELECT count(*) FROM measurements AS whole
WHERE whole.began_at >= :since AND whole.source = :source AND whole.operation = 'source.read'
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

    def records(self, since: datetime) -> Sequence[SourceRecord]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            sources = [source for (source,) in connection.execute(_SELECT_SOURCES)]
            found = [_record(connection, source, as_text(since)) for source in sources]
        return [record for record in found if record is not None]


def _record(connection: sqlite3.Connection, source: str, since: str) -> SourceRecord | None:
    newest = connection.execute(_SELECT_NEWEST, (source,)).fetchone()
    slot = as_instant(newest["slot"], UTC) if newest else None
    if slot is None:
        return None
    slots: dict[str, int] = {}
    unmended = 0
    for state, cause, count in connection.execute(_COUNT_STATES, (source, since)):
        slots[state] = slots.get(state, 0) + count
        unmended += count if state == "failed" and cause in PASSING_CAUSES else 0
    (mended,) = connection.execute(_COUNT_MENDED, {"source": source, "since": since}).fetchone()
    return SourceRecord(
        source=source,
        slot=slot,
        state=newest["state"],
        cause=newest["cause"],
        detail=newest["detail"],
        readings=newest["readings"],
        unread=len(json.loads(newest["unread"] or "{}")),
        slots=slots,
        mended=mended,
        unmended=unmended,
    )
