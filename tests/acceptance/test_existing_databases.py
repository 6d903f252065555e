"""Homes that ran before: every old row stays as it was, every old query answers, and new readings come in."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from domain.reading import DeviceKind, Quantity
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.old_homes import HUE_DEVICES, Age, an_old_row, columns_of, make_old_home, make_template
from tests.support.old_queries import answers, plans

FEW, MANY = 2_000, 100_000
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
WITHOUT_TEMPERATURE = attrs.evolve(AQM, device_id="alexa:NEWER", values={Quantity.PM25: 4.0})
IN_THE_SUN = a_reading(HUE_DEVICES[1], location="寝室", temperature=61.0)
NEW = (HUE, IN_THE_SUN, AQM, WITHOUT_TEMPERATURE)
COLUMNS = "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo('readings')"
INDEXES = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'readings'"


@attrs.frozen(kw_only=True)
class UpgradedHome:
    """A home after its first cycle with this program, and what is needed to compare it."""

    age: Age
    row_count: int
    path: Path
    before: Path
    journal: MemoryJournal
    answers_after_opening: dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="module", params=[FEW, pytest.param(MANY, marks=pytest.mark.proof)])
def row_count(request: pytest.FixtureRequest) -> int:
    assert isinstance(request.param, int)
    return request.param


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, row_count: int) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("template") / "template.db"
    make_template(path, row_count)
    yield path
    path.unlink()


@pytest.fixture(scope="module", params=list(Age), ids=str)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: Path, row_count: int
) -> Iterator[UpgradedHome]:
    age: Age = request.param
    folder = tmp_path_factory.mktemp("home")
    path, before, journal = folder / "readings.db", folder / "before.db", MemoryJournal()
    make_old_home(path, age, row_count, template)
    shutil.copy(path, before)  # it is closed, so that the file is all there is
    store = SqliteStore(path, journal=journal, clock=MemoryClock(NOON))
    store.open()
    after_opening = answers(path, age)
    hue, amazon = a_due("hue"), a_due("amazon")
    store.append(a_cycle(a_collected(*NEW[:2], due=hue), a_collected(*NEW[2:], due=amazon)))
    store.close()
    yield UpgradedHome(
        age=age,
        row_count=row_count,
        path=path,
        before=before,
        journal=journal,
        answers_after_opening=after_opening,
    )
    shutil.rmtree(folder)


def test_every_value_of_every_old_row_stays_with_its_type(home: UpgradedHome) -> None:
    assert _rows_that_differ(home) == []


def test_only_the_new_readings_are_added(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        added = connection.execute(
            "SELECT device_id FROM readings WHERE id > ?", (home.row_count,)
        ).fetchall()
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (
            home.row_count + len(added),
        )
    assert [device_id for (device_id,) in added] == [HUE.device_id, AQM.device_id]


def test_no_new_row_of_the_old_table_lacks_a_temperature(home: UpgradedHome) -> None:
    """The earlier program's reports fail on one."""
    with closing(sqlite3.connect(home.path)) as connection:
        select = "SELECT temperature_celsius FROM readings ORDER BY timestamp DESC LIMIT 2"
        newest = connection.execute(select).fetchall()
    assert sorted(f"{celsius:.1f}" for (celsius,) in newest) == ["21.5", "22.5"]


def test_every_old_query_answers_as_before(home: UpgradedHome) -> None:
    assert home.answers_after_opening == answers(home.before, home.age)


def test_old_queries_are_planned_as_before_or_as_well(
    home: UpgradedHome,
) -> None:
    """`./run bench old_queries` shows that what is planned in another way takes no longer."""
    before, after = plans(home.before, home.age), plans(home.path, home.age)
    assert after == {
        **{
            name: [
                re.sub(r"idx_readings_device_(id|timestamp)\b", "sqlite_autoindex_readings_1", step)
                for step in plan
            ]
            for name, plan in before.items()
        },
        "all of the bridge": ["SCAN readings USING INDEX idx_readings_timestamp"],
    }
    assert after["the newest rows"] == ["SCAN readings USING INDEX idx_readings_timestamp"]


def test_the_copy_equals_the_old_database(home: UpgradedHome) -> None:
    (copied,) = home.journal.of("store.copied")
    copy = Path(str(copied.fields["copy"]))
    assert copy == home.path.with_name("readings.db.before-homeclimate-20260301T120000Z")
    # all but the header with its counters: so every value is the same, and every answer
    assert copy.read_bytes()[100:] == home.before.read_bytes()[100:]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (home.row_count,)


def test_the_earlier_program_reads_what_this_one_wrote(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        row = connection.execute(
            "SELECT timestamp, temperature_celsius, location, device_type, battery_level, signal_strength "
            "FROM readings WHERE device_id = ? ORDER BY timestamp DESC LIMIT 1",
            (HUE.device_id,),
        ).fetchone()
    assert row == ("2026-03-01T12:00:00+00:00", 21.5, "Küche", "hue_sensor", 88, 1)


def test_the_earlier_program_can_still_insert(home: UpgradedHome) -> None:
    row = an_old_row(home.age, home.row_count)
    columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    with closing(sqlite3.connect(home.path)) as connection:
        connection.execute(f"INSERT INTO readings ({columns}) VALUES ({marks})", row)  # noqa: S608 - own names
        found = connection.execute(
            f"SELECT {columns} FROM readings ORDER BY id DESC LIMIT 1"  # noqa: S608 - own names
        ).fetchone()
        connection.rollback()
    assert found == tuple(row.values())


def test_monitors_and_readings_without_temperature_are_stored(
    home: UpgradedHome,
) -> None:
    with closing(sqlite3.connect(home.path)) as connection:
        stored = connection.execute(
            "SELECT device_id, temperature_celsius, pm25_ugm3, other_values, is_anomalous FROM all_readings "
            "WHERE timestamp = ? ORDER BY device_type DESC",
            (NOON.isoformat(),),
        ).fetchall()
        ledger = connection.execute(
            "SELECT source, readings, unread FROM outcomes ORDER BY source"
        ).fetchall()
    assert stored == [
        (HUE.device_id, 21.5, None, None, 0),
        (IN_THE_SUN.device_id, None, None, '{"temperature": 61.0}', 1),
        (AQM.device_id, 22.5, 3.0, None, 0),
        (WITHOUT_TEMPERATURE.device_id, None, 4.0, None, 0),
    ]
    assert ledger == [("amazon", 2, None), ("hue", 2, None)]


def test_columns_keep_their_place_and_needed_indexes_stay(home: UpgradedHome) -> None:
    with closing(sqlite3.connect(home.before)) as before, closing(sqlite3.connect(home.path)) as after:
        old, new = (connection.execute(COLUMNS).fetchall() for connection in (before, after))
        indexes, still = (set(connection.execute(INDEXES)) for connection in (before, after))
    assert new[: len(old)] == [
        (name, kind, int(is_needed and name != "temperature_celsius"), default, key)
        for name, kind, is_needed, default, key in old
    ]
    gone = {f"idx_readings_{name}" for name in ("device_id", "device_timestamp")}
    assert {name for name, _ in indexes} - {name for name, _ in still} == gone
    assert {name for name, _ in still - indexes} == {"idx_readings_device_type"}
    assert len(still) >= 4


def test_the_newest_readings_are_found_among_old_and_new_ones(home: UpgradedHome) -> None:
    newest = {reading.device_id: reading for reading in SqliteHistory(home.path).newest()}
    assert newest[HUE.device_id] == HUE
    assert set(HUE_DEVICES) <= newest.keys()
    assert not [device_id for device_id in newest if device_id.startswith("weather:")]


def _rows_that_differ(home: UpgradedHome) -> list[tuple[int]]:
    """The ids of rows of which a value or its type is another than before, ten at most."""
    same = " AND ".join(
        f"typeof(a.{name}) = typeof(b.{name}) AND a.{name} IS b.{name}" for name in columns_of(home.age)
    )
    with closing(sqlite3.connect(home.path)) as connection:
        connection.execute("ATTACH ? AS old", (str(home.before),))
        (count,) = connection.execute("SELECT count(*) FROM old.readings").fetchone()
        assert count == home.row_count
        return connection.execute(
            "SELECT b.id FROM old.readings AS b LEFT JOIN main.readings AS a ON a.id = b.id "  # noqa: S608
            f"WHERE NOT coalesce({same}, 0) LIMIT 10"
        ).fetchall()
