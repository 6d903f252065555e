"""A meter without a limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from domain.baseline import Measurement
from ports.clock import Clock
from ports.meter import Tally


class MemoryMeter:
    """Keeps all measurements until they are drained."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ended: list[Measurement] = []

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:
        began_s = self._clock.elapsed_s()
        begun = Measurement(operation=operation, source=source, began_at=self._clock.now(), duration_s=0.0)
        tally = Tally()
        try:
            yield tally
        except BaseException:
            self._end(begun, began_s, tally, succeeded=False)
            raise
        self._end(begun, began_s, tally, succeeded=True)

    def drain(self) -> tuple[Measurement, ...]:
        with self._lock:
            ended, self._ended = self._ended, []
        return tuple(ended)

    def _end(self, begun: Measurement, began_s: float, tally: Tally, *, succeeded: bool) -> None:
        ended = attrs.evolve(
            begun,
            duration_s=self._clock.elapsed_s() - began_s,
            wire_bytes=tally.wire_bytes,
            payload_bytes=tally.payload_bytes,
            succeeded=succeeded,
        )
        with self._lock:
            self._ended.append(ended)
