"""What a year of readings takes of the disk, beside the earlier program's schema: ./run bench file_size.

Both hold the same values, written in the same order; ours has the sensors' own times too, the ledger and the
rest. Each is measured after a checkpoint and after VACUUM; what tables and indexes take is SQLite's own count
(dbstat). Ends with 1 when ours passes the limit.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import attrs

from domain.cycle import Collected, CycleReport
from domain.reading import Quantity
from tests.support.grown_home import append_fast, reports
from tests.support.old_homes import an_empty_old_home

LIMIT = 0.70
_A_DAY = 288
_INSERT = """
INSERT INTO readings (
    timestamp, device_id, temperature_celsius, location, device_type,
    battery_level, signal_strength, created_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_SELECT_PLACES = "SELECT name, sum(pgsize), sum(payload) FROM dbstat GROUP BY name ORDER BY 2 DESC"
_LEAST_BYTES = 0.1  # a reading, of what is listed


@attrs.frozen(kw_only=True)
class _Size:
    file_bytes: int
    vacuumed_bytes: int
    readings: int
    places: Sequence[tuple[str, int, int]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--sensors", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        ours, earlier = Path(folder) / "ours.db", Path(folder) / "earlier.db"
        append_fast(ours, reports(given.days * _A_DAY, given.sensors))
        _append_as_earlier(earlier, reports(given.days * _A_DAY, given.sensors))
        sizes = {"ours": _size(ours), "earlier schema": _size(earlier)}
    for name, size in sizes.items():
        _tell(name, size)
    one, other = sizes.values()
    ratio = one.file_bytes / other.file_bytes
    sys.stdout.write(
        f"ours / earlier: {ratio:.3f}, after VACUUM {one.vacuumed_bytes / other.vacuumed_bytes:.3f}; "
        f"the limit is {LIMIT:.2f}\n"
    )
    return int(ratio > LIMIT)


def _append_as_earlier(path: Path, some: Iterable[CycleReport]) -> None:
    """A row each, at the instant at which it was read: the earlier program knew no slots."""
    an_empty_old_home(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for number, report in enumerate(some):
            for outcome in report.outcomes:
                assert isinstance(outcome, Collected)
                connection.executemany(_INSERT, _rows(outcome, number))
            if number % 100 == 0:
                connection.commit()
        connection.commit()


def _rows(outcome: Collected, number: int) -> Iterable[tuple[object, ...]]:
    read_at: datetime = outcome.due.slot + timedelta(microseconds=2_000_123 + number * 7919 % 900_000)
    for place, reading in enumerate(outcome.readings):
        yield (
            (read_at + timedelta(microseconds=41 * place)).isoformat(),
            reading.device_id,
            reading.values[Quantity.TEMPERATURE],
            reading.location,
            reading.kind.value,
            reading.battery_percent,
            int(bool(reading.is_reachable)),
            f"{read_at:%Y-%m-%d %H:%M:%S}",
        )


def _size(path: Path) -> _Size:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        file_bytes, places = path.stat().st_size, connection.execute(_SELECT_PLACES).fetchall()
        (count,) = connection.execute("SELECT count(*) FROM readings").fetchone()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return _Size(file_bytes=file_bytes, vacuumed_bytes=path.stat().st_size, readings=count, places=places)


def _tell(name: str, size: _Size) -> None:
    count = size.readings
    sys.stdout.write(
        f"{name}: {count:,} readings, {size.file_bytes / 1e6:.1f} MB, {size.file_bytes / count:.1f} bytes a "
        f"reading; after VACUUM {size.vacuumed_bytes / count:.1f}\n"
    )
    for place, page_bytes, payload_bytes in size.places:
        if page_bytes / count > _LEAST_BYTES:
            sys.stdout.write(
                f"    {place:<34} {page_bytes / count:6.1f} bytes a reading, "
                f"content {payload_bytes / count:6.1f}\n"
            )


if __name__ == "__main__":
    sys.exit(main())
