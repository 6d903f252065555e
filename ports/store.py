"""The store of readings and ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.cycle import CycleReport
from domain.device_settings import SettingsByDevice
from domain.progress import SourceProgress


class Store(Protocol):
    """Stores every cycle once. Blocks; called from one thread."""

    def open(self, *, checking: bool) -> None:
        """Open the store before its first use, after a quick check if `checking`. Raise `StoreError`.

        Raise `StoreRefused` if it can never be used. After another error the next call tries again.
        """
        ...

    def append(self, report: CycleReport, *, waits: bool = True) -> CycleReport:
        """Store readings, ledger and measurements of a cycle, all or nothing, durable on return.

        Without `waits`, raise `StoreBusy` at once if another program holds the store, or if it has to be
        opened, repaired or moved first.

        Idempotent: a reading is identified by slot and device, without case, a ledger row by source and slot.
        What is stored stays as it is, except that a ledger row that is not `stored` gives way to one that is.
        Slots that have no row then, after the newest planned one before, are missed: at most
        `domain.gaps.ROWS_AT_ONCE` get their row now, and the rest in turn with the following reports, however
        long that takes.

        Readings get the name that is set for their device; those of devices that were ignored at their slot
        are left out.

        Return the report with the readings that this call has stored; its outcomes list the devices whose
        readings were stored already. Raise `StoreError` if nothing of the report is stored.
        """
        ...

    def progress(self, source: str, at: datetime) -> SourceProgress:
        """Return how far the source has come at that instant. Raise `StoreError`.

        Ignored devices are not expected.
        """
        ...

    def settings(self) -> SettingsByDevice:
        """Return the settings of devices in effect, without waiting. Raise `StoreError`."""
        ...

    def is_used(self, source: str, instant: datetime) -> bool:
        """Return whether any reading, or a ledger row of the source, has that instant. Raise `StoreError`."""
        ...

    def close(self) -> None:
        """Close the store. Closing twice is allowed."""
        ...
