"""A process that appends until a file may not grow any more, and once more when it may.

python -m tests.support.appender_at_a_limit DATABASE

Says how many cycles are stored, and what the limit was called.
"""

from __future__ import annotations

import resource
import sys
from datetime import timedelta
from pathlib import Path

from domain.cycle import CycleReport
from domain.errors import StoreError
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store

_LIMIT_BYTES = 400_000


def main(path: str) -> None:
    store = a_store(Path(path))
    store.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT_BYTES, hard))
    stored, refusal = 0, ""
    while not refusal:
        try:
            store.append(_cycle(stored))
            stored += 1
        except StoreError as error:
            refusal = type(error).__name__
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.append(_cycle(stored))
    store.close()
    sys.stdout.write(f"{stored + 1}\n{refusal}\n")


def _cycle(number: int) -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading(collected_at=slot, raw_response="x" * 3000), due=a_due(slot=slot)))


if __name__ == "__main__":
    main(*sys.argv[1:])
