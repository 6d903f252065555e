"""Homes that ran before: every old row stays as it was, every old query answers, and new readings come in."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.clock import MemoryClock
from adapters.memory.journal import MemoryJournal
from adapters.sqlite import SqliteHistory, SqliteStore
from domain.reading import DeviceKind, Quantity
from tests.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.old_homes import HUE_DEVICES, Age, an_old_row, columns_of, make_old_home, takes_monitors
from tests.old_queries import answers, plans

ROWS = 100_000
HUE = a_reading(HUE_DEVICES[0], location="Küche", battery_percent=88, is_reachable=True)
AQM = a_reading(
    "alexa:NEW",
    kind=DeviceKind.ALEXA_AQM,
    location="Wohnzimmer",
    temperature=22.5,
    pm25=3.0,
    voc_index=40.0,
    observed_at=NOON - timedelta(seconds=90),
)


@attrs.frozen(kw_only=True)
class UpgradedHome:
    """A home after its first cycle with this program, and what is needed to compare it."""

    age: Age
    path: Path
    before: Path
    journal: MemoryJournal
    answers_after_opening: dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module", params=list(Age), ids=str)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpgradedHome]:
    age: Age = request.param
    folder = tmp_path_factory.mktemp("home")
    path, before, journal = folder / "readings.db", folder / "before.db", MemoryJournal()
    make_old_home(path, age, ROWS)
    shutil.copy(path, before)  # it is closed, so that the file is all there is
    store = SqliteStore(path, journal=journal, clock=MemoryClock(NOON))
    store.open()
    after_opening = answers(path, age)
    hue, amazon = a_due("hue"), a_due("amazon")
    store.append(a_cycle(a_collected(HUE, due=hue), a_collected(AQM, due=amazon)))
    store.close()
    yield UpgradedHome(
        age=age, path=path, before=before, journal=journal, answers_after_opening=after_opening
    )
    shutil.rmtree(folder)


def test_every_value_of_every_old_row_is_still_there_with_its_type(home: UpgradedHome) -> None:
    assert _rows_that_differ(home.before, home.path, home.age) == []


def test_nothing_but_the_new_readings_was_added(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        added = connection.execute("SELECT device_id FROM readings WHERE id > ?", (ROWS,)).fetchall()
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (ROWS + len(added),)
    expected = [HUE.device_id, AQM.device_id] if takes_monitors(home.age) else [HUE.device_id]
    assert [device_id for (device_id,) in added] == expected


def test_every_old_query_answers_as_before(home: UpgradedHome) -> None:
    assert home.answers_after_opening == answers(home.before, home.age)


def test_sqlite_goes_about_every_old_query_as_before(home: UpgradedHome) -> None:
    assert plans(home.path, home.age) == plans(home.before, home.age)


def test_the_copy_beside_it_equals_what_was_there(home: UpgradedHome) -> None:
    (copied,) = home.journal.of("store.copied")
    copy = Path(str(copied.fields["copy"]))
    assert copy == home.path.with_name("readings.db.before-homeclimate-20260301T120000Z")
    assert _rows_that_differ(home.before, copy, home.age) == []
    assert answers(copy, home.age) == answers(home.before, home.age)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


def test_the_earlier_program_reads_what_this_one_wrote(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        row = connection.execute(
            "SELECT timestamp, temperature_celsius, location, device_type, battery_level, signal_strength "
            "FROM readings WHERE device_id = ? ORDER BY timestamp DESC LIMIT 1",
            (HUE.device_id,),
        ).fetchone()
    assert row == ("2026-03-01T12:00:00+00:00", 21.5, "Küche", "hue_sensor", 88, 1)


def test_the_earlier_program_can_still_insert(home: UpgradedHome) -> None:
    row = an_old_row(home.age, ROWS + 1)
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    with closing(sqlite3.connect(home.path)) as connection:
        connection.execute(f"INSERT INTO readings ({columns}) VALUES ({marks})", row)  # noqa: S608 - own names
        found = connection.execute(
            f"SELECT {columns} FROM readings ORDER BY id DESC LIMIT 1"  # noqa: S608 - own names
        ).fetchone()
        connection.rollback()
    assert found == tuple(row.values())


def test_a_monitor_that_the_old_table_refuses_is_accounted_for(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        readings, unread = connection.execute(
            "SELECT readings, unread FROM outcomes WHERE source = 'amazon' AND state = 'stored'"
        ).fetchone()
    if takes_monitors(home.age):
        assert (readings, unread) == (1, None)
    else:
        cause, detail = json.loads(unread)[AQM.device_id]
        assert (readings, cause) == (0, "out_of_range")
        assert "CHECK constraint" in detail
        assert "pm25 3" in detail


def test_the_newest_readings_are_found_among_old_and_new_ones(home: UpgradedHome) -> None:
    newest = {reading.device_id: reading for reading in SqliteHistory(home.path).newest()}
    assert newest[HUE.device_id] == HUE
    assert set(HUE_DEVICES) <= newest.keys()
    assert not [device_id for device_id in newest if device_id.startswith(("nest:", "weather:"))]


def test_a_series_holds_old_and_new_readings(home: UpgradedHome) -> None:
    since = NOON - timedelta(days=3650)
    series = SqliteHistory(home.path).series(HUE.device_id, Quantity.TEMPERATURE, since)
    with closing(sqlite3.connect(home.path)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM readings WHERE device_id = ?", (HUE.device_id,)
        ).fetchone()
    assert len(series) == count
    assert series[-1] == (NOON, 21.5)


def _rows_that_differ(before: Path, after: Path, age: Age) -> list[tuple[int]]:
    """The ids of rows of `before` of which a value or its type is another in `after`, ten at most."""
    same = " AND ".join(
        f"typeof(a.{name}) = typeof(b.{name}) AND a.{name} IS b.{name}" for name in columns_of(age)
    )
    with closing(sqlite3.connect(after)) as connection:
        connection.execute("ATTACH ? AS old", (str(before),))
        (count,) = connection.execute("SELECT count(*) FROM old.readings").fetchone()
        assert count == ROWS
        return connection.execute(
            "SELECT b.id FROM old.readings AS b LEFT JOIN main.readings AS a ON a.id = b.id "  # noqa: S608
            f"WHERE NOT coalesce({same}, 0) LIMIT 10"
        ).fetchall()
