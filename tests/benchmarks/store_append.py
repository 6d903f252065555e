"""What storing a cycle of 20 readings costs, with its fsync and without: ./run bench store_append.

For comparison: a bare commit of one row to a file with the same settings, and the newest readings.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from adapters.sqlite.history.queries import SqliteHistory
from domain.cycle import CycleReport
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_measurement, a_reading, an_unread
from tests.support.databases import a_store

CYCLES = 500


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "readings.db"
        store = a_store(path)
        store.open()
        connection = store._connection
        assert connection is not None
        connection.execute("CREATE TABLE bare (number INTEGER)")
        reports = iter([_report(number) for number in range(2 * CYCLES)])
        _measure("one row and its fsync", lambda: connection.execute("INSERT INTO bare VALUES (1)"))
        _measure("a cycle and its fsync", lambda: store.append(next(reports)))
        connection.execute("PRAGMA synchronous=OFF")
        _measure("a cycle without fsync", lambda: store.append(next(reports)))
        _measure("progress of a source", lambda: store.progress("hue", NOON))
        history = SqliteHistory(path)
        _measure("the newest readings", history.newest, times=50)
        store.close()


def _measure(what: str, call: Callable[[], object], times: int = CYCLES) -> None:
    durations_ms = []
    for _ in range(times):
        began_s = time.perf_counter()
        call()
        durations_ms.append((time.perf_counter() - began_s) * 1000)
    ranked = sorted(durations_ms)
    sys.stdout.write(
        f"{what:<22} median {statistics.median(ranked):7.3f} ms   least {ranked[0]:7.3f} ms"
        f"   of 100 the 99th {ranked[int(times * 0.99)]:7.3f} ms\n"
    )


def _report(number: int) -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    readings = (
        a_reading(
            f"hue:{device:02}", collected_at=slot, battery_percent=90, raw_response='{"temperature": 2150}'
        )
        for device in range(20)
    )
    collected = a_collected(*readings, due=a_due(slot=slot), unread=(an_unread(),))
    return a_cycle(collected, measurements=(a_measurement(slot),))


if __name__ == "__main__":
    main()
