"""Where readings and the ledger are kept."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

import attrs

from domain.cycle import Collected, CycleReport, LedgerEntry
from domain.schedule import is_clock_fault


@attrs.frozen(kw_only=True)
class SourceProgress:
    """Where a source stands in the store.

    `last_slot` is the newest scheduled slot with a ledger row, whatever became of it; `last_stored` the
    newest one whose outcome is stored. `expected` are the devices that should have a reading now: from a
    device's first reading until its source has not listed it for a day. `waiting` are planned slots whose
    cycles are kept elsewhere until the store can take them; a store itself knows of none.
    `ahead` is the newest planned slot that lies so far ahead of the instant that a clock must have been
    wrong; the others leave such slots out.
    """

    last_slot: datetime | None = None
    last_stored_slot: datetime | None = None
    expected: AbstractSet[str] = frozenset()
    waiting: AbstractSet[datetime] = frozenset()
    ahead: datetime | None = None

    @property
    def newest_slot(self) -> datetime | None:
        """The newest slot that had its cycle, wherever that is kept."""
        return _later(self.last_slot, max(self.waiting, default=None))

    def after(self, entry: LedgerEntry) -> SourceProgress:
        """Where the source stands once the store has that entry too."""
        if not entry.due.scheduled:
            return self
        slot = entry.due.slot
        last_stored_slot = (
            _later(self.last_stored_slot, slot) if isinstance(entry, Collected) else self.last_stored_slot
        )
        return attrs.evolve(self, last_slot=_later(self.last_slot, slot), last_stored_slot=last_stored_slot)

    def with_waiting(
        self, waiting: AbstractSet[datetime], collected: AbstractSet[datetime], at: datetime
    ) -> SourceProgress:
        """Where the source stands at that instant when these slots wait elsewhere, some with readings."""
        ahead = {slot for slot in waiting if is_clock_fault(at, slot)}
        return attrs.evolve(
            self,
            waiting=self.waiting | (waiting - ahead),
            last_stored_slot=_later(self.last_stored_slot, max(collected - ahead, default=None)),
            ahead=_later(self.ahead, max(ahead, default=None)),
        )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


class Store(Protocol):
    """Keeps every cycle once. Blocks; called from one thread."""

    def append(self, report: CycleReport) -> None:
        """Store readings, ledger and measurements of a cycle, all or nothing, durable on return.

        Idempotent: a reading is known by device and slot, a ledger row by source and slot; what is stored
        stays as it was, and a ledger row that is not `stored` gives way to one that is. Raises `StoreError`;
        then nothing of the report is stored.
        """
        ...

    def progress(self, source: str, at: datetime) -> SourceProgress:
        """Where the source stands at that instant. Raises `StoreError`."""
        ...

    def close(self) -> None:
        """Let go of the store. Closing twice is closing once."""
        ...
