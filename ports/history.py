"""What was stored, read back for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.reading import Quantity, Reading


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
