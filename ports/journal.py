"""The program's log, for the person who runs it."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol


class Level(IntEnum):
    """The importance of a record; the numbers are those of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Journal(Protocol):
    """Writes one line a record. Never raises and never waits: a journal in trouble costs no reading."""

    def record(self, level: Level, event: str, **fields: object) -> None:
        """Log one event with its fields, without secrets."""
        ...
