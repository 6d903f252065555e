"""A meter without a limit, on whichever clock it is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from domain.baseline import Measurement
from ports.clock import Clock
from ports.meter import Tally


class MemoryMeter:
    """Keeps all measurements until they are drained."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended: list[Measurement] = []

    @contextmanager
    def measuring(self, operation: str, source: str) -> Iterator[Tally]:
        tally, began_at, began_s = Tally(), self._clock.now(), self._clock.elapsed_s()
        succeeded = False
        try:
            yield tally
            succeeded = True
        finally:
            self._ended.append(
                Measurement(
                    operation=operation,
                    source=source,
                    began_at=began_at,
                    duration_s=self._clock.elapsed_s() - began_s,
                    wire_bytes=tally.wire_bytes,
                    payload_bytes=tally.payload_bytes,
                    succeeded=succeeded,
                )
            )

    def drain(self) -> tuple[Measurement, ...]:
        ended, self._ended = self._ended, []
        return tuple(ended)
