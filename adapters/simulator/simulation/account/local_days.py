"""The sums of local days in a database, counted again from its readings."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

from domain.errors import StoreRefused

ZONE = "Europe/Berlin"
_1970 = date(1970, 1, 1).toordinal()


@contextmanager
def in_zone() -> Iterator[None]:
    """Have the process in the home's zone during the block. Raise StoreRefused if the system lacks it."""
    try:
        ZoneInfo(ZONE)
    except ZoneInfoNotFoundError as error:
        raise StoreRefused(f"this computer does not know the zone {ZONE}. Install tzdata") from error
    before = os.environ.get("TZ")
    _set_zone(ZONE)
    try:
        yield
    finally:
        _set_zone(before)


def _set_zone(name: str | None) -> None:
    if name is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = name
    time.tzset()
    tzlocal.reload_localzone()  # it keeps the zone that it found first


def wrong_days(connection: sqlite3.Connection) -> int:
    """Count the days whose temperatures are summed up otherwise than they are, by device.

    A day is one of the home's zone, and may have 23 or 25 hours. Readings that are not summed up yet do not
    count.
    """
    state = connection.execute("SELECT value FROM properties WHERE name = 'rollups'").fetchone()
    last_id = json.loads(state[0])["last_ids"].get("readings", 0) if state else 0
    zone = ZoneInfo(ZONE)

    @cache
    def day_of(timestamp: str) -> int:
        return datetime.fromisoformat(timestamp).astimezone(zone).toordinal() - _1970

    right: dict[tuple[str, int], list[float]] = {}
    for device, timestamp, celsius in connection.execute(
        "SELECT device_id, timestamp, temperature_celsius FROM readings WHERE id <= ?", (last_id,)
    ):
        right.setdefault((device, day_of(timestamp)), []).append(celsius)
    found = (
        {
            (device, day): (low, high, count)
            for device, day, low, high, count in connection.execute(
                "SELECT device_id, begin, low, high, count FROM rollup_days "
                "JOIN rollup_series ON id = series WHERE quantity = 'temperature'"
            )
        }
        if state
        else {}
    )
    counted = {key: (min(values), max(values), len(values)) for key, values in right.items()}
    return sum(found.get(key) != counted.get(key) for key in found.keys() | counted.keys())
