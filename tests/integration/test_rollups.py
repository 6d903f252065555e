"""Roll-ups: equal to the raw readings after each way in which rows come and go."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.memory.null import NullJournal
from adapters.memory.runtime import MemoryClock
from adapters.memory.state import MemoryState
from adapters.sqlite.backup.restoring import merge_backup
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.connection import connect
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history import rollups, summaries
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.history.rollups import Zones
from domain.history.series import Resolution, Summary, begin_of
from domain.reading import Quantity
from tests.support.builders import NOON
from tests.support.databases import a_store, changed, rows
from tests.support.old_homes import Age, make_old_home

LOCAL = ZoneInfo("Europe/Berlin")  # of the times without a zone
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe")]
DEVICES = ("hue:a", "hue:b")
BEGIN = datetime(2026, 3, 28, 7, tzinfo=UTC)  # Berlin's clock changes on 29 March, Lord Howe's on 5 April
SINCE, UNTIL = BEGIN - timedelta(days=20), BEGIN + timedelta(days=40)
_INSERT = """
INSERT OR IGNORE INTO readings (id, timestamp, device_id, temperature_celsius, location, device_type)
VALUES (?, ?, ?, ?, 'x', 'hue_sensor')
"""
_INSERT_AIR = """
INSERT OR IGNORE INTO air_readings
    (timestamp, device_id, humidity_percent, location, device_type, created_at, crc)
VALUES (?, ?, ?, 'x', 'alexa_aqm', '2026-03-28 07:00:00', 0)
"""
_SELECT = """
SELECT device_id, timestamp, temperature_celsius, humidity_percent FROM readings UNION ALL
SELECT device_id, timestamp, temperature_celsius, humidity_percent FROM air_readings
"""
QUANTITIES = (Quantity.TEMPERATURE, Quantity.RELATIVE_HUMIDITY)
SERIES = [(name, quantity) for name in DEVICES for quantity in QUANTITIES]
Found = Mapping[tuple[str, Quantity], Sequence[tuple[datetime, float, float, float, int]]]


def summarised(database: Path, zone: tzinfo) -> Mapping[Resolution, Found]:
    history = SqliteHistory(database, naive_zone=LOCAL)
    span = (SINCE, UNTIL)
    return {
        Resolution.HOUR: {one: _plain(history.hours(*one, *span)) for one in SERIES},
        Resolution.DAY: {one: _plain(history.days(*one, *span, zone)) for one in SERIES},
        Resolution.WEEK: {one: _plain(history.weeks(*one, *span, zone)) for one in SERIES},
    }


def from_raw(database: Path, zone: tzinfo) -> Mapping[Resolution, Found]:
    """By plain Python, from all rows, also those that the earlier program stored in local time."""
    values: dict[Resolution, dict[tuple[str, Quantity], dict[datetime, list[float]]]] = {
        resolution: {one: {} for one in SERIES}
        for resolution in (Resolution.HOUR, Resolution.DAY, Resolution.WEEK)
    }
    for name, text, *cells in rows(database, _SELECT):
        instant = datetime.fromisoformat(text)
        instant = instant if instant.tzinfo else instant.replace(tzinfo=LOCAL)
        for resolution, found in values.items():
            at = begin_of(instant, resolution, zone)
            for quantity, value in zip(
                (Quantity.TEMPERATURE, Quantity.RELATIVE_HUMIDITY), cells, strict=True
            ):
                if value is not None:
                    found[name, quantity].setdefault(at, []).append(value)
    return {
        resolution: {
            series: [
                (at, min(some), max(some), round(sum(some), 6), len(some))
                for at, some in sorted(parts.items())
            ]
            for series, parts in found.items()
        }
        for resolution, found in values.items()
    }


def _plain(parts: Sequence[Summary]) -> list[tuple[datetime, float, float, float, int]]:
    return [(one.at, one.low, one.high, round(one.total, 6), one.count) for one in parts]


def insert(
    database: Path, slots: Sequence[int], *, is_local: bool = False, first_id: int | None = None
) -> None:
    """A reading of each device in each slot of 23 minutes, stored in this order."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for number, slot in enumerate(slots):
            at = BEGIN + slot * timedelta(minutes=23)
            text = at.astimezone(LOCAL).replace(tzinfo=None).isoformat() if is_local else at.isoformat()
            for place, name in enumerate(DEVICES):
                row_id = None if first_id is None else first_id + 2 * number + place
                connection.execute(_INSERT, (row_id, text, name, (slot * 7 + place) % 31 / 3))


def insert_air(database: Path, slots: Sequence[int]) -> None:
    """A reading without a temperature in each slot."""
    with closing(sqlite3.connect(database)) as connection, connection:
        texts = [(BEGIN + slot * timedelta(minutes=23)).isoformat() for slot in slots]
        connection.executemany(
            _INSERT_AIR, [(text, "hue:a", place % 60 + 0.5) for place, text in enumerate(texts)]
        )


def roll_up(database: Path, zone: tzinfo, *, again: bool = False) -> int:
    lock = DatabaseLock(database.with_name("readings.db.lock"), wait_s=5)
    work = rollups.rebuild if again else rollups.roll_up
    with closing(connect(database, mode="rw", busy_timeout_ms=1000)) as connection, closing(lock):
        connection.execute("PRAGMA synchronous=OFF")
        return work(connection, lock, Zones(days=zone, naive=LOCAL))


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row, but with ids up to a hundred behind it."""
    database = tmp_path_factory.mktemp("empty") / "readings.db"
    store = a_store(database)
    store.open()
    store.close()
    changed(database, "INSERT INTO sqlite_sequence (name, seq) VALUES ('readings', 100)")
    return database


SLOTS = st.lists(st.integers(0, 400), min_size=1, max_size=30)
STEPS = st.one_of(
    st.tuples(st.just("append"), SLOTS),  # cycles, those that waited in the spool, and others' ids in between
    st.tuples(st.just("local"), SLOTS),
    st.tuples(st.just("air"), SLOTS),
    st.tuples(st.just("merge"), SLOTS),
    st.tuples(st.just("below"), SLOTS),
    st.tuples(st.just("delete"), SLOTS),
    st.tuples(st.just("roll up"), st.just([])),
    st.tuples(st.just("rebuild"), st.just([])),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(STEPS, min_size=1, max_size=6), zone=st.sampled_from(ZONES), portion=st.integers(15, 60)
)
def test_summaries_equal_the_raw_readings(
    steps: Sequence[tuple[str, list[int]]],
    zone: ZoneInfo,
    portion: int,
    empty: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollups, "_PORTION", portion)
    database, backup = tmp_path / "readings.db", tmp_path / "backup.db"
    shutil.copyfile(empty, database)
    for step, slots in steps:
        match step:
            case "append" | "local":
                insert(database, slots, is_local=step == "local")
            case "air":
                insert_air(database, slots)
            case "merge":
                shutil.copyfile(empty, backup)
                insert(backup, slots)
                insert_air(backup, slots[::2])
                roll_up(backup, zone)  # what a backup has summed up counts nothing here
                with closing(DatabaseLock(tmp_path / "readings.db.lock", wait_s=5)) as lock:
                    merge_backup(database, backup, lock=lock, busy_timeout_ms=1000)
            case "below":  # as where the sequence was lost
                insert(database, slots, first_id=1)
                roll_up(database, zone)
            case "delete":
                texts = [(BEGIN + slot * timedelta(minutes=23)).isoformat() for slot in slots]
                with closing(sqlite3.connect(database)) as connection, connection:
                    for table in ("readings", "air_readings"):
                        delete = f"DELETE FROM {table} WHERE timestamp = ?"  # noqa: S608 - a name
                        connection.executemany(delete, [(text,) for text in texts])
                roll_up(database, zone)
            case _:
                roll_up(database, zone, again=step == "rebuild")
        assert summarised(database, zone) == from_raw(database, zone), step
    roll_up(database, zone)
    assert roll_up(database, zone) == 0
    assert summarised(database, zone) == from_raw(database, zone)


@pytest.mark.parametrize("age", list(Age))
def test_daily_upkeep_counts_an_old_home_in_portions(
    age: Age, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_PORTION", 150)
    database = tmp_path / "readings.db"
    make_old_home(database, age, 400)
    store = a_store(database)
    store.open()
    store.close()
    upkeep = SqliteUpkeep(
        database,
        state=MemoryState(),
        journal=NullJournal(),
        clock=MemoryClock(NOON),
        zones=lambda: Zones(days=LOCAL, naive=LOCAL),
    )
    history = SqliteHistory(database, naive_zone=LOCAL)
    span = (datetime.fromtimestamp(0, UTC), NOON + timedelta(days=3660))
    series = [(one.device_id, quantity) for one in history.newest() for quantity in one.values]
    before = [history.days(*key, *span, LOCAL) for key in series]
    asyncio.run(upkeep.tidy())
    ((count,),) = rows(database, "SELECT count(*) FROM rollup_days")
    assert count > 0
    after = [history.days(*key, *span, LOCAL) for key in series]
    assert [_plain(one) for one in after] == [_plain(one) for one in before]


def test_restored_backup_goes_on_with_its_own_rollups(empty: Path, tmp_path: Path) -> None:
    database, backup, zone = tmp_path / "readings.db", tmp_path / "backup.db", ZONES[0]
    shutil.copyfile(empty, database)
    insert(database, range(50))
    roll_up(database, zone)
    changed(database, f"VACUUM INTO '{backup}'")
    insert(database, range(50, 90))
    roll_up(database, zone)
    backup.replace(database)
    insert(database, range(60, 100))
    assert summarised(database, zone) == from_raw(database, zone)
    assert roll_up(database, zone) == 80
    assert summarised(database, zone) == from_raw(database, zone)


def test_another_zone_counts_its_days_anew(empty: Path, tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    shutil.copyfile(empty, database)
    insert(database, range(200))
    for zone in ZONES:
        roll_up(database, zone)
        assert summarised(database, zone) == from_raw(database, zone)
    assert roll_up(database, zone) == 0


def test_days_of_a_zone_that_was_not_counted_are_added_up(empty: Path, tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    shutil.copyfile(empty, database)
    insert(database, range(200))
    roll_up(database, ZoneInfo("America/New_York"))
    zone = ZoneInfo("Europe/Berlin")
    assert summarised(database, zone) == from_raw(database, zone)


def test_roll_up_while_a_page_is_made_counts_nothing_twice(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, zone = tmp_path / "readings.db", ZONES[0]
    shutil.copyfile(empty, database)
    insert(database, range(40))
    roll_up(database, zone)
    insert(database, range(40, 60))
    rolled_up = []

    def state_then_roll_up(connection: sqlite3.Connection) -> rollups.RollupState | None:
        state = rollups.state_of(connection)
        rolled_up.append(roll_up(database, zone))
        return state

    monkeypatch.setattr(summaries, "state_of", state_then_roll_up)
    assert summarised(database, zone) == from_raw(database, zone)
    assert rolled_up[0] == 40


def test_rebuild_that_was_cut_leaves_the_sums_as_they_were(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "_PORTION", 20)
    database, zone = tmp_path / "readings.db", ZONES[0]
    shutil.copyfile(empty, database)
    insert(database, range(60))
    roll_up(database, zone)

    def cut(done: int, newest: int) -> None:
        raise KeyboardInterrupt

    lock = DatabaseLock(database.with_name("readings.db.lock"), wait_s=5)
    with (
        closing(connect(database, mode="rw", busy_timeout_ms=1000)) as connection,
        closing(lock),
        pytest.raises(KeyboardInterrupt),
    ):
        rollups.rebuild(connection, lock, Zones(days=zone, naive=LOCAL), cut)
    insert(database, range(60, 80))
    assert summarised(database, zone) == from_raw(database, zone)
    assert roll_up(database, zone) == 40
    tables = rows(database, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'rollup%'")
    assert sorted(name for (name,) in tables) == ["rollup_days", "rollup_hours", "rollup_series"]
    assert roll_up(database, zone, again=True) == 160
    assert summarised(database, zone) == from_raw(database, zone)


def test_too_many_uncounted_readings_are_said_and_hours_still_have_them(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, zone = tmp_path / "readings.db", ZONES[0]
    shutil.copyfile(empty, database)
    insert(database, range(40), is_local=True)
    insert(database, range(40, 100))
    history = SqliteHistory(database, naive_zone=LOCAL)
    assert history.backlog() == 0
    monkeypatch.setattr(summaries, "MOST_UNCOUNTED", 10)
    assert history.backlog() > 10
    assert summarised(database, zone)[Resolution.HOUR] == from_raw(database, zone)[Resolution.HOUR]
    assert summarised(database, zone)[Resolution.DAY] == {one: [] for one in SERIES}
