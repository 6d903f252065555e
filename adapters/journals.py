"""Several journals that are told the same."""

from __future__ import annotations

from ports.journal import Journal, Level


class Journals:
    """Passes each record on to every journal."""

    def __init__(self, *journals: Journal) -> None:
        self._journals = journals

    def record(self, level: Level, event: str, **fields: object) -> None:
        for journal in self._journals:
            journal.record(level, event, **fields)
