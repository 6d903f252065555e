"""Rows of the table of device settings: each is a change, and the newest of a device and setting counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC

from adapters.sqlite.rows.readings import as_instant, as_number, as_text, clean
from domain.device_settings import Setting, SettingChange, SettingsByDevice, SettingValue, settings_after
from domain.reading import Quantity, Range

SELECT_CHANGES = """
SELECT device_id, setting, changed_at, value FROM device_settings ORDER BY changed_at, device_id, setting
"""
# SQLite takes the other columns from the row that has the maximum.
SELECT_CURRENT = """
SELECT device_id, setting, max(changed_at), value FROM device_settings GROUP BY device_id, setting
"""
SELECT_NEWEST = "SELECT max(changed_at) FROM device_settings WHERE device_id = ? AND setting = ?"
INSERT = "INSERT INTO device_settings (device_id, setting, changed_at, value) VALUES (?, ?, ?, ?)"
_COUNT_COLUMNS = """
SELECT count(*) FROM pragma_table_info('device_settings')
WHERE name IN ('device_id', 'setting', 'changed_at', 'value')
"""

_NAMES = frozenset(setting.value for setting in Setting)

Rows = Sequence[Sequence[object]]


def has_settings(connection: sqlite3.Connection) -> bool:
    """Return whether the database has the table; one with other columns is another program's."""
    return int(connection.execute(_COUNT_COLUMNS).fetchone()[0]) == 4


def select_current(connection: sqlite3.Connection) -> Rows:
    """Return the newest row of each device and setting. The table must exist."""
    return [tuple(row) for row in connection.execute(SELECT_CURRENT)]


def settings_of(rows: Rows) -> SettingsByDevice:
    """Return the settings of the rows of `select_current`."""
    return settings_after(changes_of(rows))


def given_names(connection: sqlite3.Connection) -> AbstractSet[tuple[str, str]]:
    """Return every name that a person has ever set, with its device in lower case."""
    rows = connection.execute(SELECT_CHANGES).fetchall() if has_settings(connection) else ()
    return {
        (change.device_id.lower(), change.value)
        for change in changes_of(rows)
        if change.setting is Setting.NAME and isinstance(change.value, str)
    }


def is_setting(name: object) -> bool:
    """Return whether a row's setting has that name."""
    return str(name).partition(".")[0] in _NAMES


def key_of(change: SettingChange) -> tuple[str, str]:
    """Return the device and the setting as the table names them."""
    setting = change.setting.value
    name = setting if change.quantity is None else f"{setting}.{change.quantity}"
    return clean(change.device_id), name


def row_of(change: SettingChange) -> tuple[str, str, str, str | None]:
    """Return the parameters of `INSERT`."""
    return (*key_of(change), as_text(change.at), _encode(change.value))


def changes_of(rows: Rows) -> Iterator[SettingChange]:
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
            return Range(least=_number(least), most=_number(most))
        case str() | bool() as value:
            return value
        case int() | float() as number:
            return _number(number)
    raise ValueError(f"{cell!r} is no value of a setting")


def _number(value: float) -> float:
    number = as_number(value)
    if number is None:
        raise ValueError("not a finite number")
    return number
