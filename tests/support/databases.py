"""Stores on real files, and a look at what is in them that goes past the adapters."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.migration.migrations import add_air_readings, add_ledger
from adapters.sqlite.schema import (
    ADD_COLUMNS,
    CREATE_DEVICES,
    CREATE_MEASUREMENTS,
    CREATE_OUTCOMES,
    CREATE_PROPERTIES,
    CREATE_READINGS,
)
from adapters.sqlite.store import SqliteStore
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.old_homes import Age, make_old_home


def a_store(path: Path, *, journal: MemoryJournal | None = None, **changes: Any) -> SqliteStore:
    """A store that is not open yet."""
    return SqliteStore(path, journal=journal or MemoryJournal(), clock=MemoryClock(NOON), **changes)


def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What another program gets for this SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def changed(path: Path, *statements: str) -> None:
    """Let another program do this to the database."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def an_unrelaxed_home(path: Path, age: Age, count: int = 500) -> None:
    """A home of that age, as it is once it has its ledger and not yet its relaxed table."""
    make_old_home(path, age, count)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_ledger(connection, is_simulated=False)
        add_air_readings(connection)


EARLIER_INDEXES = (
    "CREATE INDEX idx_readings_timestamp ON readings (timestamp)",
    "CREATE INDEX idx_readings_device_id ON readings (device_id)",
    "CREATE INDEX idx_readings_device_timestamp ON readings (device_id, timestamp)",
    "CREATE INDEX idx_readings_location ON readings (location)",
    "CREATE INDEX idx_readings_device_type ON readings (device_type)",
    "CREATE INDEX idx_readings_anomalous ON readings (is_anomalous) WHERE is_anomalous = 1",
)


def a_home_of_format_3(path: Path, cycles: int = 3) -> None:
    """A home as this program left it before it dropped indexes, with so many cycles."""
    store = a_store(path)
    for number in range(cycles):
        slot = NOON - timedelta(minutes=5 * (cycles - number))
        readings = [a_reading(f"hue:{device}", collected_at=slot) for device in range(4)]
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    store.close()
    changed(
        path,
        "DROP INDEX idx_readings_device_type",
        *EARLIER_INDEXES[1:3],
        EARLIER_INDEXES[4],
        "PRAGMA user_version = 3",
    )


def a_home_of_format_2(path: Path) -> None:
    """A new home as this program made it before there were checksums, with a cycle in its tables."""
    statements = (
        CREATE_READINGS[0],
        *EARLIER_INDEXES,
        *(ADD_COLUMNS[name] for name in ("observed_at", "pm10_ugm3", "other_values")),
    )
    changed(
        path,
        *statements,
        CREATE_OUTCOMES,
        CREATE_DEVICES,
        CREATE_MEASUREMENTS,
        CREATE_PROPERTIES,
        "INSERT INTO properties VALUES ('is_simulated', '0')",
        "INSERT INTO readings (timestamp, device_id, temperature_celsius, location, device_type) "
        "VALUES ('2026-03-01T11:55:00+00:00', 'hue:a', 20.5, 'Attic', 'hue_sensor')",
        "INSERT INTO outcomes (source, slot, interval_s, scheduled, state, readings) "
        "VALUES ('hue', '2026-03-01T11:55:00+00:00', 300, 1, 'stored', 1)",
        "INSERT INTO devices VALUES ('hue:a', 'hue', 'hue_sensor', 'Attic', '2026-03-01T11:55:00+00:00', "
        "'2026-03-01T11:55:00+00:00', '2026-03-01T11:55:00+00:00')",
        "PRAGMA user_version = 2",
    )
