"""What was measured while collecting, read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.sqlite.reading import reading_from
from adapters.sqlite.rows import as_instant, as_number, as_text
from domain.baseline import Measurement

_SELECT_BETWEEN = """
SELECT began_at, operation, source, duration_s, wire_bytes, payload_bytes, succeeded FROM measurements
WHERE began_at >= ? AND began_at < ? ORDER BY began_at, operation, source, number
"""


class SqliteMeasurements:
    """Reads the database without ever changing it; each call opens it, fetches everything, and lets go."""

    def __init__(self, path: Path, *, busy_timeout_ms: int = 5000) -> None:
        self._path = path
        self._busy_timeout_ms = busy_timeout_ms

    def between(self, since: datetime, until: datetime) -> Sequence[Measurement]:
        with reading_from(self._path, self._busy_timeout_ms) as connection:
            rows = connection.execute(_SELECT_BETWEEN, (as_text(since), as_text(until))).fetchall()
        return [one for one in map(_measurement, rows) if one is not None]


def _measurement(row: sqlite3.Row) -> Measurement | None:
    """What the row tells; None for what this program did not write so."""
    began_at, duration_s = as_instant(row["began_at"], UTC), as_number(row["duration_s"])
    wire, payload = row["wire_bytes"], row["payload_bytes"]
    if began_at is None or duration_s is None or not (isinstance(wire, int) and isinstance(payload, int)):
        return None
    return Measurement(
        operation=str(row["operation"]),
        source=str(row["source"]),
        began_at=began_at,
        duration_s=duration_s,
        wire_bytes=wire,
        payload_bytes=payload,
        succeeded=bool(row["succeeded"]),
    )
