"""The column `name` of `readings`, which the newest homes of the earlier program have: a device's name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping

from adapters.sqlite.rows.readings import clean
from adapters.sqlite.rows.settings import given_names
from domain.device_settings import SettingsByDevice

TypedNames = Callable[[], Mapping[str, str]]

_COUNT_COLUMNS = "SELECT count(*) FROM pragma_table_info('readings') WHERE name = 'name'"
# of the last month, so that a home without names is not searched through in each run
_SELECT_LAST_NAME = """
SELECT name FROM (SELECT name FROM {schema}.readings WHERE device_id = ? ORDER BY timestamp DESC LIMIT 10000)
WHERE typeof(name) = 'text' AND name NOT IN (SELECT value FROM json_each(?)) LIMIT 1
"""


def has_names(connection: sqlite3.Connection) -> bool:
    """Return whether `readings` has the column."""
    return bool(connection.execute(_COUNT_COLUMNS).fetchone()[0])


def last_name(
    connection: sqlite3.Connection, device_id: str, schema: str = "main", *, without: Iterable[str] = ()
) -> str | None:
    """Return the name in the device's last row that has another one; the schema must have the column."""
    parameters = (device_id, json.dumps(list(without)))
    row = connection.execute(_SELECT_LAST_NAME.format(schema=schema), parameters).fetchone()
    return None if row is None else str(row[0])


class DeviceNames:
    """Finds the name of a device: set with `devices rename`, else typed by people, else that of its last row.

    `typed` returns the names that people have typed, by device id in lower case. What was set once is not
    taken from a row: the setting may have been removed.
    """

    def __init__(self, connection: sqlite3.Connection, typed: TypedNames) -> None:
        self._connection = connection
        self._typed = typed
        self._last: dict[str, str | None] = {}

    def of(self, device_ids: list[str], settings: SettingsByDevice) -> list[str | None]:
        """Return the name of each device, None for one that never had any."""
        typed = self._typed()
        for one in device_ids:
            if name := typed.get(one.lower()):
                self._last[one] = clean(name)
        return [clean(name) if (name := settings.of(one).name) else self._last_of(one) for one in device_ids]

    def _last_of(self, device_id: str) -> str | None:
        if device_id not in self._last:
            given = [name for one, name in given_names(self._connection) if one == device_id.lower()]
            self._last[device_id] = last_name(self._connection, clean(device_id), without=given)
        return self._last[device_id]
