"""Settings of devices for tests: changes, and the table in a database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.device_settings import SqliteDeviceSettings
from adapters.sqlite.opening import Opening
from domain.device_settings import Setting, SettingChange, SettingValue
from domain.reading import Quantity
from tests.support.builders import NOON


def a_change(
    setting: Setting,
    value: SettingValue,
    *,
    device_id: str = "hue:a",
    quantity: Quantity | None = None,
    at: datetime = NOON,
) -> SettingChange:
    return SettingChange(at=at, device_id=device_id, setting=setting, quantity=quantity, value=value)


def an_offset(offset: float | None, **changes: object) -> SettingChange:
    """An offset of the temperature."""
    fields = {"quantity": Quantity.TEMPERATURE, **changes}
    return a_change(Setting.OFFSET, offset, **fields)  # type: ignore[arg-type]


def sqlite_device_settings(path: Path) -> SqliteDeviceSettings:
    """Those in the database at the path."""
    opening = Opening(
        path=path,
        is_simulated=False,
        busy_timeout_ms=1000,
        wal_checkpoint_pages=1000,
        journal=MemoryJournal(),
        clock=MemoryClock(NOON),
    )
    return SqliteDeviceSettings(
        opening=opening, lock=DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1.0)
    )
