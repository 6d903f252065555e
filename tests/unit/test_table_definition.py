"""The definition of a `readings` table, relaxed: changed in two places, or refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from adapters.sqlite.migration.table_rebuild import refusal, relaxed
from domain.errors import StoreError
from tests.support.old_homes import Age, definition_of

PLAIN = (
    "CREATE TABLE readings (id INTEGER PRIMARY KEY, timestamp DATETIME NOT NULL, device_id TEXT NOT NULL, "
    "{temperature}, location TEXT NOT NULL, {kind}, created_at DATETIME, UNIQUE (device_id, timestamp), "
    "CHECK (temperature_celsius BETWEEN -40 AND 50){more})"
)
TEMPERATURE = "temperature_celsius REAL NOT NULL"
KIND = "device_type TEXT NOT NULL CHECK (device_type IN ('hue_sensor', 'weather_api'))"
TAKEN = "device_type TEXT NOT NULL CHECK (device_type IN ('hue_sensor', 'weather_api', 'alexa_aqm'))"


def a_definition(temperature: str = TEMPERATURE, kind: str = KIND, more: str = "") -> str:
    return PLAIN.format(temperature=temperature, kind=kind, more=more)


@pytest.mark.parametrize("age", Age)
def test_the_table_of_each_age_takes_all_rows_and_has_the_same_columns(age: Age) -> None:
    old, new = (columns(text) for text in (definition_of(age), relaxed(definition_of(age))))
    assert refusal(relaxed(definition_of(age))) is None
    assert [row for row in old if row not in new] == [(3, "temperature_celsius", "REAL", 1, None, 0)]


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (TEMPERATURE, "temperature_celsius REAL"),
        ("temperature_celsius REAL", "temperature_celsius REAL"),
        ('"temperature_celsius" real not\n  null', '"temperature_celsius" real'),
        ("[Temperature_Celsius] REAL NOT NULL DEFAULT 20", "[Temperature_Celsius] REAL DEFAULT 20"),
        (
            "temperature_celsius DECIMAL(5, 2) NOT NULL CHECK (temperature_celsius > -99)",
            "temperature_celsius DECIMAL(5, 2) CHECK (temperature_celsius > -99)",
        ),
    ],
)
def test_only_the_temperature_may_be_null_afterwards(temperature: str, expected: str) -> None:
    assert relaxed(a_definition(temperature)) == a_definition(expected, TAKEN)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (KIND, TAKEN),
        ("device_type TEXT NOT NULL", "device_type TEXT NOT NULL"),
        (
            "device_type TEXT CHECK(device_type in(\n'hue_sensor'))",
            "device_type TEXT CHECK(device_type in(\n'hue_sensor', 'alexa_aqm'))",
        ),
        (
            "device_type TEXT CHECK (device_type IN ('alexa_aqm', 'hue_sensor'))",
            "device_type TEXT CHECK (device_type IN ('alexa_aqm', 'hue_sensor'))",
        ),
    ],
)
def test_monitors_are_among_the_kinds_afterwards(kind: str, expected: str) -> None:
    assert relaxed(a_definition(kind=kind)) == a_definition("temperature_celsius REAL", expected)


@pytest.mark.parametrize(
    "more",
    [
        ", CHECK (temperature_celsius IS NOT NULL)",
        ", CHECK (device_type = 'hue_sensor' OR device_type = 'weather_api')",
        ", CHECK (mine(location))",
    ],
)
def test_an_unknown_definition_is_refused(more: str) -> None:
    with pytest.raises(StoreError, match="is not a known one"):
        relaxed(a_definition(more=more))


def test_a_definition_of_which_more_would_change_is_refused() -> None:
    default = "location TEXT NOT NULL DEFAULT 'temperature_celsius REAL NOT NULL'"
    with pytest.raises(StoreError, match="is not a known one"):
        relaxed(a_definition().replace("location TEXT NOT NULL", default))


def test_the_reason_of_a_refusal_is_returned() -> None:
    assert refusal(a_definition()) == "NOT NULL constraint failed: readings.temperature_celsius"
    assert "CHECK constraint failed" in str(refusal(a_definition("temperature_celsius REAL")))


def columns(definition: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(definition)
        return connection.execute("PRAGMA table_info(readings)").fetchall()
