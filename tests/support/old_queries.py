"""What people and the earlier program ask the database, by name and in SQL of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.old_homes import HUE_DEVICES, LATE_COLUMNS, Age, columns_of

_ALL = {
    "all of the bridge": (
        "SELECT timestamp, device_id, location, temperature_celsius FROM readings "
        "WHERE device_type = 'hue_sensor' ORDER BY timestamp"
    ),
    "a room": (
        "SELECT timestamp, temperature_celsius, location FROM readings "
        "WHERE location = 'Küche' ORDER BY timestamp"
    ),
    "a day of a sensor": (
        f"SELECT id, timestamp, temperature_celsius FROM readings WHERE device_id = '{HUE_DEVICES[2]}' "  # noqa: S608
        "AND timestamp >= '2024-04-02' AND timestamp < '2024-04-03' ORDER BY timestamp"
    ),
    "the newest rows": (
        "SELECT id, timestamp, device_id, temperature_celsius, raw_response FROM readings "
        "ORDER BY timestamp DESC LIMIT 50"
    ),
    "each device": (
        "SELECT device_id, count(*), min(temperature_celsius), max(timestamp) "
        "FROM readings GROUP BY device_id"
    ),
}
_ANOMALIES = {"anomalies": "SELECT id, timestamp FROM readings WHERE is_anomalous = 1 ORDER BY timestamp"}
_BY_NAME = {"by name": "SELECT name, avg(temperature_celsius) FROM readings GROUP BY name"}


def old_queries(age: Age) -> Mapping[str, str]:
    """The queries that a home of this age can be asked."""
    columns = columns_of(age)
    return {
        **_ALL,
        **(_ANOMALIES if "is_anomalous" in columns else {}),
        **({"the air": _air(columns)} if "pm25_ugm3" in columns else {}),
        **(_BY_NAME if "name" in columns else {}),
    }


def _air(columns: Sequence[str]) -> str:
    names = ", ".join(name for name in columns if name in LATE_COLUMNS)
    select = f"SELECT timestamp, location, {names} FROM readings"  # noqa: S608 - names of columns
    return f"{select} WHERE device_type = 'alexa_aqm' ORDER BY timestamp"


def answers(path: Path, age: Age) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {name: connection.execute(sql).fetchall() for name, sql in old_queries(age).items()}
    finally:
        connection.close()


def plans(path: Path, age: Age) -> dict[str, list[str]]:
    """How SQLite goes about each query."""
    connection = sqlite3.connect(path)
    try:
        return {
            name: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
            for name, sql in old_queries(age).items()
        }
    finally:
        connection.close()
