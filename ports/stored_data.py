"""Where baselines are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from domain.measurements import Baseline, Measurement
from domain.reading import Quantity, Reading


class Baselines(Protocol):
    """Keeps baselines by name, for good; every process of the home sees the same. Blocks.

    Each call raises `StoreError` when the database is in trouble, or a baseline is not what was kept.
    """

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        """Keep it, durably. Raises `BaselineExists` where there is one by that name, unless `replacing`."""
        ...

    def find(self, name: str) -> Baseline | None:
        """The one by that name; None where there is none."""
        ...

    def every(self) -> Sequence[Baseline]:
        """All of them, the one that was captured last at the end."""
        ...

    def remove(self, name: str) -> bool:
        """Let go of the one by that name, readable or not; whether there was one."""
        ...


# What was stored, read back for people.


class History(Protocol):
    """Reads what a `Store` keeps; never changes it. Blocks."""

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        """The newest reading of each device, ordered by location, then device. Raises `StoreError`.

        Those after `until` are passed over; a device that has no others is left out.
        """
        ...

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        """The instants and values of one quantity of one device from `since` on, oldest first.

        Instants are `collected_at`, aware UTC; values are in the quantity's unit. Raises `StoreError`.
        """
        ...


# What became of the cycles, read back.


@attrs.frozen(kw_only=True)
class SourceRecord:
    """One source's record.

    `slot`, `state`, `cause`, `detail`, `readings` and `unread` are those of its newest planned slot up to the
    asked end; a state is one of stored, failed, deferred, missed. `ahead` is its newest planned slot after
    that end, which only a wrong clock can have written; where there is no other, `slot` is that one.
    `slots` counts the planned slots between the asked instants by state. `mended` counts the cycles between
    them in which a repeated attempt brought the readings after one that had failed, `unmended` those that
    were lost to a trouble that passes.
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


class Ledger(Protocol):
    """Reads what a `Store` keeps of its cycles; never changes it. Blocks."""

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        """The record of each source that ever had a planned slot, by name. Raises `StoreError`."""
        ...


# What was measured while collecting, read back.


class Measurements(Protocol):
    """Reads what a `Store` keeps of them; never changes it. Blocks."""

    def between(self, since: datetime, until: datetime) -> Sequence[Measurement]:
        """Return those of slots from `since` on and before `until`, in the order of time.

        Raises `StoreError`.
        """
        ...
