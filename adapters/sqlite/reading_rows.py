"""A reading as a row of the `readings` table, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from domain.reading import DeviceKind, Quantity, Reading, storable

COLUMNS: Mapping[Quantity, str] = {
    Quantity.TEMPERATURE: "temperature_celsius",
    Quantity.RELATIVE_HUMIDITY: "humidity_percent",
    Quantity.PM25: "pm25_ugm3",
    Quantity.PM10: "pm10_ugm3",
    Quantity.CARBON_MONOXIDE: "co_ppm",
    Quantity.CARBON_DIOXIDE: "co2_ppm",
    Quantity.VOC_INDEX: "voc_ppb",  # the earlier system's name; it has always held the index
    Quantity.IAQ_SCORE: "iaq_score",
}

INSERT_READING = """
INSERT INTO readings (
    timestamp, device_id, location, device_type, is_anomalous,
    temperature_celsius, humidity_percent, pm25_ugm3, pm10_ugm3, co_ppm, co2_ppm, voc_ppb, iaq_score,
    battery_level, signal_strength, raw_response, observed_at, other_values, created_at
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device_id, timestamp) DO NOTHING
"""

_BATTERY = "battery_percent"

Cell = str | int | float | None


def row_of(reading: Reading, created_at: str) -> tuple[Cell, ...]:
    """The parameters of `INSERT_READING`; what a check would refuse goes to `other_values`."""
    kept = storable(reading)
    battery, others = kept.battery_percent, dict(kept.other_values)
    if battery is not None and not 0 <= battery <= 100:
        others[_BATTERY] = float(battery)
        battery = None
    return (
        as_text(kept.collected_at),
        clean(kept.device_id),
        clean(kept.location),
        kept.kind.value,
        int(kept.is_anomalous),
        *map(kept.values.get, COLUMNS),
        battery,
        None if kept.is_reachable is None else int(kept.is_reachable),
        None if kept.raw_response is None else clean(kept.raw_response),
        None if kept.observed_at is None else as_text(kept.observed_at),
        json.dumps(others) if others else None,
        created_at,
    )


def reading_of(row: sqlite3.Row, naive_zone: tzinfo | None) -> Reading | None:
    """The reading of a row with these columns; None for a kind of device that is not known any more."""
    collected_at = as_instant(row["timestamp"], naive_zone)
    names = (row["device_id"], row["location"])
    if collected_at is None or row["device_type"] not in _KINDS or not all(isinstance(n, str) for n in names):
        return None
    signal = row["signal_strength"]
    return Reading(
        device_id=row["device_id"],
        kind=DeviceKind(row["device_type"]),
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
    )


def as_text(instant: datetime) -> str:
    """ISO 8601 with +00:00, as the table has always had it; text order is time order among such texts."""
    return (instant if instant.tzinfo is UTC else instant.astimezone(UTC)).isoformat()


def as_instant(text: object, naive_zone: tzinfo | None) -> datetime | None:
    """The instant that a column names, aware and UTC; None where it names none.

    Air quality monitors once got naive local times: they are read in `naive_zone`, None for the system's.
    """
    if not isinstance(text, str):
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None and naive_zone is not None:
            instant = instant.replace(tzinfo=naive_zone)
        return instant.astimezone(UTC)  # a naive one is taken as the system's local time
    except (ValueError, OverflowError, OSError):
        return None


def as_number(value: object) -> float | None:
    """The number in a column; None where something else stands there, which SQLite allows."""
    return float(value) if isinstance(value, int | float) else None


def clean(text: str) -> str:
    """The text without half characters, which JSON can carry and SQLite cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


_KINDS = frozenset(kind.value for kind in DeviceKind)


def _values_of(text: object) -> dict[str, float]:
    try:
        values = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    named = values.items() if isinstance(values, dict) else ()
    return {name: number for name, value in named if (number := as_number(value)) is not None}
