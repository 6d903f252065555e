"""A meter without a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import attrs

from domain.baseline import Measurement
from ports.clock import Clock
from ports.meter import Tally


class MemoryMeter:
    """Keeps all measurements until they are drained. `worked_s` is what the processors have worked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ended: list[Measurement] = []
        self.worked_s = 0.0

    def measuring(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        return self._measuring(operation, source, self._clock.elapsed_s)

    def measuring_work(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        return self._measuring(operation, source, lambda: self.worked_s)

    @contextmanager
    def _measuring(self, operation: str, source: str, seconds: Callable[[], float]) -> Iterator[Tally]:
        began_s = seconds()
        begun = Measurement(operation=operation, source=source, began_at=self._clock.now(), duration_s=0.0)
        tally = Tally()
        try:
            yield tally
        except BaseException:
            self._end(begun, seconds() - began_s, tally, succeeded=False)
            raise
        self._end(begun, seconds() - began_s, tally, succeeded=tally.succeeded)

    def drain(self) -> tuple[Measurement, ...]:
        with self._lock:
            ended, self._ended = self._ended, []
        return tuple(ended)

    def _end(self, begun: Measurement, duration_s: float, tally: Tally, *, succeeded: bool) -> None:
        ended = attrs.evolve(
            begun,
            duration_s=duration_s,
            wire_bytes=tally.wire_bytes,
            payload_bytes=tally.payload_bytes,
            succeeded=succeeded,
        )
        with self._lock:
            self._ended.append(ended)
