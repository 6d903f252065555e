"""The settings of devices in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import attrs

from domain.device_settings import SettingChange, SettingsByDevice, settings_after


class MemoryDeviceSettings:
    """The changes, oldest first."""

    def __init__(self) -> None:
        self._changes: list[SettingChange] = []

    def current(self) -> SettingsByDevice:
        return settings_after(self._changes)

    def changes(self) -> Sequence[SettingChange]:
        return list(self._changes)

    def add(self, change: SettingChange) -> SettingChange:
        key = (change.device_id, change.setting, change.quantity)
        same = [one.at for one in self._changes if (one.device_id, one.setting, one.quantity) == key]
        if same and max(same) >= change.at:
            change = attrs.evolve(change, at=max(same) + timedelta(microseconds=1))
        self._changes.append(change)
        self._changes.sort(key=lambda one: one.at)
        return change
