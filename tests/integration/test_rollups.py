"""Roll-ups: equal to the raw readings after each way in which rows come."""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import attrs
import pytest

from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history import rollups
from adapters.sqlite.rows.readings import as_text
from domain.history.series import Summary
from domain.reading import Quantity
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store

ZONE = ZoneInfo("Europe/Berlin")
DEVICES = ("hue:a", "hue:b")


def store(database: Path, slots: Sequence[datetime], chance: random.Random) -> None:
    writer = a_store(database)
    for slot in slots:
        readings = [
            a_reading(name, collected_at=slot, values={Quantity.TEMPERATURE: chance.uniform(10, 25)})
            for name in DEVICES
        ]
        writer.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    writer.close()


def rolled_up(database: Path, since: datetime, until: datetime) -> dict[str, Sequence[Summary]]:
    with closing(connect(database, mode="ro", busy_timeout_ms=1000)) as connection:
        found = {
            name: rollups.hours(connection, name, Quantity.TEMPERATURE, since, until, ZONE)
            for name in DEVICES
        }
    return {name: [attrs.evolve(one, total=round(one.total, 6)) for one in found[name]] for name in found}


def counted_from_raw(database: Path) -> dict[str, Sequence[Summary]]:
    """Count by plain Python, from all rows, also those that the earlier program stored in local time."""
    values: dict[str, dict[datetime, list[float]]] = {name: defaultdict(list) for name in DEVICES}
    with closing(sqlite3.connect(database)) as connection:
        for name, text, value in connection.execute(
            "SELECT device_id, timestamp, temperature_celsius FROM readings"
        ):
            instant = datetime.fromisoformat(text)
            instant = instant if instant.tzinfo else instant.replace(tzinfo=ZONE)
            if value is not None:
                values[name][instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)].append(value)
    return {
        name: [
            Summary(at=at, low=min(all_), high=max(all_), total=round(sum(all_), 6), count=len(all_))
            for at, all_ in sorted(hours.items())
        ]
        for name, hours in values.items()
    }


def roll_up(database: Path) -> int:
    lock = DatabaseLock(database.with_name("readings.db.lock"), wait_s=5)
    with closing(connect(database, mode="rw", busy_timeout_ms=1000)) as connection, closing(lock):
        return rollups.roll_up(connection, lock, ZONE)


SINCE, UNTIL = NOON - timedelta(days=30), NOON + timedelta(days=30)


def test_late_and_local_rows_join_their_hour(tmp_path: Path) -> None:
    database, chance = tmp_path / "readings.db", random.Random(1)  # noqa: S311 - temperatures, not secrets
    store(database, [NOON + number * timedelta(minutes=5) for number in range(0, 40, 2)], chance)
    assert rolled_up(database, SINCE, UNTIL) == counted_from_raw(database)  # before anything is rolled up
    assert roll_up(database) == 40
    assert rolled_up(database, SINCE, UNTIL) == counted_from_raw(database)
    store(database, [NOON + number * timedelta(minutes=5) for number in range(1, 40, 2)], chance)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO readings"
            " (timestamp, device_id, temperature_celsius, location, device_type, created_at)"
            " VALUES ('2026-02-28T01:30:00.123456', 'hue:a', 12.5, 'x', 'hue_sensor', '2025-11-20 00:00:00')"
        )
        connection.commit()
    assert rolled_up(database, SINCE, UNTIL) == counted_from_raw(database)  # counted and uncounted together
    assert roll_up(database) == 41
    assert roll_up(database) == 0
    assert rolled_up(database, SINCE, UNTIL) == counted_from_raw(database)


def test_a_roll_up_that_forgot_how_far_it_came_starts_again(tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    store(database, [NOON, NOON + timedelta(minutes=5)], random.Random(2))  # noqa: S311 - as above
    roll_up(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM properties WHERE name = 'rollups.last_id'")
        connection.commit()
    roll_up(database)
    assert rolled_up(database, SINCE, UNTIL) == counted_from_raw(database)


@pytest.mark.parametrize("name", ["Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_days_are_equal_to_the_raw_readings(tmp_path: Path, name: str) -> None:
    database, zone = tmp_path / "readings.db", ZoneInfo(name)
    begin = datetime(2026, 3, 20, 7, tzinfo=UTC)  # Berlin's clock changes on 29 March, Lord Howe's on 5 April
    slots = [begin + number * timedelta(minutes=20) for number in range(72 * 20)]
    store(database, slots[:1], random.Random(3))  # noqa: S311 - temperatures, not secrets
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO readings"
            " (timestamp, device_id, temperature_celsius, location, device_type, created_at)"
            " VALUES (?, 'hue:a', ?, 'x', 'hue_sensor', '2026-03-20 00:00:00')",
            [(as_text(slot), number % 17 / 3) for number, slot in enumerate(slots[1:])],
        )
    roll_up(database)
    with closing(sqlite3.connect(database)) as connection:
        raw = connection.execute(
            "SELECT timestamp, temperature_celsius FROM readings WHERE device_id = 'hue:a'"
        ).fetchall()
    by_day: dict[object, list[float]] = defaultdict(list)
    for text, value in raw:
        by_day[datetime.fromisoformat(text).astimezone(zone).date()].append(value)
    with closing(connect(database, mode="ro", busy_timeout_ms=1000)) as connection:
        found = rollups.days(connection, "hue:a", Quantity.TEMPERATURE, slots[0], slots[-1], zone, None)
    assert {
        one.at.astimezone(zone).date(): (one.low, one.high, one.count, round(one.total, 6)) for one in found
    } == {day: (min(some), max(some), len(some), round(sum(some), 6)) for day, some in by_day.items()}
