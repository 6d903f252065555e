"""The program's own record of what it did, for the person who runs it."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Level(IntEnum):
    """How much a record matters; the numbers are those of the standard library's logging."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Journal(Protocol):
    """One line a record. Never raises, never waits: a journal in trouble costs no reading."""

    def record(self, level: Level, event: str, **fields: object) -> None:
        """Write one event with its fields; secrets among them are blotted out."""
        ...
