"""What every cycle does, and every command looks up, costs the same however long a home has collected."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.connection import connect_for_reading
from adapters.sqlite.history import queries as reading
from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import SqliteHistory
from adapters.sqlite.store import SqliteStore
from domain.reading import Quantity
from tests.support.grown_home import append_in_bulk, device_of, report_of, slot_of

SENSORS = 20
SHORT, LONG = 1_000, 5_000  # cycles: 20,000 readings and 100,000
CYCLES = 60  # in which each leaf of an index is split once
PAGE_BYTES, FRAME_HEADER_BYTES = 4096, 24
# a leaf of each sensor in each of two indexes, as much again where they are split, and one of each other tree
PAGES = 3 * SENSORS + 12
# a monitor of the earlier program, with its times without a zone
INSERT_NAIVE = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO readings (timestamp, device_id, location, device_type)
SELECT strftime('%Y-%m-%dT%H:%M:%S', 1700000000 + 300 * i, 'unixepoch'), 'alexa:a', 'Bad', 'alexa_aqm' FROM n
"""
BIG = ("readings", "outcomes", "source_measurements", "checksums")


class Home:
    """A home that has collected so many cycles, with a store that is open; counts what SQLite does."""

    def __init__(self, path: Path, cycles: int) -> None:
        append_in_bulk(path, range(cycles), SENSORS)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(INSERT_NAIVE, (cycles,))
            connection.commit()
        self.path, self.cycles = path, cycles
        self.clock = MemoryClock(slot_of(cycles) + timedelta(seconds=2))
        self.store = SqliteStore(path, journal=MemoryJournal(), clock=self.clock)
        self.store.open()
        for _ in range(2):  # devices and measurements are there then
            self.append()
        self.statements: list[str] = []
        self._steps = 0

    @property
    def connection(self) -> sqlite3.Connection:
        assert self.store._connection is not None
        return self.store._connection

    def append(self) -> None:
        self.store.append(report_of(self.cycles, SENSORS))
        self.cycles += 1
        self.clock.advance(300)

    def watch(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.set_trace_callback(self.statements.append)
        connection.set_progress_handler(self._count, 1)
        return connection

    def steps(self, call: Callable[[], object]) -> int:
        """What SQLite does for it, in instructions of its own."""
        before = self._steps
        call()
        return self._steps - before

    def _count(self) -> int:
        self._steps += 1
        return 0


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Home]]:
    folder = tmp_path_factory.mktemp("homes")
    made = [Home(folder / f"{cycles}.db", cycles) for cycles in (SHORT, LONG)]
    yield made
    for home in made:
        home.store.close()


@pytest.mark.proof
def test_a_cycle_writes_no_more_pages_into_a_long_home(homes: Sequence[Home]) -> None:
    short, long = (statistics.mean([_pages(home) for _ in range(CYCLES)]) for home in homes)
    assert short <= PAGES
    assert long <= short + 3


def _pages(home: Home) -> int:
    home.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    home.append()
    size_bytes = home.path.with_name(f"{home.path.name}-wal").stat().st_size
    return size_bytes // (PAGE_BYTES + FRAME_HEADER_BYTES)


def test_queries_and_cycles_cost_no_more_in_a_long_home(
    homes: Sequence[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = [_costs(home, monkeypatch) for home in homes]
    for work in costs[0]:
        short, long = (cost[work] for cost in costs)
        assert short > 0, work
        assert long <= 1.1 * short, work


def _costs(home: Home, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    def watched(path: Path, *, busy_timeout_ms: int) -> sqlite3.Connection:
        return home.watch(connect_for_reading(path, busy_timeout_ms=busy_timeout_ms))

    home.watch(home.connection)
    now = home.clock.now()
    history, ledger = SqliteHistory(home.path), SqliteLedger(home.path)
    day = now - timedelta(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "connect_for_reading", watched)
        return {
            "a cycle": home.steps(home.append),
            "progress of a source": home.steps(lambda: home.store.progress("hue", now)),
            "the newest readings": home.steps(history.newest),
            "a day": home.steps(lambda: history.series(device_of(7), Quantity.TEMPERATURE, day)),
            "the ledger": home.steps(lambda: ledger.records(day, now)),
        }


def test_no_statement_scans_a_whole_table(homes: Sequence[Home], monkeypatch: pytest.MonkeyPatch) -> None:
    home = homes[0]
    _costs(home, monkeypatch)
    asked = [
        one for one in home.statements if one.lstrip().split(" ")[0] in ("SELECT", "WITH", "INSERT", "UPDATE")
    ]
    assert len(asked) > 50
    with closing(sqlite3.connect(home.path)) as connection:
        plans = {one: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")] for one in asked}
    scans = {
        (one, step)
        for one, plan in plans.items()
        for step in plan
        if step.startswith(tuple(f"SCAN {n}" for n in BIG))
    }
    assert scans == set()
