"""Measures operations and keeps the newest measurements until somebody takes them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from domain.measurements import Measurement
from ports.clock import Clock
from ports.meter import Tally

_KEPT = 10_000  # when nobody drains the meter, it must not grow for years


class SystemMeter:
    """Safe in threads without a lock: each measurement has its own tally, and a deque appends atomically."""

    def __init__(
        self, clock: Clock, kept: int = _KEPT, worked_s: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._worked_s = worked_s
        self._ended: deque[Measurement] = deque(maxlen=kept)

    def measuring(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        return self._measuring(operation, source, self._clock.elapsed_s)

    def measuring_work(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        return self._measuring(operation, source, self._worked_s)

    @contextmanager
    def _measuring(self, operation: str, source: str, seconds: Callable[[], float]) -> Iterator[Tally]:
        tally, began_at, began_s = Tally(), self._clock.now(), seconds()
        succeeded = False
        try:
            yield tally
            succeeded = tally.succeeded
        finally:
            measurement = Measurement(
                operation=operation,
                source=source,
                began_at=began_at,
                duration_s=seconds() - began_s,
                wire_bytes=tally.wire_bytes,
                payload_bytes=tally.payload_bytes,
                succeeded=succeeded,
            )
            self._ended.append(measurement)

    def drain(self) -> tuple[Measurement, ...]:
        drained = []
        while self._ended:
            drained.append(self._ended.popleft())
        return tuple(drained)
