"""The ledger of a memory store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from adapters.memory.store import MemoryStore
from domain.baseline import Measurement
from domain.outcome import PASSING_CAUSES, Collected, Deferred, Failed, LedgerEntry
from ports.ledger import SourceRecord

_STATES = {Collected: "stored", Failed: "failed", Deferred: "deferred"}


class MemoryLedger:
    """Reads what the store holds at the moment of the call."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        by_source: dict[str, list[LedgerEntry]] = {}
        for entry in self._store.ledger.values():
            if entry.due.scheduled:
                by_source.setdefault(entry.due.source, []).append(entry)
        return [self._record(source, entries, since, until) for source, entries in sorted(by_source.items())]

    def _record(
        self, source: str, entries: list[LedgerEntry], since: datetime, until: datetime
    ) -> SourceRecord:
        believed = [entry for entry in entries if entry.due.slot <= until]
        newest = max(believed or entries, key=lambda entry: entry.due.slot)
        recent = [entry for entry in believed if entry.due.slot >= since]
        measured = [one for one in self._store.measurements.values() if one.source == source]
        reads = [
            one
            for one in measured
            if one.operation == "source.read" and one.succeeded and since <= one.began_at <= until
        ]
        failed = [one for one in measured if one.operation == "source.attempt" and not one.succeeded]
        return SourceRecord(
            source=source,
            slot=newest.due.slot,
            ahead=max((entry.due.slot for entry in entries if entry.due.slot > until), default=None),
            state=_state(newest),
            cause=None if isinstance(newest, Collected) else newest.cause.value,
            detail=newest.detail if isinstance(newest, Failed) else None,
            readings=len(newest.readings) if isinstance(newest, Collected) else 0,
            unread=len(newest.unread),
            slots=Counter(map(_state, recent)),
            mended=sum(any(_is_within(one, read) for one in failed) for read in reads),
            unmended=sum(isinstance(entry, Failed) and entry.cause in PASSING_CAUSES for entry in recent),
        )


def _state(entry: LedgerEntry) -> str:
    return _STATES.get(type(entry), "missed")


def _is_within(attempt: Measurement, read: Measurement) -> bool:
    return read.began_at <= attempt.began_at <= read.began_at + timedelta(seconds=read.duration_s)
