"""Format the devices of a home and the changes of their settings: tables, and objects for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from domain.device_settings import Device, DeviceSettings, Setting, SettingChange, SettingValue
from domain.reading import Quantity, Range
from domain.times import format_age, local_time
from entrypoints.terminal.cycle_text import unit_text

FORMAT = 1  # of the JSON objects: increased when a key is renamed or removed
_NEVER = "never"


def device_lines(devices: Iterable[Device], now: datetime) -> Iterator[str]:
    """Yield a heading and a line for each device."""
    rows = [
        (
            one.name,
            one.device_id,
            one.kind,
            one.source or "",
            _NEVER if one.seen_at is None else format_age(now - one.seen_at),
            "; ".join(describe(one.settings)),
        )
        for one in devices
    ]
    yield from _table(("name", "device", "kind", "source", "seen", "settings"), rows)


def change_lines(changes: Iterable[SettingChange]) -> Iterator[str]:
    """Yield a heading and a line for each change, in local time."""
    rows = [
        (
            local_time(change.at, seconds=True),
            change.device_id,
            _title(change.setting, change.quantity),
            _value_text(change.value, change.quantity),
        )
        for change in changes
    ]
    yield from _table(("changed at", "device", "setting", "value"), rows)


def describe(settings: DeviceSettings) -> Iterator[str]:
    """Yield a phrase for each setting but the name."""
    for quantity, offset in settings.offsets.items():
        yield f"{_title(Setting.OFFSET, quantity)} {_value_text(offset, quantity)}"
    if settings.is_outdoor:
        yield "outdoor"
    if settings.ignored_since is not None:
        yield f"ignored since {local_time(settings.ignored_since)}"
    for quantity, limits in settings.plausible.items():
        yield f"{_title(Setting.PLAUSIBLE, quantity)} {_value_text(limits, quantity)}"


def offset_text(quantity: Quantity, offset: float) -> str:
    """Return the offset with its sign and unit, such as `-1.3 °C`."""
    return f"{offset:+g} {unit_text(quantity)}".rstrip()


def device_text(device: Device) -> str:
    """Return the device's name and id on one line."""
    return f"{device.name} ({device.device_id})"


def devices_object(devices: Iterable[Device]) -> dict[str, Any]:
    """Return the object of `devices --json`."""
    return {
        "format": FORMAT,
        "devices": [
            {
                "device_id": one.device_id,
                "name": one.name,
                "kind": one.kind,
                "source": one.source,
                "last_seen": None if one.seen_at is None else one.seen_at.isoformat(),
                "settings": {
                    "name": one.settings.name,
                    "offsets": {name.value: offset for name, offset in one.settings.offsets.items()},
                    "is_outdoor": one.settings.is_outdoor,
                    "ignored_since": (
                        one.settings.ignored_since.isoformat() if one.settings.ignored_since else None
                    ),
                    "plausible": {
                        name.value: [limits.least, limits.most]
                        for name, limits in one.settings.plausible.items()
                    },
                },
            }
            for one in devices
        ],
    }


def changes_object(changes: Iterable[SettingChange]) -> dict[str, Any]:
    """Return the object of `devices history --json`."""
    return {
        "format": FORMAT,
        "changes": [
            {
                "at": change.at.isoformat(),
                "device_id": change.device_id,
                "setting": change.setting.value,
                "quantity": None if change.quantity is None else change.quantity.value,
                "value": (
                    [change.value.least, change.value.most]
                    if isinstance(change.value, Range)
                    else change.value
                ),
            }
            for change in changes
        ],
    }


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _title(setting: Setting, quantity: Quantity | None) -> str:
    if quantity in (None, Quantity.TEMPERATURE):
        return setting.value
    return f"{quantity.value} {setting}"


def _value_text(value: SettingValue, quantity: Quantity | None) -> str:
    match value:
        case None:
            return "removed"
        case True:
            return "yes"
        case Range(least=least, most=most) if quantity is not None:
            return f"{least:g} to {most:g} {unit_text(quantity)}".rstrip()
        case float() if quantity is not None:
            return offset_text(quantity, value)
    return str(value)
