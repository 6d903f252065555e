"""A process that appends cycles, and prints each once it is stored.

python -m tests.support.appender DATABASE SOURCE COUNT; the count may be more than it lives for.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.store import SqliteStore
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading


def main(path: str, source: str, count: str) -> None:
    store = SqliteStore(Path(path), journal=MemoryJournal(), clock=MemoryClock(NOON))
    for number in range(int(count)):
        slot = NOON + timedelta(minutes=5 * number)
        readings = [a_reading(f"{source}:{device}", collected_at=slot) for device in range(3)]
        store.append(a_cycle(a_collected(*readings, due=a_due(source, slot))))
        sys.stdout.write(f"{slot.isoformat()}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
