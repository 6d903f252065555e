"""Readings and ledger as people see them: with the settings of their devices applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo

import attrs

from domain.device_settings import Device, SettingsByDevice
from domain.history.coverage import Absence
from domain.history.ledger import LedgerRow
from domain.history.series import Summary
from domain.reading import Quantity, Reading
from ports.clock import Clock
from ports.stored_data import DeviceSettingsLog, History, KnownDevice, Ledger, SourceRecord

_CURRENT_FOR_S = 1.0  # a page takes a hundred reads, and a person sees no change sooner


class CurrentSettings:
    """The settings in effect, read again when they are a second old."""

    def __init__(self, log: DeviceSettingsLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._known: tuple[float, SettingsByDevice] | None = None

    def __call__(self) -> SettingsByDevice:
        """Return the settings. Raise `StoreError`."""
        now_s = self._clock.elapsed_s()
        if self._known is None or now_s - self._known[0] >= _CURRENT_FOR_S:
            self._known = now_s, self._log.current()
        return self._known[1]


class AdjustedHistory:
    """A history with names and offsets applied, without ignored devices."""

    def __init__(self, history: History, settings: CurrentSettings) -> None:
        self._history = history
        self._settings = settings

    def session(self) -> AbstractContextManager[None]:
        return self._history.session()

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        settings = self._settings()
        readings = []
        for reading in self._history.newest(until):
            own = settings.of(reading.device_id)
            if not own.is_ignored:
                readings.append(own.named(own.adjusted(reading)))
        return sorted(readings, key=lambda reading: (reading.location, reading.device_id))

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        points = self._history.series(device_id, quantity, since)
        own = self._settings().of(device_id)
        if quantity not in own.offsets:
            return points
        return [(at, own.adjusted_value(quantity, value)) for at, value in points]

    def values(
        self, device_id: str, since: datetime, until: datetime
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        found = self._history.values(device_id, since, until)
        own = self._settings().of(device_id)
        return {
            quantity: [(at, own.adjusted_value(quantity, value)) for at, value in points]
            if quantity in own.offsets
            else points
            for quantity, points in found.items()
        }

    def anomalies(self, device_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return self._history.anomalies(device_id, since, until)

    def first(self) -> datetime | None:
        return self._history.first()

    def hours(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime
    ) -> Sequence[Summary]:
        return self._adjusted(device_id, quantity, self._history.hours(device_id, quantity, since, until))

    def days(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        found = self._history.days(device_id, quantity, since, until, zone)
        return self._adjusted(device_id, quantity, found)

    def weeks(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        found = self._history.weeks(device_id, quantity, since, until, zone)
        return self._adjusted(device_id, quantity, found)

    def backlog(self) -> int:
        return self._history.backlog()

    def newest_id(self) -> int:
        return self._history.newest_id()

    def _adjusted(self, device_id: str, quantity: Quantity, found: Sequence[Summary]) -> Sequence[Summary]:
        own = self._settings().of(device_id)
        return [own.adjusted_summary(quantity, one) for one in found] if own.offsets else found


class AdjustedLedger:
    """A ledger without ignored devices."""

    def __init__(self, ledger: Ledger, settings: CurrentSettings) -> None:
        self._ledger = ledger
        self._settings = settings

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        return self._ledger.records(since, until)

    def absences(self, since: datetime, until: datetime) -> Sequence[Absence]:
        return self._without_ignored(self._ledger.absences(since, until))

    def unexplained(self, since: datetime, until: datetime) -> Sequence[Absence]:
        return self._without_ignored(self._ledger.unexplained(since, until))

    def rows(self, since: datetime, until: datetime) -> Iterator[LedgerRow]:
        settings = self._settings()
        for row in self._ledger.rows(since, until):
            unread = {key: why for key, why in row.unread.items() if not settings.is_ignored(key)}
            yield row if len(unread) == len(row.unread) else attrs.evolve(row, unread=unread)

    def devices(self) -> Sequence[KnownDevice]:
        settings = self._settings()
        return [one for one in self._ledger.devices() if not settings.is_ignored(one.device_id)]

    def _without_ignored(self, absences: Sequence[Absence]) -> Sequence[Absence]:
        settings = self._settings()
        return [one for one in absences if one.device_id is None or not settings.is_ignored(one.device_id)]


def known_devices(history: History, ledger: Ledger, settings: SettingsByDevice) -> Sequence[Device]:
    """Return every device that has a reading or was in the ledger, also ignored ones, by name.

    `history` and `ledger` are those without settings applied. Raise `StoreError`.
    """
    readings = {one.device_id: one for one in history.newest()}
    sources = {one.device_id: one.source for one in ledger.devices()}
    devices = []
    for device_id in {*readings, *sources}:
        own, reading = settings.of(device_id), readings.get(device_id)
        devices.append(
            Device(
                device_id=device_id,
                name=own.name or (device_id if reading is None else reading.location),
                kind="" if reading is None else reading.kind.value,
                source=sources.get(device_id),
                seen_at=None if reading is None else reading.observed_at or reading.collected_at,
                settings=own,
            )
        )
    return sorted(devices, key=lambda one: (one.name, one.device_id))
