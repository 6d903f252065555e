"""What a commit and the usual questions take on files of more and more rows, each file in turn."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import attrs

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from tests.benchmarks.growth.costs import cost_of, median_ms, p95_ms, tell
from tests.support.grown_home import append_in_bulk, device_of, report_of, slot_of

SENSORS = 20
_A_DAY = 288
_SHORTEST = 4 * _A_DAY  # cycles of the home that counts as empty: it has the day that is asked for
_SELECT_DAY = """
SELECT timestamp, temperature_celsius FROM readings
WHERE device_id = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp
"""
_SELECT_NEWEST = (
    "SELECT timestamp, location, temperature_celsius FROM readings ORDER BY timestamp DESC LIMIT 20"
)
_PAGE_BYTES, _FRAME_BYTES = 4096, 4096 + 24

Work = Callable[[], object]


def measure(rows: Sequence[int], rounds: int) -> None:
    """Print a line a file and question: median, 95th percentile, ratio to the shortest home."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        homes = [stack.enter_context(_opened(path, cycles)) for path, cycles in _files(Path(name), rows)]
        costs: dict[str, dict[int, list[float]]] = {}
        pages: dict[int, list[float]] = {home.rows: [] for home in homes}
        for number in range(rounds + 5):
            for home in homes if number % 2 else reversed(homes):
                for what, work in home.work().items():
                    wall_s = cost_of(work).wall_s
                    if number >= 5:  # those before only warm up
                        costs.setdefault(what, {}).setdefault(home.rows, []).append(wall_s)
                pages[home.rows].append(home.pages_written())
        for what, by_rows in costs.items():
            _tell(what, by_rows)
        for count, some in pages.items():
            tell(f"pages written by a cycle at {count:>10,} rows: mean {sum(some) / len(some):.1f}")


def _tell(what: str, by_rows: Mapping[int, Sequence[float]]) -> None:
    first_ms = median_ms(by_rows[min(by_rows)])
    for count, seconds in sorted(by_rows.items()):
        tell(
            f"{what:<28} at {count:>10,} rows: median {median_ms(seconds):7.3f} ms, p95 "
            f"{p95_ms(seconds):7.3f} ms, ratio {median_ms(seconds) / first_ms:.2f}"
        )


def _files(folder: Path, rows: Sequence[int]) -> Iterator[tuple[Path, int]]:
    """One file grows; at each length a copy of it stays."""
    growing, length = folder / "growing.db", 0
    for cycles in sorted({_SHORTEST, *(count // SENSORS for count in rows)}):
        append_in_bulk(growing, range(length, cycles), SENSORS)
        length = cycles
        path = folder / f"{cycles}.db"
        shutil.copy(growing, path)  # which is in the file cache then
        tell(f"made {cycles * SENSORS:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        yield path, cycles
    growing.unlink()


@attrs.define
class _Home:
    path: Path
    cycles: int
    clock: MemoryClock
    store: SqliteStore
    asking: sqlite3.Connection
    rows: int

    def work(self) -> Mapping[str, Work]:
        """What is measured; a connection that asks is open, as people's are, and so is the store."""
        day = [slot_of(self.cycles - _A_DAY).isoformat(), slot_of(self.cycles).isoformat()]
        report = report_of(self.cycles, SENSORS)
        return {
            "a cycle and its fsync": lambda: self.store.append(report),
            "where a source stands": lambda: self.store.progress("hue", self.clock.now()),
            "the newest of each sensor": SqliteHistory(self.path).newest,
            "the newest rows": self.asking.execute(_SELECT_NEWEST).fetchall,
            "a day of a sensor": lambda: self._day(day),
        }

    def _day(self, day: Sequence[str]) -> None:
        found = self.asking.execute(_SELECT_DAY, (device_of(self.cycles % SENSORS), *day)).fetchall()
        if len(found) != _A_DAY:
            raise RuntimeError(f"{len(found)} rows of a day")

    def pages_written(self) -> int:
        """What the cycle of this round wrote; on to the next one."""
        size_bytes = self.path.with_name(f"{self.path.name}-wal").stat().st_size
        self._empty_log()
        self.cycles += 1
        self.clock.advance(300)
        return size_bytes // _FRAME_BYTES

    def _empty_log(self) -> None:
        assert self.store._connection is not None
        self.store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextmanager
def _opened(path: Path, cycles: int) -> Iterator[_Home]:
    clock = MemoryClock(slot_of(cycles) + timedelta(seconds=2))
    store = SqliteStore(path, journal=MemoryJournal(), clock=clock)
    store.open()
    asking = sqlite3.connect(path)
    home = _Home(path, cycles, clock, store, asking, cycles * SENSORS)
    home._empty_log()
    yield home
    asking.close()
    store.close()
