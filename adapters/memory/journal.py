"""A journal kept in a list."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ports.journal import Level


@attrs.frozen(kw_only=True)
class Record:
    """One event of the journal, as it was told."""

    level: Level
    event: str
    fields: Mapping[str, object]


class MemoryJournal:
    """Keeps every record, oldest first. Its readers are tests, so nothing is blotted out."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def record(self, level: Level, event: str, **fields: object) -> None:
        self.records.append(Record(level=level, event=event, fields=fields))

    def events(self) -> tuple[str, ...]:
        """The names of the events, oldest first."""
        return tuple(record.event for record in self.records)

    def of(self, event: str) -> tuple[Record, ...]:
        """The records of that event, oldest first."""
        return tuple(record for record in self.records if record.event == event)
