"""Settings of devices: name, offsets, outdoor, ignored, plausible ranges; and the changes that make them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from unicodedata import normalize

import attrs

from domain.cycle import Collected, Outcome
from domain.history.series import Summary
from domain.reading import STORABLE, Quantity, Range, Reading, flag_implausible

T = TypeVar("T")

LONGEST_NAME = 60
_LEAST_OF_ID = 4  # characters: fewer are in the ids of most devices
# The largest correction that a sound sensor can need. A larger one is a typing error or a broken sensor.
LARGEST_OFFSETS: Mapping[Quantity, float] = {
    Quantity.TEMPERATURE: 20.0,
    Quantity.RELATIVE_HUMIDITY: 50.0,
    Quantity.PM25: 100.0,
    Quantity.PM10: 100.0,
    Quantity.CARBON_MONOXIDE: 50.0,
    Quantity.CARBON_DIOXIDE: 1000.0,
    Quantity.VOC_INDEX: 100.0,
    Quantity.IAQ_SCORE: 50.0,
}
_DECIMALS = 6  # more than any device gives, and few enough for 20.1 - 1.3 to be 18.8


class Setting(StrEnum):
    """What can be set. The table contains these words: add, never rename."""

    NAME = "name"
    OFFSET = "offset"
    OUTDOOR = "outdoor"
    IGNORED = "ignored"
    PLAUSIBLE = "plausible"


# A name, an offset in the quantity's unit, True for outdoor and ignored; None takes the setting away.
SettingValue = str | float | bool | Range | None


@attrs.frozen(kw_only=True)
class SettingChange:
    """A change of a device's setting, at an aware UTC instant; offsets and ranges are of a quantity."""

    at: datetime
    device_id: str
    setting: Setting
    quantity: Quantity | None = None
    value: SettingValue


@attrs.frozen(kw_only=True)
class DeviceSettings:
    """The settings of a device in effect. Offsets are added to what was measured, which is stored as it is.

    `plausible` are the ranges, of adjusted values, that replace those of the configuration.
    """

    name: str | None = None
    offsets: Mapping[Quantity, float] = attrs.field(factory=dict)
    is_outdoor: bool = False
    ignored_since: datetime | None = None
    plausible: Mapping[Quantity, Range] = attrs.field(factory=dict)

    @property
    def is_ignored(self) -> bool:
        return self.ignored_since is not None

    def named(self, reading: Reading) -> Reading:
        """Return the reading under the device's name."""
        if self.name is None or self.name == reading.location:
            return reading
        return attrs.evolve(reading, location=self.name)

    def adjusted(self, reading: Reading) -> Reading:
        """Return the reading with the offsets added."""
        if not self.offsets:
            return reading
        return attrs.evolve(
            reading,
            values={name: self.adjusted_value(name, value) for name, value in reading.values.items()},
            other_values=adjusted_others(reading.other_values, self.offsets),
        )

    def adjusted_value(self, quantity: Quantity, value: float) -> float:
        offset = self.offsets.get(quantity)
        return value if offset is None else add_offset(value, offset)

    def adjusted_summary(self, quantity: Quantity, summary: Summary) -> Summary:
        offset = self.offsets.get(quantity)
        if offset is None:
            return summary
        return attrs.evolve(
            summary,
            low=add_offset(summary.low, offset),
            high=add_offset(summary.high, offset),
            total=add_offset(summary.total, offset * summary.count),
        )

    def flagged(self, reading: Reading, usual: Mapping[Quantity, Range]) -> Reading:
        """Mark the reading as anomalous if an adjusted value is implausible.

        `usual` are the ranges of the source's devices indoors.
        """
        if self.is_outdoor or self.plausible:
            usual = {**({} if self.is_outdoor else usual), **self.plausible}
        if not self.offsets:
            return flag_implausible(reading, usual)
        is_anomalous = flag_implausible(self.adjusted(reading), usual).is_anomalous
        return attrs.evolve(reading, is_anomalous=True) if is_anomalous else reading


_UNSET = DeviceSettings()


@attrs.frozen
class SettingsByDevice:
    """The settings of the devices that have any, by id in lower case: ids are compared without case."""

    by_id: Mapping[str, DeviceSettings] = attrs.field(factory=dict)

    def of(self, device_id: str) -> DeviceSettings:
        """Return the settings of the device; none are set if it is not known."""
        return self.by_id.get(device_id.lower(), _UNSET)

    def is_ignored(self, device_id: str) -> bool:
        return self.of(device_id).is_ignored

    def without_ignored(self, device_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Return the devices that are not ignored."""
        if not self.by_id:
            return device_ids
        return frozenset(device_id for device_id in device_ids if not self.is_ignored(device_id))

    def applied_to(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a slot with names applied, and without devices that were ignored then."""
        if not self.by_id:
            return outcome
        slot = outcome.due.slot
        unread = tuple(one for one in outcome.unread if not self._was_ignored(one.device_id, slot))
        if len(unread) < len(outcome.unread):
            outcome = attrs.evolve(outcome, unread=unread)
        if isinstance(outcome, Collected):
            readings = tuple(
                self.of(one.device_id).named(one)
                for one in outcome.readings
                if not self._was_ignored(one.device_id, slot)
            )
            if readings != outcome.readings:
                outcome = attrs.evolve(outcome, readings=readings)
        return outcome

    def _was_ignored(self, device_id: str, slot: datetime) -> bool:
        since = self.of(device_id).ignored_since
        return since is not None and slot >= since

    @property
    def offsets(self) -> Mapping[str, Mapping[Quantity, float]]:
        """The offsets by device, in lower case."""
        return {device_id: one.offsets for device_id, one in self.by_id.items() if one.offsets}


def settings_after(changes: Iterable[SettingChange]) -> SettingsByDevice:
    """Return the settings after these changes, the newest last."""
    by_id: dict[str, DeviceSettings] = {}
    for change in changes:
        key = change.device_id.lower()
        by_id[key] = _after(by_id.get(key, _UNSET), change)
    return SettingsByDevice({key: one for key, one in by_id.items() if one != _UNSET})


def _after(settings: DeviceSettings, change: SettingChange) -> DeviceSettings:
    match change.setting, change.value:
        case Setting.NAME, str() | None as name:
            return attrs.evolve(settings, name=name)
        case Setting.OUTDOOR, value:
            return attrs.evolve(settings, is_outdoor=value is True)
        case Setting.IGNORED, value:
            return attrs.evolve(settings, ignored_since=change.at if value is True else None)
        case Setting.OFFSET, float() | None as offset if change.quantity is not None:
            return attrs.evolve(settings, offsets=_with(settings.offsets, change.quantity, offset))
        case Setting.PLAUSIBLE, Range() | None as limits if change.quantity is not None:
            return attrs.evolve(settings, plausible=_with(settings.plausible, change.quantity, limits))
    return settings


def _with(values: Mapping[Quantity, T], quantity: Quantity, value: T | None) -> Mapping[Quantity, T]:
    others = {name: one for name, one in values.items() if name is not quantity}
    return others if value is None else {**others, quantity: value}


def add_offset(value: float, offset: float) -> float:
    """Return the sum as decimals are added: 20.1 - 1.3 is 18.8."""
    return round(value + offset, _DECIMALS)


def adjusted_others(values: Mapping[str, float], offsets: Mapping[Quantity, float]) -> dict[str, float]:
    """Return the other values with the offsets added to those that are of a quantity all the same."""
    by_name = {quantity.value: offset for quantity, offset in offsets.items()}
    return {
        name: add_offset(value, by_name[name]) if name in by_name else value for name, value in values.items()
    }


def check_offset(quantity: Quantity, offset: float) -> float:
    """Return the offset. Raise ValueError if no sound sensor can need it."""
    most = LARGEST_OFFSETS[quantity]
    if not (math.isfinite(offset) and abs(offset) <= most):
        raise ValueError(f"{offset:g} is not an offset. It lies between {-most:g} and {most:g}")
    return offset


def check_plausible(quantity: Quantity, least: float, most: float) -> Range:
    """Return the range. Raise ValueError if it is empty, or lies outside of what can be stored."""
    can_be = STORABLE[quantity]
    if not (math.isfinite(least) and math.isfinite(most) and least < most):
        raise ValueError(f"{least:g} to {most:g} is not a range. Write the smaller number first")
    if most < can_be.least or least > can_be.most:
        raise ValueError(f"no {quantity.value} lies between {least:g} and {most:g}")
    return Range(least=least, most=most)


def check_name(text: str) -> str:
    """Return the name as it looks: no blanks around it, one between words. Raise ValueError."""
    name = " ".join(normalize("NFC", text).split())
    if not (name and name.isprintable() and len(name) <= LONGEST_NAME):
        raise ValueError(f"{text!r} is not a name. It has 1 to {LONGEST_NAME} printable characters")
    return name


@attrs.frozen(kw_only=True)
class Device:
    """A device of the home; `name` is that of its newest reading, unless one is set.

    `source` is None if the device was last read before there was a ledger, `seen_at` if it has no reading.
    """

    device_id: str
    name: str
    kind: str
    source: str | None
    seen_at: datetime | None
    settings: DeviceSettings


def find_devices(text: str, devices: Iterable[Device]) -> Sequence[Device]:
    """Return the devices that the text stands for: by id, else by name, else by a part of a name or an id.

    All are compared without case.
    """
    by_id = {one.device_id: one for one in devices}
    found = matching_ids(text, {device_id: one.name for device_id, one in by_id.items()})
    return [by_id[device_id] for device_id in found]


def matching_ids(text: str, names: Mapping[str, str]) -> Sequence[str]:
    """Return the ids of devices that the text stands for, as `find_devices` does; `names` are by id."""
    wanted = " ".join(text.split()).casefold()
    if not wanted:
        return ()
    return (
        [each for each in names if each.casefold() == wanted]
        or [each for each, name in names.items() if name.casefold() == wanted]
        or [each for each, name in names.items() if wanted in name.casefold()]
        or [each for each in names if len(wanted) >= _LEAST_OF_ID and wanted in each.casefold()]
    )
