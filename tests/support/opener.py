"""A process of its own that opens a store, to be killed while it brings the database up to date.

python -m tests.support.opener DATABASE; prints each journal event at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from adapters.memory.runtime import MemoryClock
from adapters.sqlite.store import SqliteStore
from ports.journal import Level
from tests.support.builders import NOON


class _Speaking:
    def record(self, level: Level, event: str, **fields: object) -> None:
        sys.stdout.write(f"{event}\n")
        sys.stdout.flush()


def main(path: str) -> None:
    store = SqliteStore(Path(path), journal=_Speaking(), clock=MemoryClock(NOON))
    store.open()
    sys.stdout.write("open\n")
    sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
