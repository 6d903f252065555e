"""Where readings and the ledger are kept."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

import attrs

from domain.outcome import CycleReport


@attrs.frozen(kw_only=True)
class Standing:
    """Where a source stands in the store.

    `last_slot` is the newest scheduled slot with a ledger row, whatever became of it; `last_stored` the
    newest one whose outcome is stored. `expected` are the devices that should have a reading now: from a
    device's first reading until its source has not listed it for a day.
    """

    last_slot: datetime | None = None
    last_stored: datetime | None = None
    expected: AbstractSet[str] = frozenset()


class Store(Protocol):
    """Keeps every cycle once. Blocks; called from one thread."""

    def append(self, report: CycleReport) -> None:
        """Store readings, ledger and measurements of a cycle, all or nothing, durable on return.

        Idempotent: a reading is known by device and slot, a ledger row by source and slot; what is stored
        stays as it was, and a ledger row that is not `stored` gives way to one that is. Raises `StoreError`;
        then nothing of the report is stored.
        """
        ...

    def standing(self, source: str, at: datetime) -> Standing:
        """Where the source stands at that instant. Raises `StoreError`."""
        ...

    def close(self) -> None:
        """Let go of the store. Closing twice is closing once."""
        ...
