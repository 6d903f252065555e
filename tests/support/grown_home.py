"""A home that has collected for long, written faster than a cycle every five minutes, in the same layout."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.rows.cycles import CycleWriter
from adapters.sqlite.rows.readings import INSERT_READING, as_text
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from tests.support.builders import INTERVAL_S, NOON, a_collected, a_cycle, a_due, a_measurement, a_reading

_ROOMS = (
    "Living room",
    "Kitchen",
    "Hallway",
    "Bathroom",
    "Bedroom",
    "Attic",
    "Cellar",
    "Study",
    "Garage",
    "Office",
)
_CYCLES_AT_ONCE = 5000
_INSERT_RUN = "INSERT INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, 0)"
_INSERT_OUTCOME = """
INSERT INTO outcomes (source, slot, interval_s, scheduled, state, readings, crc)
VALUES ('hue', ?, 300, 1, 'stored', ?, 2000000000)
"""
_AFTER_SLOT = timedelta(seconds=2)


def slot_of(number: int) -> datetime:
    """When the n-th cycle is."""
    return NOON + timedelta(seconds=INTERVAL_S * number)


def reports(cycles: int, sensors: int) -> Iterator[CycleReport]:
    """The first cycles, one after the other."""
    return (report_of(number, sensors) for number in range(cycles))


def device_of(sensor: int) -> str:
    return f"hue:00:17:88:01:{sensor >> 8 & 255:02x}:{sensor & 255:02x}:cd:e8-02-0402"


def room_of(sensor: int) -> str:
    return _ROOMS[sensor % len(_ROOMS)] + (f" {sensor // len(_ROOMS)}" if sensor >= len(_ROOMS) else "")


def temperature_of(number: int, sensor: int) -> float:
    return 15 + (number * 7 + sensor * 131) % 1300 / 100


def _observed_at(number: int, sensor: int) -> datetime:
    return slot_of(number) - timedelta(seconds=17 * sensor + 3, milliseconds=number * 37 % 1000)


def _battery_of(number: int) -> int:
    return 100 - number // 3000 % 90


def report_of(number: int, sensors: int) -> CycleReport:
    """The n-th cycle of one bridge, every reading as a v2 bridge gives it."""
    slot = slot_of(number)
    readings = (
        a_reading(
            device_of(sensor),
            location=room_of(sensor),
            collected_at=slot,
            observed_at=_observed_at(number, sensor),
            temperature=temperature_of(number, sensor),
            battery_percent=_battery_of(number),
            is_reachable=True,
        )
        for sensor in range(sensors)
    )
    measured = a_measurement(
        slot,
        strategy="v2",
        duration_s=0.05 + number * 7919 % 10_007 / 1e6,
        wire_bytes=3000,
        payload_bytes=2700,
        cycle_s=0.06 + number * 7919 % 10_007 / 1e6,
        commit_s=0.005,
        cpu_s=0.004,
    )
    collected = a_collected(*readings, due=a_due(slot=slot))
    return a_cycle(collected, measurements=(measured,))


def append_fast(path: Path, some: Iterable[CycleReport]) -> None:
    """The same rows by the same statements, many cycles a transaction and without a sync."""
    with _written_at_once(path) as connection:
        writer = CycleWriter(connection)
        for number, report in enumerate(some):
            if number % 100 == 0:
                connection.execute("COMMIT")
                connection.execute("BEGIN")
            writer.write(report, _now_of(report))


def append_in_bulk(path: Path, cycles: range, sensors: int) -> None:
    """The readings of these cycles, ids and indexes as ever; a row of ledger and checksums for each cycle.

    For files so large that nothing else makes them in bearable time. No checksum fits; nothing is measured.
    """
    with _written_at_once(path) as connection:
        for first in cycles[::_CYCLES_AT_ONCE]:
            some = range(first, min(first + _CYCLES_AT_ONCE, cycles.stop))
            connection.executemany(INSERT_READING, _rows(some, sensors))
            connection.executemany(_INSERT_RUN, ((n * sensors + 1, (n + 1) * sensors, sensors) for n in some))
            connection.executemany(_INSERT_OUTCOME, ((as_text(slot_of(n)), sensors) for n in some))
            connection.execute("COMMIT")
            connection.execute("BEGIN")


def _rows(cycles: range, sensors: int) -> Iterator[tuple[object, ...]]:
    """What `row_of` makes of the readings of `reports`."""
    places = [(device_of(sensor), room_of(sensor)) for sensor in range(sensors)]
    for number in cycles:
        slot = slot_of(number)
        timestamp, created_at = as_text(slot), f"{slot + _AFTER_SLOT:%Y-%m-%d %H:%M:%S}"
        for sensor, (device_id, room) in enumerate(places):
            observed_at = as_text(_observed_at(number, sensor))
            celsius, battery = temperature_of(number, sensor), _battery_of(number)
            yield (
                *(timestamp, device_id, celsius, room, "hue_sensor", 0, *(None,) * 6, battery, 1),
                *(*(None,) * 5, created_at, observed_at, None, None),
            )


def _now_of(report: CycleReport) -> datetime:
    return report.outcomes[0].due.slot + _AFTER_SLOT


@contextmanager
def _written_at_once(path: Path) -> Iterator[sqlite3.Connection]:
    store = SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(NOON))
    store.open()
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("PRAGMA ignore_check_constraints=ON")
    connection.execute("BEGIN")
    yield connection
    connection.execute("COMMIT")
    store.close()
