"""The measurements of a memory store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from adapters.memory.store import MemoryStore
from domain.baseline import Measurement


class MemoryMeasurements:
    """Reads what the store holds at the moment of the call."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def between(self, since: datetime, until: datetime) -> Sequence[Measurement]:
        found = [one for one in self._store.measurements.values() if since <= one.began_at < until]
        return sorted(found, key=lambda one: (one.began_at, one.operation, one.source))
