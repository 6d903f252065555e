"""Whether the ledger, the readings, their checksums and the spool of a home agree with each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs

_COUNTS = """
SELECT slot, sum(of_ledger), sum(of_readings) FROM (
    SELECT slot, readings AS of_ledger, 0 AS of_readings FROM outcomes
    UNION ALL SELECT timestamp, 0, 1 FROM readings
    UNION ALL SELECT timestamp, 0, 1 FROM air_readings
) GROUP BY slot HAVING sum(of_ledger) <> sum(of_readings)
"""
_WITHOUT_CHECKSUM = """
SELECT (
    SELECT count(*) FROM readings AS one WHERE one.id > coalesce(
        (SELECT last_id FROM checksums WHERE first_id <= one.id ORDER BY first_id DESC LIMIT 1), 0
    )
) + (SELECT count(*) FROM air_readings WHERE crc IS NULL) + (SELECT count(*) FROM outcomes WHERE crc IS NULL)
"""
# A source is paused for up to an hour, or two by a clock that was set.
_CONTRADICTIONS = """
SELECT count(*) FROM (SELECT *, CAST(strftime('%s', slot) AS INTEGER) AS at FROM outcomes) WHERE
    interval_s <> 300 OR scheduled <> (at % 300 = 0)
    OR (state = 'stored') <> (cause IS NULL) OR (state <> 'stored' AND readings > 0)
    OR (state = 'failed') <> (coalesce(detail, '') <> '') OR (state = 'deferred') <> (until IS NOT NULL)
    OR CAST(strftime('%s', until) AS INTEGER) NOT BETWEEN at + 1 AND at + 2 * 3600 + 300
"""
_UNKNOWN_DEVICES = """
SELECT count(*) FROM (
    SELECT device_id, location, device_type FROM readings
    UNION SELECT device_id, location, device_type FROM air_readings
    EXCEPT SELECT device_id, location, kind FROM devices
)
"""


@attrs.frozen(kw_only=True)
class Agreement:
    """What does not agree at the end of a simulation."""

    slots_miscounted: int  # the ledger counts more or fewer readings than are stored
    rows_without_checksum: int
    contradictions: int  # rows of the ledger whose columns contradict each other
    devices_unknown: int  # that have readings, and no row of their own
    waiting: int  # cycles in the spool

    def broken(self) -> Iterator[str]:
        """Yield the promises that were broken."""
        for number, promise in (
            (self.slots_miscounted, "slots have another number of readings than the ledger says"),
            (self.rows_without_checksum, "rows have no checksum"),
            (self.contradictions, "rows of the ledger contradict themselves"),
            (self.devices_unknown, "devices have readings and no row of their own"),
            (self.waiting, "cycles still wait in the spool"),
        ):
            if number:
                yield f"{number:,} {promise}"


def agreement(connection: sqlite3.Connection, home: Path) -> Agreement:
    """Compare what is in the database, and look into the spool of the home."""
    spools = [path for path in home.glob("*/spool/*.jsonl") if path.is_file()]
    (without_checksum,) = connection.execute(_WITHOUT_CHECKSUM).fetchone()
    (contradictions,) = connection.execute(_CONTRADICTIONS).fetchone()
    (devices_unknown,) = connection.execute(_UNKNOWN_DEVICES).fetchone()
    return Agreement(
        slots_miscounted=len(connection.execute(_COUNTS).fetchall()),
        rows_without_checksum=without_checksum,
        contradictions=contradictions,
        devices_unknown=devices_unknown,
        waiting=sum(len(path.read_bytes().splitlines()) for path in spools),
    )
