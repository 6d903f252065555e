"""The text of a table's definition, relaxed: as it was but for two things, or not at all."""

from __future__ import annotations

import pytest

from adapters.sqlite.migration import table_rebuild as definition
from adapters.sqlite.migration.table_rebuild import refusal, relaxed, renamed
from domain.errors import StoreError

PLAIN = (
    "CREATE TABLE readings (id INTEGER PRIMARY KEY, timestamp DATETIME NOT NULL, device_id TEXT NOT NULL, "
    "{temperature}, location TEXT NOT NULL, {kind}, created_at DATETIME, UNIQUE (device_id, timestamp), "
    "CHECK (temperature_celsius BETWEEN -40 AND 50){more})"
)
TEMPERATURE = "temperature_celsius REAL NOT NULL"
KIND = "device_type TEXT NOT NULL CHECK (device_type IN ('hue_sensor', 'weather_api'))"


def a_definition(temperature: str = TEMPERATURE, kind: str = KIND, more: str = "") -> str:
    return PLAIN.format(temperature=temperature, kind=kind, more=more)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (TEMPERATURE, "temperature_celsius REAL"),
        ("temperature_celsius REAL", "temperature_celsius REAL"),
        ('"temperature_celsius" real not\n  null', '"temperature_celsius" real'),
        ("[Temperature_Celsius] REAL NOT NULL DEFAULT 20", "[Temperature_Celsius] REAL DEFAULT 20"),
        ("`temperature_celsius` REAL NOT NULL ON CONFLICT FAIL", "`temperature_celsius` REAL"),
        ("temperature_celsius REAL CONSTRAINT warm NOT NULL", "temperature_celsius REAL"),
        (
            "temperature_celsius REAL /* NOT NULL */ NOT NULL -- it's (never\n",
            "temperature_celsius REAL -- it's (never\n",
        ),
        (
            "temperature_celsius DECIMAL(5, 2) NOT NULL CHECK (temperature_celsius > -99)",
            "temperature_celsius DECIMAL(5, 2) CHECK (temperature_celsius > -99)",
        ),
    ],
)
def test_the_temperature_may_be_null_then_and_nothing_else_may(temperature: str, expected: str) -> None:
    taken = KIND.replace("'weather_api'", "'weather_api', 'alexa_aqm'")
    assert relaxed(a_definition(temperature)) == a_definition(expected, taken)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (KIND, "device_type TEXT NOT NULL CHECK (device_type IN ('hue_sensor', 'weather_api', 'alexa_aqm'))"),
        ("device_type TEXT NOT NULL", "device_type TEXT NOT NULL"),
        (
            "device_type TEXT CHECK(device_type in(\n'hue_sensor'))",
            "device_type TEXT CHECK(device_type in(\n'hue_sensor', 'alexa_aqm'))",
        ),
        (
            "device_type TEXT CHECK (device_type IN ('alexa_aqm', 'hue_sensor'))",
            "device_type TEXT CHECK (device_type IN ('alexa_aqm', 'hue_sensor'))",
        ),
        (
            "device_type TEXT CHECK (device_type IN ('hue_sensor', 'b)') OR 1 IN (2))",
            "device_type TEXT CHECK (device_type IN ('hue_sensor', 'b)', 'alexa_aqm') OR 1 IN (2))",
        ),
        (
            "device_type TEXT CHECK (device_type IN ('hue_sensor' -- one)\n))",
            "device_type TEXT CHECK (device_type IN ('hue_sensor' -- one)\n, 'alexa_aqm'))",
        ),
    ],
)
def test_the_monitors_are_among_the_kinds_then(kind: str, expected: str) -> None:
    assert relaxed(a_definition(kind=kind)) == a_definition("temperature_celsius REAL", expected)


@pytest.mark.parametrize(
    "more",
    [
        ", CHECK (temperature_celsius IS NOT NULL)",
        ", CHECK (device_type = 'hue_sensor' OR device_type = 'weather_api')",
        ", CHECK (mine(location))",
        ", CHECK (device_type IN (SELECT 'hue_sensor'))",
    ],
)
def test_what_is_not_known_is_not_relaxed(more: str) -> None:
    with pytest.raises(StoreError, match="in a way that is not known here"):
        relaxed(a_definition(more=more))


def test_what_would_change_more_than_that_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = a_definition("temperature_celsius REAL", "device_type TEXT")
    assert relaxed(plain) == plain
    place = plain.index("DATETIME,")
    monkeypatch.setattr(definition, "_added_kind", lambda _: [(place, place + len("DATETIME"), "TEXT")])
    with pytest.raises(StoreError, match="in a way that is not known here"):
        relaxed(plain)


def test_why_a_table_refuses_is_said() -> None:
    assert refusal(a_definition()) == "NOT NULL constraint failed: readings.temperature_celsius"
    assert "CHECK constraint failed" in str(refusal(a_definition("temperature_celsius REAL")))
    assert refusal(relaxed(a_definition())) is None


@pytest.mark.parametrize("name", ["readings", '"readings"', "[readings]", "/* ours */ readings"])
def test_the_same_table_has_another_name(name: str) -> None:
    columns = "(readings TEXT, CHECK (readings <> 'readings'))"
    assert renamed(f"CREATE TABLE {name} {columns}", "other").endswith(f" other {columns}")
