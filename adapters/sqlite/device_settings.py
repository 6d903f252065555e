"""The settings of devices, in a table to which each change adds a row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta

import attrs

from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history.queries import open_for_reading
from adapters.sqlite.opening import Opening, transaction_next_to_collector
from adapters.sqlite.rows.readings import as_instant, as_text, clean
from adapters.sqlite.schema import CREATE_DEVICE_SETTINGS
from domain.device_settings import Setting, SettingChange, SettingsByDevice, SettingValue, settings_after
from domain.errors import StoreOutdated
from domain.reading import Quantity, Range

_HAS_TABLE = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'device_settings'"
_SELECT = """
SELECT device_id, setting, changed_at, value FROM device_settings ORDER BY changed_at, device_id, setting
"""
# SQLite takes the other columns from the row that has the maximum.
_SELECT_CURRENT = """
SELECT device_id, setting, max(changed_at), value FROM device_settings GROUP BY device_id, setting
"""
_SELECT_NEWEST = "SELECT max(changed_at) FROM device_settings WHERE device_id = ? AND setting = ?"
_INSERT = "INSERT INTO device_settings (device_id, setting, changed_at, value) VALUES (?, ?, ?, ?)"

Rows = Sequence[Sequence[object]]


def has_settings(connection: sqlite3.Connection) -> bool:
    """Return whether the database has the table."""
    return bool(connection.execute(_HAS_TABLE).fetchone()[0])


def select_current(connection: sqlite3.Connection) -> Rows:
    """Return the newest row of each device and setting. The table must exist."""
    return [tuple(row) for row in connection.execute(_SELECT_CURRENT)]


def settings_of(rows: Rows) -> SettingsByDevice:
    """Return the settings of the rows of `select_current`."""
    return settings_after(_decoded(rows))


@attrs.frozen(kw_only=True)
class SqliteDeviceSettings:
    """Opens the database for each call, so that a collector gets its turn between two of them."""

    opening: Opening
    lock: DatabaseLock

    def current(self) -> SettingsByDevice:
        return settings_of(self._select(_SELECT_CURRENT))

    def changes(self) -> Sequence[SettingChange]:
        return list(_decoded(self._select(_SELECT)))

    def add(self, change: SettingChange) -> SettingChange:
        name = change.setting.value if change.quantity is None else f"{change.setting}.{change.quantity}"
        key = (clean(change.device_id), name)
        with transaction_next_to_collector(self.opening, self.lock) as connection:
            connection.execute(CREATE_DEVICE_SETTINGS)
            newest = as_instant(connection.execute(_SELECT_NEWEST, key).fetchone()[0], UTC)
            if newest is not None and newest >= change.at:
                change = attrs.evolve(change, at=newest + timedelta(microseconds=1))
            connection.execute(_INSERT, (*key, as_text(change.at), _encode(change.value)))
        return change

    def _select(self, statement: str) -> Rows:
        if not self.opening.path.exists():
            return ()
        try:
            with open_for_reading(self.opening.path, self.opening.busy_timeout_ms) as connection:
                rows = connection.execute(statement) if has_settings(connection) else ()
                return [tuple(row) for row in rows]
        except StoreOutdated:
            return ()


def _decoded(rows: Rows) -> Iterator[SettingChange]:
    """Yield the changes; leave out rows that are damaged, or from a newer version."""
    for device_id, name, text, value in rows:
        setting, _, quantity = str(name).partition(".")
        at = as_instant(text, UTC)
        if at is None or not isinstance(device_id, str):
            continue
        try:
            yield SettingChange(
                at=at,
                device_id=device_id,
                setting=Setting(setting),
                quantity=Quantity(quantity) if quantity else None,
                value=_decode(value),
            )
        except (ValueError, RecursionError):
            continue


def _encode(value: SettingValue) -> str | None:
    if value is None:
        return None
    if isinstance(value, Range):
        return json.dumps([value.least, value.most])
    return clean(json.dumps(value, ensure_ascii=False))


def _decode(cell: object) -> SettingValue:
    """Raise ValueError if the cell holds no value of a setting."""
    if cell is None:
        return None
    match json.loads(str(cell)):
        case [int() | float() as least, int() | float() as most]:
            return Range(least=float(least), most=float(most))
        case str() | bool() as value:
            return value
        case int() | float() as number:
            return float(number)
    raise ValueError(f"{cell!r} is no value of a setting")
