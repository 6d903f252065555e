"""Databases as the earlier system left them, of each age, with the oddities that real ones have."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

FIRST = datetime(2024, 3, 30, 22, 2, 7, 123456, tzinfo=UTC)
HUE_DEVICES = tuple(f"hue:00:17:88:01:0b:cd:{number:02x}:e8-02-0402" for number in range(5))
AQM_DEVICE = "alexa:GAJ23005314600H3"
_DEVICES = (*HUE_DEVICES, "nest:living", "weather:home", AQM_DEVICE)


class Age(StrEnum):
    A = "A"
    B = "B"
    C_WAL = "C in WAL mode"
    C_ROLLBACK = "C with a rollback journal"
    D_FROM_A = "D from A"
    D_FROM_B = "D from B"
    C0 = "C0"
    E0 = "E0"
    E = "E"
    F = "F"


LATE_COLUMNS = ("pm25_ugm3", "voc_ppb", "co_ppm", "co2_ppm", "iaq_score")
_COMMON = (
    "id",
    "timestamp",
    "device_id",
    "temperature_celsius",
    "location",
    "device_type",
    "humidity_percent",
    "battery_level",
    "signal_strength",
    "thermostat_mode",
    "thermostat_state",
    "day_night",
    "weather_conditions",
    "raw_response",
    "created_at",
)
_ALL = (*_COMMON, "is_anomalous", *LATE_COLUMNS)
_BORN_AS = {Age.D_FROM_A: Age.A, Age.D_FROM_B: Age.B}
_OLD_CHECK = (Age.A, Age.B, *_BORN_AS)  # of device_type, which refuses monitors
_NAMED = (Age.E, Age.F)


def columns_of(age: Age) -> Sequence[str]:
    """The columns that a table of this age has."""
    match age:
        case Age.A:
            return _COMMON
        case Age.B:
            return (*_COMMON, "is_anomalous")
        case Age.C0:
            return [name for name in _ALL if name not in ("co_ppm", "iaq_score")]
        case Age.E | Age.F:
            return (*_ALL, "name")
        case _:
            return _ALL


def takes_monitors(age: Age) -> bool:
    return age not in _OLD_CHECK


def make_template(path: Path, rows: int) -> None:
    """Write what homes with so many rows are made of, so that making many of them is fast."""
    columns = (*_ALL[1:], "name")
    marks = ", ".join("?" for _ in columns)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"CREATE TABLE template (number INTEGER PRIMARY KEY, {', '.join(columns)})")
        connection.executemany(
            f"INSERT INTO template ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608 - names from above
            _rows(0, rows + rows // len(HUE_DEVICES)),  # some homes take none of the monitor's
        )
        connection.commit()


def make_old_home(path: Path, age: Age, rows: int, template: Path | None = None) -> None:
    """Write a database of that age; it is closed, as after a clean stop."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(path)) as connection:
        if template is None:
            template = Path(folder) / "template.db"
            make_template(template, rows)
        connection.execute("ATTACH ? AS template", (str(template),))
        connection.execute("PRAGMA main.cache_size = -100000")  # of no effect but on how long this takes
        connection.execute("PRAGMA main.synchronous = OFF")
        if age is Age.C_WAL:
            connection.execute("PRAGMA main.journal_mode=WAL")
        connection.executescript(_script(age))
        born = _BORN_AS.get(age, age)
        growth = rows if born is age else rows - rows // 10
        _insert(connection, born, 0, growth)
        if born is not age:
            connection.executescript(_growth(age))
            _insert(connection, age, growth, rows - growth)
        if "'amazon_aqm'" in definition_of(age):  # the earlier program used both names
            monitors = "device_type = 'alexa_aqm' AND id % 3 = 0"
            connection.execute(f"UPDATE readings SET device_type = 'amazon_aqm' WHERE {monitors}")  # noqa: S608
        connection.executescript(_indexes(age))  # last, which is a good deal faster
        connection.commit()


def an_empty_old_home(path: Path) -> None:
    """A database as the earlier program left it before its first cycle, in its newest form."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_script(Age.C_WAL) + _indexes(Age.C_WAL))


def an_old_row(age: Age, number: int) -> dict[str, object]:
    """What the earlier system would have stored first in its n-th cycle, by column, without the id."""
    row = next(_rows(number * len(_DEVICES), number * len(_DEVICES) + 1))
    return dict(zip(columns_of(age)[1:], row, strict=False))


def _insert(connection: sqlite3.Connection, age: Age, after: int, rows: int) -> None:
    columns = ", ".join(columns_of(age)[1:])
    monitors = "" if takes_monitors(age) else "WHERE device_type <> 'alexa_aqm'"
    connection.execute(
        f"INSERT INTO readings ({columns}) "  # noqa: S608 - names from above
        f"SELECT {columns} FROM template {monitors} ORDER BY number LIMIT ? OFFSET ?",
        (rows, after),
    )


def _rows(first: int, last: int) -> Iterator[tuple[object, ...]]:
    """Complete rows, of which a home has the columns of its age."""
    places = ("Küche", "寝室", "Salon d'été 🌡", "Bad", 'attic \\ "left"', "Flur", "Outside", "Wohnzimmer")
    for number in range(first, last):
        place = number % len(_DEVICES)
        device_id = _DEVICES[place]
        at = FIRST + timedelta(minutes=5 * (number // len(_DEVICES)), microseconds=number * 37 % 1_000_000)
        kind = _kind_of(device_id)
        common = (
            _timestamp(at, kind),
            device_id,
            _temperature(number),
            places[place],
            kind,
            None if number % 3 else number % 1001 / 10,
            number % 101 if kind == "hue_sensor" else None,
            number % 2 if number % 13 else None,
            ("heating", "cooling", "off", "away")[number % 4] if kind == "nest_thermostat" else None,
            ("active", "idle")[number % 2] if kind == "nest_thermostat" else None,
            ("day", "night", None)[number % 3],
            "Schauer, 12 °C" if kind == "weather_api" else None,
            None if number % 5 else json.dumps({"n": number, "où": "ici"}, ensure_ascii=number % 2 == 0),
            f"{at:%Y-%m-%d %H:%M:%S}",
        )
        anomalous = (0, 1, None, 0, 0)[number % 5]
        late = (
            (number % 700 / 10, number % 90, 0.0, None, number % 101) if kind == "alexa_aqm" else (None,) * 5
        )
        yield (*common, anomalous, *late, "Mein Fenster" if number % 4 == 1 else None)


def _kind_of(device_id: str) -> str:
    return {
        "hue": "hue_sensor",
        "nest": "nest_thermostat",
        "weather": "weather_api",
        "alexa": "alexa_aqm",
    }[device_id.split(":", 1)[0]]


def _timestamp(at: datetime, kind: str) -> str:
    """Monitors got naive local time, two hours ahead of UTC in this home; all others UTC with its offset."""
    return (
        (at + timedelta(hours=2)).replace(tzinfo=None).isoformat() if kind == "alexa_aqm" else at.isoformat()
    )


def _temperature(number: int) -> float:
    return {0: -40, 1: 50, 2: 50.0, 3: -40.0, 4: 0.1 + 0.2}.get(
        number % 1000, 15 + number * 7919 % 1300 / 100
    )


def definition_of(age: Age) -> str:
    """The statement by which a home of this age has its table; SQLite keeps what was added in it too."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(_script(_BORN_AS.get(age, age)) + (_growth(age) if age in _BORN_AS else ""))
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'readings'").fetchone()
        return str(sql)


def _script(age: Age) -> str:
    is_new = takes_monitors(age)
    kinds = "'hue_sensor', 'nest_thermostat', 'weather_api'" + (", 'alexa_aqm'" if is_new else "")
    kinds += ", 'amazon_aqm'" if age in (Age.E0, *_NAMED) else ""
    name = "name TEXT," if age in _NAMED else ""
    anomalous = "is_anomalous BOOLEAN DEFAULT 0," if is_new or age in (Age.B, Age.D_FROM_B) else ""
    co = "" if age is Age.C0 else "co_ppm REAL CHECK(co_ppm IS NULL OR co_ppm >= 0),"
    iaq = "iaq_score REAL CHECK(iaq_score IS NULL OR (iaq_score >= 0 AND iaq_score <= 100)),"
    iaq = "" if age is Age.C0 else iaq
    late = (
        f"""
        pm25_ugm3 REAL CHECK(pm25_ugm3 IS NULL OR pm25_ugm3 >= 0),
        voc_ppb REAL CHECK(voc_ppb IS NULL OR voc_ppb >= 0),
        {co}
        co2_ppm REAL CHECK(co2_ppm IS NULL OR co2_ppm >= 0),
        {iaq}
        """
        if is_new
        else ""
    )
    return f"""
    CREATE TABLE IF NOT EXISTS readings (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        timestamp DATETIME NOT NULL,
        device_id TEXT NOT NULL,
        temperature_celsius REAL NOT NULL,
        location TEXT NOT NULL,
        {name}
        device_type TEXT NOT NULL CHECK(device_type IN ({kinds})),
        {anomalous}
        humidity_percent REAL CHECK(humidity_percent IS NULL OR
            (humidity_percent >= 0 AND humidity_percent <= 100)),
        {late}
        battery_level INTEGER CHECK(battery_level IS NULL OR (battery_level >= 0 AND battery_level <= 100)),
        signal_strength INTEGER CHECK(signal_strength IS NULL OR
            (signal_strength >= 0 AND signal_strength <= 100)),
        thermostat_mode TEXT CHECK(thermostat_mode IS NULL OR
            thermostat_mode IN ('heating', 'cooling', 'off', 'away')),
        thermostat_state TEXT CHECK(thermostat_state IS NULL OR thermostat_state IN ('active', 'idle')),
        day_night TEXT CHECK(day_night IS NULL OR day_night IN ('day', 'night')),
        weather_conditions TEXT,
        raw_response TEXT,
        created_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
        UNIQUE(device_id, timestamp),
        CHECK(temperature_celsius >= -40 AND temperature_celsius <= 50)
    );
    """


def _indexes(age: Age) -> str:
    plain = ("timestamp", "device_id", "location", "device_type")
    script = "".join(f"CREATE INDEX IF NOT EXISTS idx_readings_{name} ON readings({name});" for name in plain)
    if age is Age.F:
        script += _DEVICE_REGISTRY
    script += "CREATE INDEX IF NOT EXISTS idx_readings_device_timestamp ON readings(device_id, timestamp);"
    if age in (Age.A, Age.D_FROM_A):
        return script
    return script + (
        "CREATE INDEX IF NOT EXISTS idx_readings_anomalous ON readings(is_anomalous) WHERE is_anomalous = 1;"
    )


_DEVICE_REGISTRY = """
CREATE TABLE device_registry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL UNIQUE, name TEXT, device_type TEXT NOT NULL
);
CREATE INDEX idx_registry_device_id ON device_registry(device_id);
CREATE INDEX idx_registry_name ON device_registry(name);
CREATE INDEX idx_registry_type ON device_registry(device_type);
INSERT INTO device_registry (device_id, name, device_type) VALUES ('hue:a', 'Mein Fenster', 'hue_sensor');
"""


def _growth(age: Age) -> str:
    columns = dict.fromkeys(LATE_COLUMNS, "REAL")
    if age is Age.D_FROM_A:
        columns = {"is_anomalous": "BOOLEAN DEFAULT 0", **columns}
    return "".join(f"ALTER TABLE readings ADD COLUMN {name} {kind};" for name, kind in columns.items())
