"""Measures operations and keeps the newest measurements until somebody takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from domain.baseline import Measurement
from ports.clock import Clock
from ports.meter import Tally

_KEPT = 10_000  # when nobody drains the meter, it must not grow for years


class SystemMeter:
    """Safe in threads without a lock: each measurement has its own tally, and a deque appends atomically."""

    def __init__(self, clock: Clock, kept: int = _KEPT) -> None:
        self._clock = clock
        self._ended: deque[Measurement] = deque(maxlen=kept)

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:
        tally, began_at, began_s = Tally(), self._clock.now(), self._clock.elapsed_s()
        succeeded = False
        try:
            yield tally
            succeeded = True
        finally:
            measurement = Measurement(
                operation=operation,
                source=source,
                began_at=began_at,
                duration_s=self._clock.elapsed_s() - began_s,
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
