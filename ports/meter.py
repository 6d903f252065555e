"""Measures what operations cost, while they run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import attrs

from domain.measurements import Operation


@attrs.define
class Tally:
    """What the measured code counts itself: bytes before and after decompression, and how it read."""

    wire_bytes: int = 0
    payload_bytes: int = 0
    strategy: str = ""


class Meter(Protocol):
    """Keeps any number of measurements apart, from threads and tasks. Never blocks."""

    def measuring(self, operation: str, source: str) -> AbstractContextManager[Tally]:
        """Measure the block; an exception passes through and marks the operation as failed."""
        ...

    def drain(self) -> tuple[Operation, ...]:
        """Return the operations that ended since the last call, oldest first, each of them once."""
        ...

    def cpu_s(self) -> float:
        """Return the CPU time of all threads of this process, in seconds."""
        ...
