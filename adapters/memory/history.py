"""The history of a memory store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.memory.store import MemoryStore
from domain.reading import Quantity, Reading


class MemoryHistory:
    """Reads what the store holds at the moment of the call."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        newest: dict[str, Reading] = {}
        for reading in self._store.readings.values():
            if until is not None and reading.collected_at > until:
                continue
            present = newest.get(reading.device_id)
            if present is None or present.collected_at < reading.collected_at:
                newest[reading.device_id] = reading
        return sorted(newest.values(), key=lambda reading: (reading.location, reading.device_id))

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        return sorted(
            (reading.collected_at, reading.values[quantity])
            for reading in self._store.readings.values()
            if reading.device_id == device_id and reading.collected_at >= since and quantity in reading.values
        )
