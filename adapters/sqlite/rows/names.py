"""The column `name` of `readings`, which the newest homes of the earlier program have: a device's name."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from adapters.sqlite.rows.readings import clean
from domain.device_settings import SettingsByDevice

TypedNames = Callable[[], Mapping[str, str]]

_COUNT_COLUMNS = "SELECT count(*) FROM pragma_table_info('readings') WHERE name = 'name'"
# of the last month, so that a home without names is not searched through in each run
_SELECT_LAST_NAME = """
SELECT name FROM (SELECT name FROM {schema}.readings WHERE device_id = ? ORDER BY timestamp DESC LIMIT 10000)
WHERE typeof(name) = 'text' LIMIT 1
"""


def has_names(connection: sqlite3.Connection) -> bool:
    """Return whether `readings` has the column."""
    return bool(connection.execute(_COUNT_COLUMNS).fetchone()[0])


def last_name(connection: sqlite3.Connection, device_id: str, schema: str = "main") -> str | None:
    """Return the name in the device's last row that has one, of that schema; it must have the column."""
    row = connection.execute(_SELECT_LAST_NAME.format(schema=schema), (device_id,)).fetchone()
    return None if row is None else str(row[0])


class DeviceNames:
    """Finds the name of a device: set with `devices rename`, else typed by people, else that of its last row.

    `typed` returns the names that people have typed, by device id in lower case.
    """

    def __init__(self, connection: sqlite3.Connection, typed: TypedNames) -> None:
        self._connection = connection
        self._typed = typed
        self._last: dict[str, str | None] = {}

    def of(self, device_ids: list[str], settings: SettingsByDevice) -> list[str | None]:
        """Return the name of each device, None for one that never had any."""
        typed = self._typed()
        for one in device_ids:
            if name := settings.of(one).name or typed.get(one.lower()):
                self._last[one] = clean(name)
        return [self._last_of(one) for one in device_ids]

    def _last_of(self, device_id: str) -> str | None:
        if device_id not in self._last:
            self._last[device_id] = last_name(self._connection, clean(device_id))
        return self._last[device_id]
