"""A home that has collected for years, made by SQL: as large as a real one, in minutes."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.store import SqliteStore

INTERVAL_S = 300
SLOTS_A_YEAR = 105_192
HUE, MONITORS = 11, 9
_SOURCES: Mapping[str, range] = {"hue": range(HUE), "amazon": range(HUE, HUE + MONITORS)}
_SLOTS_AT_ONCE = 5_000
_AT = "strftime('%Y-%m-%dT%H:%M:%S', n * 300, 'unixepoch')"
_HAS_AIR = f"device >= {HUE}"
# By day and by year a triangle, and noise that differs from device to device.
_WAVE = "abs(n % 288 - 144) / 48.0 + abs(n % 105192 - 52596) / 8766.0 + (n * 7919 + device * 131) % 97 / 97.0"


def _air(expression: str) -> str:
    return f"CASE WHEN {_HAS_AIR} THEN round({expression}, 1) END"


_INSERT_READINGS = f"""
INSERT INTO readings (
    timestamp, device_id, temperature_celsius, location, device_type, is_anomalous, humidity_percent,
    pm25_ugm3, pm10_ugm3, voc_ppb, co_ppm, iaq_score, battery_level, signal_strength, created_at, observed_at
)
WITH RECURSIVE slot (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM slot WHERE n + 1 < :end)
SELECT
    {_AT} || '+00:00', id, round(14 + {_WAVE}, 2), room,
    CASE WHEN {_HAS_AIR} THEN 'alexa_aqm' ELSE 'hue_sensor' END, 0,
    {_air(f"60 - 2 * ({_WAVE})")}, {_air(f"4 * ({_WAVE})")}, {_air(f"6 * ({_WAVE})")},
    {_air(f"20 * ({_WAVE})")}, {_air(f"({_WAVE}) / 10")}, {_air(f"95 - 3 * ({_WAVE})")},
    CASE WHEN {_HAS_AIR} THEN NULL ELSE 100 - n / 3000 % 90 END, 1,
    strftime('%Y-%m-%d %H:%M:%S', n * 300 + 2, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%f', n * 300 - 17 * device - 3, 'unixepoch') || '+00:00'
FROM slot CROSS JOIN temp.place
WHERE NOT EXISTS (SELECT 1 FROM temp.away WHERE away.device = place.device AND away.n = slot.n)
ORDER BY n, device
"""  # noqa: S608 - expressions from above
_INSERT_OUTCOME = """
INSERT INTO outcomes (source, slot, interval_s, scheduled, state, cause, readings, unread, crc)
VALUES (?, ?, 300, 1, ?, ?, ?, ?, 2000000000)
"""
_INSERT_RUN = "INSERT INTO checksums (first_id, last_id, readings, crc) VALUES (?, ?, ?, 0)"
_INSERT_DEVICE = """
INSERT INTO devices (device_id, source, kind, location, first_slot, last_read_slot, last_listed_slot)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""

_CREATE_AWAY = """
CREATE TEMP TABLE away (device INTEGER, n INTEGER, PRIMARY KEY (device, n)) WITHOUT ROWID
"""
_LONGEST = 20_000

_Away = dict[int, set[int]]  # slots without a reading, by device


def device_of(number: int) -> str:
    return f"hue:00:17:88:01:0b:{number:02x}:cd:e8-02-0402" if number < HUE else f"alexa:G090XG{number:010d}"


def make(path: Path, years: float, until: datetime) -> int:
    """Write the home up to that instant; return how many readings it has."""
    end = int(until.timestamp()) // INTERVAL_S + 1
    first = end - round(years * SLOTS_A_YEAR)
    store = SqliteStore(path, journal=MemoryJournal(), clock=MemoryClock(until))
    store.open()
    store.close()
    outages, away = _trouble(first, end)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-500000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TEMP TABLE place (device INTEGER PRIMARY KEY, id TEXT, room TEXT)")
        connection.execute(
            "CREATE TEMP TABLE away (device INTEGER, n INTEGER, PRIMARY KEY (device, n)) WITHOUT ROWID"
        )
        devices = range(HUE + MONITORS)
        connection.executemany(
            "INSERT INTO place VALUES (?, ?, ?)",
            [(one, device_of(one), f"Room {one + 1}") for one in devices],
        )
        for one in devices:
            source, kind = ("hue", "hue_sensor") if one < HUE else ("amazon", "alexa_aqm")
            slots = (_text(first), _text(end - 1), _text(end - 1))
            connection.execute(_INSERT_DEVICE, (device_of(one), source, kind, f"Room {one + 1}", *slots))
        before = 0
        for start in range(first, end, _SLOTS_AT_ONCE):
            stop = min(start + _SLOTS_AT_ONCE, end)
            connection.execute("BEGIN")
            connection.execute("DELETE FROM away")
            connection.executemany(
                "INSERT INTO away VALUES (?, ?)",
                [(one, n) for one in devices for n in range(start, stop) if n in away[one]],
            )
            connection.execute(_INSERT_READINGS, {"first": start, "end": stop})
            (newest,) = connection.execute("SELECT max(id) FROM readings").fetchone()
            connection.execute(_INSERT_RUN, (before + 1, newest, newest - before))
            connection.executemany(_INSERT_OUTCOME, _outcomes(range(start, stop), outages, away))
            connection.execute("COMMIT")
            before = newest
        connection.execute("INSERT INTO properties (name, value) VALUES ('is_checksummed', '1')")
        connection.execute("PRAGMA journal_mode=WAL")
    return int(before)


def _trouble(first: int, end: int) -> tuple[dict[str, dict[int, str]], _Away]:
    """Return causes by source and slot, and the slots of each device without a reading."""
    chance = random.Random(1)  # noqa: S311 - gaps, not secrets
    years = (end - first) / SLOTS_A_YEAR
    outages: dict[str, dict[int, str]] = {source: {} for source in _SOURCES}
    away: _Away = {device: set() for device in range(HUE + MONITORS)}
    for causes in outages.values():
        for _ in range(round(60 * years)):
            begin, cause = chance.randrange(first, end), chance.choice(("network", "stopped", "throttled"))
            for n in range(begin, min(end, begin + int(chance.paretovariate(1)))):
                causes[n] = cause
    for source, devices in _SOURCES.items():
        for device in devices:
            away[device].update(outages[source])
            for _ in range(round(100 * years)):
                begin = chance.randrange(first, end)
                away[device].update(
                    range(begin, min(end, begin + min(20_000, int(chance.paretovariate(0.8)))))
                )
    return outages, away


def _outcomes(
    slots: range, outages: Mapping[str, Mapping[int, str]], away: _Away
) -> Iterator[tuple[object, ...]]:
    for source, devices in _SOURCES.items():
        for n in slots:
            cause = outages[source].get(n)
            unread = [] if cause else [device for device in devices if n in away[device]]
            causes = json.dumps({device_of(device): "unreachable" for device in unread}) if unread else None
            state = "stored" if cause is None else "missed" if cause == "stopped" else "failed"
            yield source, _text(n), state, cause, 0 if cause else len(devices) - len(unread), causes


def _text(n: int) -> str:
    return datetime.fromtimestamp(n * INTERVAL_S, UTC).isoformat()
