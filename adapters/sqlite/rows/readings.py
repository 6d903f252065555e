"""A reading as a row of the `readings` table, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from domain.reading import LARGEST, DeviceKind, Quantity, Reading, ThermostatMode, fit_to_table

COLUMNS: Mapping[Quantity, str] = {
    Quantity.TEMPERATURE: "temperature_celsius",
    Quantity.RELATIVE_HUMIDITY: "humidity_percent",
    Quantity.PM25: "pm25_ugm3",
    Quantity.PM10: "pm10_ugm3",
    Quantity.CARBON_MONOXIDE: "co_ppm",
    Quantity.CARBON_DIOXIDE: "co2_ppm",
    Quantity.VOC_INDEX: "voc_ppb",  # the earlier program's name; it has always held the index
    Quantity.IAQ_SCORE: "iaq_score",
}

# The order in which a checksum counts the values: never change it. A new column goes to the end, where its
# NULLs do not count: the checksums of older rows stay right. Columns that others have added, such as `name`,
# do not count.
# fmt: off
READING_COLUMNS = (
    "id", "timestamp", "device_id", "temperature_celsius", "location", "device_type", "is_anomalous",
    "humidity_percent", "pm25_ugm3", "voc_ppb", "co_ppm", "co2_ppm", "iaq_score", "battery_level",
    "signal_strength", "thermostat_mode", "thermostat_state", "day_night", "weather_conditions",
    "raw_response", "created_at", "observed_at", "pm10_ugm3", "other_values",
)
# fmt: on
_COLUMNS_TO_INSERT = READING_COLUMNS[1:]  # SQLite chooses the id


def _insert_into(table: str, *others: str) -> str:
    columns = (*_COLUMNS_TO_INSERT, *others)
    return f"""
    INSERT INTO {table} ({", ".join(columns)}) VALUES ({", ".join("?" for _ in columns)})
    ON CONFLICT (device_id, timestamp) DO NOTHING
    """  # noqa: S608 - names from above


READINGS, AIR_READINGS = "readings", "air_readings"
INSERT_READING = _insert_into(READINGS)
INSERT_NAMED_READING = _insert_into(READINGS, "name")
INSERT_AIR_READING = _insert_into(AIR_READINGS, "crc", "name")
SELECT_AIR_READINGS = f"SELECT {', '.join(_COLUMNS_TO_INSERT)}, crc FROM air_readings"  # noqa: S608
CREATE_ALL_READINGS = """
CREATE VIEW all_readings AS
SELECT {columns} FROM readings UNION ALL SELECT {columns} FROM air_readings
"""
_SELECT_TABLES = """
SELECT name FROM sqlite_schema
WHERE type = 'table' AND name IN ('readings', 'air_readings') ORDER BY name DESC
"""

_BATTERY = "battery_percent"
# The earlier program called monitors by both names.
_KINDS = {**{kind.value: kind for kind in DeviceKind}, "amazon_aqm": DeviceKind.ALEXA_AQM}
_MODES = {mode.value: mode for mode in ThermostatMode}
_DATE, _TEXT, _REAL, _INTEGER = ("DATETIME", "TEXT"), ("TEXT",), ("REAL",), ("INTEGER",)
_COLUMN_TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("timestamp", "created_at"), _DATE),
    **dict.fromkeys(("device_id", "location", "device_type", "thermostat_mode", "raw_response"), _TEXT),
    **dict.fromkeys(("observed_at", "other_values"), _TEXT),
    **dict.fromkeys(COLUMNS.values(), _REAL),
    **dict.fromkeys(("battery_level", "signal_strength"), _INTEGER),
    "is_anomalous": ("BOOLEAN", "INTEGER"),
}

# SQL for the number in a column; NULL for a text and for infinity, which such a column can hold too.
NUMBER = "CASE WHEN {0} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308 THEN {0} END"

Cell = str | int | float | None

_TEMPERATURE_PLACE = _COLUMNS_TO_INSERT.index("temperature_celsius")
_EMPTY_ROW: Mapping[str, Cell] = dict.fromkeys(_COLUMNS_TO_INSERT)


def row_of(reading: Reading, created_at: str) -> tuple[Cell, ...]:
    """Return the parameters of `INSERT_READING`, exactly as the table will hold them.

    What one of the table's checks refuses goes to `other_values`.
    """
    kept = fit_to_table(reading)
    battery, others = kept.battery_percent, dict(kept.other_values)
    if battery is not None and not 0 <= battery <= 100:
        others[_BATTERY] = float(battery)
        battery = None
    row: dict[str, Cell] = {
        **_EMPTY_ROW,
        "timestamp": _slot_text(kept.collected_at),
        "device_id": clean(kept.device_id),
        "location": clean(kept.location),
        "device_type": kept.kind.value,
        "is_anomalous": int(kept.is_anomalous),
        "battery_level": battery if battery is None or type(battery) is int else _integer(battery),
        "signal_strength": None if kept.is_reachable is None else int(kept.is_reachable),
        "thermostat_mode": None if kept.thermostat_mode is None else kept.thermostat_mode.value,
        "raw_response": None if kept.raw_response is None else clean(kept.raw_response),
        "created_at": created_at,
        "observed_at": None if kept.observed_at is None else as_text(kept.observed_at),
        "other_values": json.dumps(others) if others else None,
    }
    for quantity, value in kept.values.items():
        row[COLUMNS[quantity]] = value + 0.0  # as REAL stores 21, True and -0.0
    return tuple(row.values())


def has_temperature(row: tuple[Cell, ...]) -> bool:
    """Return whether a row of `row_of` belongs in `readings`, and not in `air_readings`."""
    return row[_TEMPERATURE_PLACE] is not None


def reading_tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that hold readings; ids are unique within each. An older database has only one."""
    return [name for (name,) in connection.execute(_SELECT_TABLES)]


def newest_ids(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the newest id of each table that holds readings; 0 for an empty one."""
    return {
        table: int(connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])  # noqa: S608
        for table in reading_tables(connection)
    }


def count_readings(connection: sqlite3.Connection) -> int:
    """Return the number of readings in all tables."""
    counts = (f"SELECT count(*) FROM {table}" for table in reading_tables(connection))  # noqa: S608
    return sum(int(connection.execute(count).fetchone()[0]) for count in counts)


def keeps_rows_as_given(connection: sqlite3.Connection) -> bool:
    """Return whether the table stores what `row_of` returns: it has the usual column types and no trigger."""
    types = {row[1]: str(row[2]).upper() for row in connection.execute("PRAGMA table_info(readings)")}
    (triggers,) = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = 'readings'"
    ).fetchone()
    return not triggers and all(types.get(name) in known for name, known in _COLUMN_TYPES.items())


def reading_of(row: sqlite3.Row, naive_zone: tzinfo | None) -> Reading | None:
    """Return the reading of a row; None if it is of an unknown kind, or names no time, device or location."""
    collected_at = as_instant(row["timestamp"], naive_zone)
    names = (row["device_id"], row["location"])
    kind = _KINDS.get(row["device_type"])
    if collected_at is None or kind is None or not all(isinstance(name, str) for name in names):
        return None
    signal = row["signal_strength"]
    return Reading(
        device_id=row["device_id"],
        kind=kind,
        location=row["location"],
        collected_at=collected_at,
        observed_at=as_instant(row["observed_at"], naive_zone),
        values={
            quantity: value
            for quantity, column in COLUMNS.items()
            if (value := as_number(row[column])) is not None
        },
        other_values=_values_of(row["other_values"]),
        battery_percent=row["battery_level"] if isinstance(row["battery_level"], int) else None,
        is_reachable=None if signal is None else bool(signal),
        is_anomalous=bool(row["is_anomalous"]),
        raw_response=row["raw_response"],
        thermostat_mode=_MODES.get(row["thermostat_mode"]),
    )


def as_text(instant: datetime) -> str:
    """Return the instant in ISO 8601 with +00:00; among such texts, text order is time order."""
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).isoformat()


_slot_text = lru_cache(maxsize=16)(as_text)  # all readings of a cycle have the same slot


def as_instant(text: object, naive_zone: tzinfo | None) -> datetime | None:
    """Return the instant that a column names, aware and UTC; None if it names none.

    The earlier program stored local times without a zone for air quality monitors: these are read in
    `naive_zone`, or in the system's zone if that is None.
    """
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None and naive_zone is not None:
            instant = instant.replace(tzinfo=naive_zone)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def as_number(value: object) -> float | None:
    """Return the finite number in a column; None if it holds something else, which SQLite allows."""
    return float(value) if isinstance(value, int | float) and abs(value) <= LARGEST else None


def clean(text: str) -> str:
    """Return the text with "?" for unpaired surrogates, which JSON can carry and SQLite cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _integer(number: float) -> int | float:
    """Return the number as an INTEGER column stores it."""
    whole = int(number)
    return whole if whole == number else float(number)


def _values_of(text: object) -> dict[str, float]:
    try:
        values = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    named = values.items() if isinstance(values, dict) else ()
    return {name: number for name, value in named if (number := as_number(value)) is not None}
