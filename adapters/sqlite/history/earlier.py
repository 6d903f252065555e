"""What the rows from before this program say about its devices."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from adapters.sqlite.connection import connect_for_reading
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history.queries import device_ids
from adapters.sqlite.migration.migrations import user_version
from adapters.sqlite.rows.settings import given_names
from domain.errors import StoreMissing

_SELECT_NEWEST = "SELECT location FROM readings WHERE device_id = ? ORDER BY timestamp DESC LIMIT 1"
_SELECT_EARLIER = """
SELECT location FROM readings WHERE device_id = ? AND timestamp < ? ORDER BY timestamp DESC LIMIT 1
"""
_SELECT_FIRST_SLOTS = "SELECT device_id, first_slot FROM devices"
_AFTER_ALL = "~"  # sorts after every time


_COUNT_THERMOSTATS = """
SELECT EXISTS (SELECT 1 FROM readings WHERE device_id >= 'nest:' AND device_id < 'nest;')
"""


def has_thermostats(path: Path, *, busy_timeout_ms: int = 5000) -> bool:
    """Return whether there is a row of a Nest thermostat. Raises `StoreError`."""
    with _reading(path, busy_timeout_ms) as connection:
        return bool(connection.execute(_COUNT_THERMOSTATS).fetchone()[0])


def earlier_locations(path: Path, *, busy_timeout_ms: int = 5000) -> Mapping[str, str]:
    """Return the location of each device in rows from before this program, by device id in lower case.

    A device whose newest row has another location is left out: its rows are split. So is one whose rows have
    a name that `devices rename --history` gave them. Raises `StoreError`.
    """
    with _reading(path, busy_timeout_ms) as connection:
        given = given_names(connection)
        slots = dict(connection.execute(_SELECT_FIRST_SLOTS)) if user_version(connection) else {}
        found = {
            device_id: _location(connection, device_id, slots.get(device_id, _AFTER_ALL))
            for device_id in device_ids(connection)
            if isinstance(device_id, str)
        }
    return {
        device_id.lower(): location
        for device_id, location in found.items()
        if location is not None and (device_id.lower(), location) not in given
    }


@contextmanager
def _reading(path: Path, busy_timeout_ms: int) -> Iterator[sqlite3.Connection]:
    """Open a database of any version."""
    with store_errors(path):
        if not path.exists():
            raise StoreMissing(f"{path} is not there")
        with closing(connect_for_reading(path, busy_timeout_ms=busy_timeout_ms)) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            yield connection


def _location(connection: sqlite3.Connection, device_id: str, first_slot: object) -> str | None:
    newest = connection.execute(_SELECT_NEWEST, (device_id,)).fetchone()
    earlier = connection.execute(_SELECT_EARLIER, (device_id, first_slot)).fetchone()
    return earlier[0] if earlier is not None and earlier == newest and isinstance(earlier[0], str) else None
