"""Measures what operations cost, while they happen."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import attrs

from domain.measurements import Measurement


@attrs.define
class Tally:
    """What the measured code says itself: bytes, on the wire and unpacked, and whether it did well."""

    wire_bytes: int = 0
    payload_bytes: int = 0
    succeeded: bool = True


class Meter(Protocol):
    """Any number of measurements at once, from threads and tasks, stay apart."""

    def measuring(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        """Measure the duration of the block; an exception passes through and marks the measurement."""
        ...

    def measuring_work(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        """The same for what the processors worked meanwhile, for any thread of this process, in seconds."""
        ...

    def drain(self) -> tuple[Measurement, ...]:
        """The measurements that ended since the last call, oldest first. They are handed over once."""
        ...
