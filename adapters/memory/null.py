"""A journal and a meter that keep nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from domain.measurements import Operation
from ports.journal import Level
from ports.meter import Tally


class NullJournal:
    """Drops all records."""

    def record(self, level: Level, event: str, **fields: object) -> None:
        pass


class NullMeter:
    """Measures nothing."""

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:  # noqa: ARG002
        yield Tally()

    def drain(self) -> tuple[Operation, ...]:
        return ()

    def cpu_s(self) -> float:
        return 0.0
