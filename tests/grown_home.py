"""A home that has collected for long, written faster than a cycle every five minutes, in the same layout."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from adapters.memory.clock import MemoryClock
from adapters.memory.journal import MemoryJournal
from adapters.sqlite import ledger
from adapters.sqlite.store import SqliteStore
from domain.baseline import Measurement
from domain.outcome import CycleReport
from tests.builders import INTERVAL_S, NOON, a_collected, a_cycle, a_due, a_reading

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
# what a cycle of one bridge measures, and what comes to it once an hour
_OPERATIONS = ("source.read", "source.attempt", "hue.v2/temperature", "store.append")
_HOURLY = ("hue.v2/zigbee_connectivity", "hue.v2/device", "hue.v2/device_power")
_AFTER_SLOT = timedelta(seconds=2)


def slot_of(number: int) -> datetime:
    """When the n-th cycle is."""
    return NOON + timedelta(seconds=INTERVAL_S * number)


def reports(cycles: int, sensors: int) -> Iterator[CycleReport]:
    """So many cycles of one bridge, one after the other, every reading as a v2 bridge gives it."""
    return (_report(number, sensors) for number in range(cycles))


def device_of(sensor: int) -> str:
    return f"hue:00:17:88:01:{sensor >> 8 & 255:02x}:{sensor & 255:02x}:cd:e8-02-0402"


def room_of(sensor: int) -> str:
    return _ROOMS[sensor % len(_ROOMS)] + (f" {sensor // len(_ROOMS)}" if sensor >= len(_ROOMS) else "")


def temperature_of(number: int, sensor: int) -> float:
    return 15 + (number * 7 + sensor * 131) % 1300 / 100


def _report(number: int, sensors: int) -> CycleReport:
    slot = slot_of(number)
    readings = (
        a_reading(
            device_of(sensor),
            location=room_of(sensor),
            collected_at=slot,
            observed_at=slot - timedelta(seconds=17 * sensor + 3, milliseconds=number * 37 % 1000),
            temperature=temperature_of(number, sensor),
            battery_percent=100 - number // 3000 % 90,
            is_reachable=True,
        )
        for sensor in range(sensors)
    )
    began_at = slot + timedelta(microseconds=1_012_345 + number * 7919 % 900_000)
    measurements = (
        Measurement(
            operation=operation,
            source="hue",
            began_at=began_at + timedelta(microseconds=900 * place),
            duration_s=0.05 + number * 7919 % 10_007 / 1e6,
            wire_bytes=3000,
            payload_bytes=2700,
        )
        for place, operation in enumerate((*_OPERATIONS, *(_HOURLY if number % 12 == 0 else ())))
    )
    collected = a_collected(*readings, due=a_due(slot=slot))
    return a_cycle(collected, measurements=tuple(measurements))


def append_one_by_one(path: Path, some: Iterable[CycleReport]) -> None:
    """As the collector does it: a transaction a cycle."""
    clock = MemoryClock(NOON + _AFTER_SLOT)
    store = SqliteStore(path, journal=MemoryJournal(), clock=clock)
    for report in some:
        store.append(report)
        clock.advance(INTERVAL_S)
    store.close()


def append_fast(path: Path, some: Iterable[CycleReport]) -> None:
    """The same rows by the same statements, many cycles a transaction and without a sync."""
    with _written_at_once(path) as connection:
        for number, report in enumerate(some):
            if number % 100 == 0:
                connection.execute("COMMIT")
                connection.execute("BEGIN")
            ledger.write(connection, report, _now_of(report))


def _now_of(report: CycleReport) -> datetime:
    return report.outcomes[0].due.slot + _AFTER_SLOT


@contextmanager
def _written_at_once(path: Path) -> Iterator[sqlite3.Connection]:
    store = SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(NOON))
    store.open()
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    yield connection
    connection.execute("COMMIT")
    store.close()
