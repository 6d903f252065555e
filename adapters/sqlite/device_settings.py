"""The settings of devices, in a table to which each change adds a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

import attrs

from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.history.queries import open_for_reading
from adapters.sqlite.opening import Opening, transaction_next_to_collector
from adapters.sqlite.rows.readings import as_instant
from adapters.sqlite.rows.settings import (
    INSERT,
    SELECT_CHANGES,
    SELECT_CURRENT,
    SELECT_NEWEST,
    Rows,
    changes_of,
    has_settings,
    key_of,
    row_of,
    settings_of,
)
from adapters.sqlite.schema import CREATE_DEVICE_SETTINGS
from domain.device_settings import SettingChange, SettingsByDevice
from domain.errors import StoreError, StoreOutdated


@attrs.frozen(kw_only=True)
class SqliteDeviceSettings:
    """Opens the database for each call, so that a collector gets its turn between two of them."""

    opening: Opening
    lock: DatabaseLock

    def current(self) -> SettingsByDevice:
        return settings_of(self._select(SELECT_CURRENT))

    def changes(self) -> Sequence[SettingChange]:
        return list(changes_of(self._select(SELECT_CHANGES)))

    def add(self, change: SettingChange) -> SettingChange:
        with transaction_next_to_collector(self.opening, self.lock) as connection:
            connection.execute(CREATE_DEVICE_SETTINGS)
            if not has_settings(connection):
                raise StoreError(
                    f"{self.opening.path} has a table device_settings of another program. Rename that table"
                )
            newest = as_instant(connection.execute(SELECT_NEWEST, key_of(change)).fetchone()[0], UTC)
            if newest is not None and newest >= change.at:
                change = attrs.evolve(change, at=newest + timedelta(microseconds=1))
            connection.execute(INSERT, row_of(change))
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
