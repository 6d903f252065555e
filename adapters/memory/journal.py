"""A journal kept in a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from domain.values import frozen
from ports.journal import Level


@frozen(kw_only=True)
class Record:
    """One event of the journal, as it was told."""

    level: Level
    event: str
    fields: Mapping[str, object]


class MemoryJournal:
    """Keeps every record, oldest first; a field with a secret in it is kept as text without the secret."""

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self.records: list[Record] = []
        self._redact = redact

    def record(self, level: Level, event: str, **fields: object) -> None:
        safe_fields = {name: self._without_secrets(value) for name, value in fields.items()}
        self.records.append(Record(level=level, event=self._redact(event), fields=safe_fields))

    def _without_secrets(self, value: object) -> object:
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - the contract: a journal never raises
            return f"<unprintable {type(value).__name__}>"
        redacted = self._redact(text)
        return value if redacted == text else redacted

    def events(self) -> tuple[str, ...]:
        """The names of the events, oldest first."""
        return tuple(record.event for record in self.records)

    def of(self, event: str) -> tuple[Record, ...]:
        """The records of that event, oldest first."""
        return tuple(record for record in self.records if record.event == event)
