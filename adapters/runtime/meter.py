"""A meter that keeps the newest operations until they are drained."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.measurements import Operation
from ports.clock import Clock
from ports.meter import Tally

_KEPT = 10_000  # a meter that is never drained must not grow for years


class SystemMeter:
    """Safe in threads without a lock: each operation has its own tally, and a deque appends atomically."""

    def __init__(
        self, clock: Clock, *, kept: int = _KEPT, process_time: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._process_time = process_time
        self._ended: deque[Operation] = deque(maxlen=kept)

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:
        tally, began_s, succeeded = Tally(), self._clock.elapsed_s(), False
        try:
            yield tally
            succeeded = True
        finally:
            self._ended.append(
                Operation(
                    operation=operation,
                    source=source,
                    duration_s=self._clock.elapsed_s() - began_s,
                    wire_bytes=tally.wire_bytes,
                    payload_bytes=tally.payload_bytes,
                    strategy=tally.strategy,
                    succeeded=succeeded,
                )
            )

    def drain(self) -> tuple[Operation, ...]:
        drained = []
        while self._ended:
            drained.append(self._ended.popleft())
        return tuple(drained)

    def cpu_s(self) -> float:
        return self._process_time()
