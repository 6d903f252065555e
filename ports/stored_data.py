"""Queries of stored readings, ledger and measurements, and the named baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, tzinfo
from typing import Protocol

import attrs

from domain.device_settings import SettingChange, SettingsByDevice
from domain.history.coverage import Absence
from domain.history.export import Row, Selection
from domain.history.ledger import LedgerRow
from domain.history.series import Summary
from domain.measurements import Baseline, ReadCost
from domain.reading import Quantity, Reading


class Baselines(Protocol):
    """Keeps baselines by name; every process of the home sees the same ones. Blocks.

    Each method raises `StoreError` when the database is in trouble, or a baseline cannot be read.
    """

    def save(self, baseline: Baseline, *, replace: bool = False) -> None:
        """Keep a baseline durably; raise `BaselineExists` if its name is taken, unless `replace`."""
        ...

    def find(self, name: str) -> Baseline | None:
        """Return the baseline of that name, or None."""
        ...

    def all(self) -> Sequence[Baseline]:
        """Return all baselines, the one that was captured last at the end."""
        ...

    def remove(self, name: str) -> bool:
        """Remove the baseline of that name, readable or not; return whether there was one."""
        ...


class DeviceSettingsLog(Protocol):
    """Keeps every change of a device's settings; the newest of a device and setting is in effect. Blocks.

    Each method raises `StoreError`.
    """

    def current(self) -> SettingsByDevice:
        """Return the settings in effect; none if there is no store yet."""
        ...

    def changes(self) -> Sequence[SettingChange]:
        """Return all changes, the newest last."""
        ...

    def add(self, change: SettingChange) -> SettingChange:
        """Keep the change durably, and return it with its instant.

        That is moved behind the newest one of the device and setting, if the clock was set back since.
        """
        ...


class Measurements(Protocol):
    """Reads the measurements that a `Store` keeps. Blocks."""

    def between(self, since: datetime, until: datetime) -> Sequence[ReadCost]:
        """Return those of slots from `since` on and before `until`, in the order of time.

        Raises `StoreError`.
        """
        ...


class History(Protocol):
    """Reads the readings that a `Store` keeps. Blocks."""

    def session(self) -> AbstractContextManager[None]:
        """Return a block in which this thread's calls share what it costs to open the store.

        For seconds at most. Raise `StoreError`.
        """
        ...

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        """Return the newest reading of each device up to `until`, ordered by location, then device.

        Raise `StoreError`.
        """
        ...

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        """Return the instants and values of one quantity of one device from `since` on, oldest first.

        Instants are `collected_at`, aware UTC; values are in the quantity's unit. Raise `StoreError`.
        """
        ...

    def values(
        self, device_id: str, since: datetime, until: datetime
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        """Return instants and values of each quantity of a device from `since` to `until`, oldest first.

        As `series`; quantities without a value are left out. Raise `StoreError`.
        """
        ...

    def anomalies(self, device_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """Return the instants of the device's anomalous readings from `since` to `until`, oldest first.

        Raise `StoreError`.
        """
        ...

    def first(self) -> datetime | None:
        """Return the instant of the oldest reading; None without any. Raise `StoreError`.

        Readings of a device that lie more than ten years before its next one are a wrong clock's: they count
        only if there are no others.
        """
        ...

    def hours(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime
    ) -> Sequence[Summary]:
        """Return the summaries of the hours (UTC) from that of `since` to before `until`, oldest first.

        Hours without a value are left out. Raise `StoreError`.
        """
        ...

    def days(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        """Return the summaries of the zone's days from that of `since` to that of `until`, oldest first.

        Days without a value are left out. Raise `StoreError`.
        """
        ...

    def weeks(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        """Return the summaries of the zone's weeks, from that of `since` to that of `until`, oldest first.

        Weeks begin on Monday; those without a value are left out. Raise `StoreError`.
        """
        ...

    def backlog(self) -> int:
        """Return how many of the newest readings the days and weeks lack: too many to be summed at once.

        The daily upkeep counts them. Hours have all readings. Raise `StoreError`.
        """
        ...

    def newest_id(self) -> int:
        """Return a number that grows with each stored reading. Raise `StoreError`."""
        ...


class ExportedRows(Protocol):
    """Reads readings row by row, however many there are. Blocks; each method raises `StoreError`."""

    def devices(self) -> Mapping[str, str]:
        """Return the location of the last reading of each device, by id."""
        ...

    def count(self, selection: Selection) -> int:
        """Return how many rows `rows` yields, or some more."""
        ...

    def rows(self, selection: Selection) -> Iterator[Row]:
        """Yield the readings in the order of `collected_at`, with the cells that `selection.columns` names.

        Times are ISO 8601 texts in UTC, values are finite numbers in the quantity's unit, `is_reachable` and
        `is_anomalous` are 1 or 0, `other_values` is an object of JSON. Readings that are stored meanwhile are
        not among them.
        """
        ...


@attrs.frozen(kw_only=True)
class SourceRecord:
    """The ledger of one source, in short.

    `slot`, `state`, `cause`, `detail`, `readings` and `unread` are those of its newest planned slot up to the
    requested end; a state is one of stored, failed, deferred, missed. `ahead` is its newest planned slot
    after that end, which only a wrong clock can have written; if there is no other, `slot` is that one.
    `slots` counts the planned slots between the requested instants by state. Of the cycles between them,
    `mended` counts those that a retry saved, `unmended` those that were lost to a transient error.
    """

    source: str
    slot: datetime
    state: str
    cause: str | None = None
    detail: str | None = None
    readings: int = 0
    unread: int = 0
    slots: Mapping[str, int] = attrs.field(factory=dict)
    mended: int = 0
    unmended: int = 0
    ahead: datetime | None = None


@attrs.frozen(kw_only=True)
class KnownDevice:
    """A device, the source that it was read from last, and the slot of its first reading."""

    device_id: str
    source: str
    first_slot: datetime


class Ledger(Protocol):
    """Reads the outcomes of cycles that a `Store` keeps. Blocks."""

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        """Return the record of each source that ever had a planned slot, by name. Raise `StoreError`."""
        ...

    def absences(self, since: datetime, until: datetime) -> Sequence[Absence]:
        """Return what is missing in the planned slots from `since` to before `until`, by source and slot.

        Slots in a row of one device, or source, with one cause and detail are one absence.
        Raise `StoreError`.
        """
        ...

    def unexplained(self, since: datetime, until: datetime) -> Sequence[Absence]:
        """Return the planned slots without a row, and those of a known device without a reading or a cause.

        From `since` to before `until`, by source and slot. A slot between two rows of a source that has none
        is missing for all devices; the cause is `UNKNOWN`. So it is for a device where fewer readings of a
        stored slot are there than its rows count; else the source did not list the device, which the ledger
        says for a day only. Raise `StoreError`.
        """
        ...

    def rows(self, since: datetime, until: datetime) -> Iterator[LedgerRow]:
        """Yield the rows of slots from `since` to before `until`, by source and slot. Raise `StoreError`."""
        ...

    def devices(self) -> Sequence[KnownDevice]:
        """Return every device that has had a reading since there is a ledger, by id. Raise `StoreError`."""
        ...
