"""Baselines for tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from adapters.memory.runtime import MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.sqlite.baselines import SqliteBaselines
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.opening import Opening
from domain.measurements import Baseline, Figure, Kind
from tests.support.builders import NOON


def a_baseline(
    name: str = "before", samples: Mapping[Figure, tuple[float, ...]] | None = None, **circumstances: str
) -> Baseline:
    return Baseline(
        name=name,
        captured_at=NOON,
        first_at=NOON,
        last_at=NOON,
        cycles=12,
        left_out=1,
        circumstances=circumstances,
        samples=samples or {Figure(Kind.CYCLE_S, "hue"): (0.25,) * 12},
    )


@contextmanager
def sqlite_baselines(path: Path) -> Iterator[SqliteBaselines]:
    """Those in the database at the path."""
    opening = Opening(
        path=path,
        is_simulated=False,
        busy_timeout_ms=1000,
        wal_checkpoint_pages=1000,
        journal=MemoryJournal(),
        clock=SystemClock(),
    )
    with closing(DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1.0)) as lock:
        yield SqliteBaselines(opening=opening, lock=lock)
