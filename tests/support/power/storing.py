"""A process that stores cycles and prints each once it is stored, to be recorded.

python -m tests.support.power.storing DATABASE CYCLES CHECKPOINT_PAGES SYNCHRONOUS; every 40 cycles it
closes the store and opens it again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from domain.reading import Reading
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store

_DEVICES = 3
_CYCLES_AN_OPENING = 40


def main(database: str, cycles: str, checkpoint_pages: str, synchronous: str) -> None:
    for first in range(0, int(cycles), _CYCLES_AN_OPENING):
        store = a_store(Path(database), wal_checkpoint_pages=int(checkpoint_pages))
        store.open()
        if synchronous != "FULL":  # what the program never does
            assert store._connection is not None
            store._connection.execute(f"PRAGMA synchronous={synchronous}")
        for number in range(first, min(first + _CYCLES_AN_OPENING, int(cycles))):
            slot = slot_of(number)
            store.append(a_cycle(a_collected(*_readings(number), due=a_due(slot=slot))))
            os.write(1, f"{slot.isoformat()}\n".encode())
        store.close()


def slot_of(number: int) -> datetime:
    return NOON + timedelta(minutes=5 * number)


def rows_of(slots: Iterable[datetime]) -> set[tuple[str, str, float]]:
    """The rows that these cycles have: slot, device, temperature."""
    numbers = [(slot - NOON) // timedelta(minutes=5) for slot in slots]
    return {
        (slot_of(number).isoformat(), f"hue:{device}", _temperature(number, device))
        for number in numbers
        for device in range(_DEVICES)
    }


def _readings(number: int) -> list[Reading]:
    return [
        a_reading(f"hue:{device}", collected_at=slot_of(number), temperature=_temperature(number, device))
        for device in range(_DEVICES)
    ]


def _temperature(number: int, device: int) -> float:
    return 15 + (7 * number + device) % 200 / 10


if __name__ == "__main__":
    main(*sys.argv[1:])
