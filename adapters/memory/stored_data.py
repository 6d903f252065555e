"""Readers of a store in memory: history, exported rows, ledger, measurements; and the baselines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, tzinfo
from itertools import pairwise

import attrs

from adapters.memory.store import MemoryStore
from domain.cycle import (
    PASSING_CAUSES,
    Cause,
    Collected,
    Deferred,
    Failed,
    LedgerEntry,
)
from domain.errors import BaselineExists
from domain.gaps import is_of_wrong_clock
from domain.history.coverage import UNKNOWN, Absence, in_a_row
from domain.history.export import Row, Selection
from domain.history.ledger import LedgerRow
from domain.history.series import Resolution, Summary, begin_of, combine
from domain.measurements import Baseline, ReadCost
from domain.reading import Quantity, Reading
from domain.schedule import slots_between
from ports.stored_data import KnownDevice, SourceRecord


class MemoryBaselines:
    """Baselines in memory, by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Baseline] = {}

    def save(self, baseline: Baseline, *, replace: bool = False) -> None:
        if baseline.name in self._by_name and not replace:
            raise BaselineExists(f"there is a baseline {baseline.name} already. Replace it with --replace")
        self._by_name[baseline.name] = baseline

    def find(self, name: str) -> Baseline | None:
        return self._by_name.get(name)

    def all(self) -> Sequence[Baseline]:
        return sorted(self._by_name.values(), key=lambda one: (one.captured_at, one.name))

    def remove(self, name: str) -> bool:
        return self._by_name.pop(name, None) is not None


class MemoryHistory:
    """The history of a memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()

    def newest(self, until: datetime | None = None) -> Sequence[Reading]:
        newest: dict[str, Reading] = {}
        for reading in self._store.readings.values():
            if until is not None and reading.collected_at > until:
                continue
            present = newest.get(reading.device_id)
            if present is None or present.collected_at < reading.collected_at:
                newest[reading.device_id] = reading
        return sorted(newest.values(), key=lambda reading: (reading.location, reading.device_id))

    def series(self, device_id: str, quantity: Quantity, since: datetime) -> Sequence[tuple[datetime, float]]:
        return sorted(
            (reading.collected_at, reading.values[quantity])
            for reading in self._store.readings.values()
            if reading.device_id == device_id and reading.collected_at >= since and quantity in reading.values
        )

    def values(
        self, device_id: str, since: datetime, until: datetime
    ) -> Mapping[Quantity, Sequence[tuple[datetime, float]]]:
        found = {
            quantity: [point for point in self.series(device_id, quantity, since) if point[0] <= until]
            for quantity in Quantity
        }
        return {quantity: points for quantity, points in found.items() if points}

    def anomalies(self, device_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return sorted(
            reading.collected_at
            for reading in self._store.readings.values()
            if reading.device_id == device_id
            and reading.is_anomalous
            and since <= reading.collected_at <= until
        )

    def first(self) -> datetime | None:
        instants: dict[str, list[datetime]] = {}
        for reading in self._store.readings.values():
            instants.setdefault(reading.device_id, []).append(reading.collected_at)
        return min((_first(sorted(each)) for each in instants.values()), default=None)

    def hours(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime
    ) -> Sequence[Summary]:
        first = begin_of(since, Resolution.HOUR, UTC)
        return [
            one for one in self._parts(device_id, quantity, first, Resolution.HOUR, UTC) if one.at < until
        ]

    def days(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        first = begin_of(since, Resolution.DAY, zone)
        return [
            one for one in self._parts(device_id, quantity, first, Resolution.DAY, zone) if one.at <= until
        ]

    def weeks(
        self, device_id: str, quantity: Quantity, since: datetime, until: datetime, zone: tzinfo
    ) -> Sequence[Summary]:
        first = begin_of(since, Resolution.WEEK, zone)
        return [
            one for one in self._parts(device_id, quantity, first, Resolution.WEEK, zone) if one.at <= until
        ]

    def backlog(self) -> int:
        return 0

    def _parts(
        self, device_id: str, quantity: Quantity, since: datetime, resolution: Resolution, zone: tzinfo
    ) -> Sequence[Summary]:
        parts = [
            Summary(at=instant, low=value, high=value, total=value, count=1)
            for instant, value in self.series(device_id, quantity, since)
        ]
        return combine(parts, resolution, zone)

    def newest_id(self) -> int:
        return len(self._store.readings)


class MemoryExportedRows:
    """The readings of a memory store, row by row."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def devices(self) -> Mapping[str, str]:
        newest = MemoryHistory(self._store).newest()
        return {reading.device_id: reading.location for reading in newest}

    def count(self, selection: Selection) -> int:
        return len(list(self.rows(selection)))

    def rows(self, selection: Selection) -> Iterator[Row]:
        for reading in sorted(self._store.readings.values(), key=lambda one: one.collected_at):
            at, reachable, observed = reading.collected_at, reading.is_reachable, reading.observed_at
            if (
                (selection.since is None or at >= selection.since)
                and (selection.until is None or at < selection.until)
                and (not selection.device_ids or reading.device_id in selection.device_ids)
                and reading.device_id not in selection.without
                and (
                    selection.has_all_quantities
                    or set(selection.quantities) & {*reading.values, *reading.other_values}
                )
            ):
                yield (
                    *(at.isoformat(), reading.device_id, reading.location, reading.kind.value),
                    *map(reading.values.get, selection.quantities),
                    *(reading.battery_percent, None if reachable is None else int(reachable)),
                    *(int(reading.is_anomalous), None if observed is None else observed.isoformat()),
                    json.dumps(reading.other_values) if reading.other_values else None,
                )


_STATES = {Collected: "stored", Failed: "failed", Deferred: "deferred"}


class MemoryLedger:
    """The ledger of a memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        by_source: dict[str, list[LedgerEntry]] = {}
        for entry in self._store.ledger.values():
            if entry.due.scheduled:
                by_source.setdefault(entry.due.source, []).append(entry)
        return [self._record(source, entries, since, until) for source, entries in sorted(by_source.items())]

    def absences(self, since: datetime, until: datetime) -> Sequence[Absence]:
        found = []
        for entry in sorted(self._store.ledger.values(), key=lambda one: (one.due.source, one.due.slot)):
            due = entry.due
            if not due.scheduled or not since <= due.slot < until:
                continue
            whole = Absence(
                source=due.source, device_id=None, slot=due.slot, interval_s=due.interval_s, cause=""
            )
            if isinstance(entry, Collected):
                found += [
                    attrs.evolve(whole, device_id=one.device_id, cause=one.cause.value, detail=one.detail)
                    for one in entry.unread
                ]
            else:
                detail = entry.detail if isinstance(entry, Failed) else ""
                found.append(attrs.evolve(whole, cause=entry.cause.value, detail=detail))
        return in_a_row(found)

    def unexplained(self, since: datetime, until: datetime) -> Sequence[Absence]:
        present = {(device_id.lower(), slot) for device_id, slot in self._store.readings}
        unaccounted = Counter(slot for _, slot in present)
        for one in self._store.ledger.values():
            unaccounted[one.due.slot] -= len(one.readings) if isinstance(one, Collected) else 0
        found = list(self._without_row(since, until))
        for entry in self._store.ledger.values():
            due = entry.due
            if not isinstance(entry, Collected) or not due.scheduled or not since <= due.slot < until:
                continue
            named = {one.device_id.lower() for one in entry.unread}
            found += [
                Absence(
                    source=due.source,
                    device_id=one.device_id,
                    slot=due.slot,
                    interval_s=due.interval_s,
                    cause=UNKNOWN if unaccounted[due.slot] < 0 else Cause.NOT_LISTED.value,
                )
                for one in self.devices()
                if one.source == due.source
                and one.first_slot <= due.slot
                and (one.device_id.lower(), due.slot) not in present
                and one.device_id.lower() not in named
            ]
        return in_a_row(found)

    def rows(self, since: datetime, until: datetime) -> Iterator[LedgerRow]:
        for entry in sorted(self._store.ledger.values(), key=lambda one: (one.due.source, one.due.slot)):
            due = entry.due
            if since <= due.slot < until:
                yield LedgerRow(
                    source=due.source,
                    slot=due.slot,
                    interval_s=due.interval_s,
                    is_planned=due.scheduled,
                    state=_state(entry),
                    cause="" if isinstance(entry, Collected) else entry.cause.value,
                    detail=entry.detail if isinstance(entry, Failed) else "",
                    readings=len(entry.readings) if isinstance(entry, Collected) else 0,
                    unread={one.device_id: (one.cause.value, one.detail) for one in entry.unread},
                )

    def devices(self) -> Sequence[KnownDevice]:
        known: dict[str, KnownDevice] = {}
        for entry in sorted(self._store.ledger.values(), key=lambda one: one.due.slot):
            for reading in entry.readings if isinstance(entry, Collected) else ():
                first = known.get(reading.device_id)
                known[reading.device_id] = KnownDevice(
                    device_id=reading.device_id,
                    source=entry.due.source,
                    first_slot=entry.due.slot if first is None else first.first_slot,
                )
        return [known[device_id] for device_id in sorted(known)]

    def _without_row(self, since: datetime, until: datetime) -> Iterator[Absence]:
        """Yield the slots of the span that lie between two rows of a source and have none."""
        dues = sorted(
            (one.due for one in self._store.ledger.values() if one.due.scheduled and one.due.slot < until),
            key=lambda due: (due.source, due.slot),
        )
        for before, due in pairwise(dues):
            is_gap = before.source == due.source and not is_of_wrong_clock(before.slot, due.slot)
            for slot in slots_between(before.slot, due.slot, due.interval_s) if is_gap else ():
                if slot >= since:
                    yield Absence(
                        source=due.source,
                        device_id=None,
                        slot=slot,
                        interval_s=due.interval_s,
                        cause=UNKNOWN,
                    )

    def _record(
        self, source: str, entries: list[LedgerEntry], since: datetime, until: datetime
    ) -> SourceRecord:
        past = [entry for entry in entries if entry.due.slot <= until]
        newest = max(past or entries, key=lambda entry: entry.due.slot)
        recent = [entry for entry in past if entry.due.slot >= since]
        measured = [
            one
            for one in self._store.measurements.values()
            if one.source == source and since <= one.slot <= until
        ]
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
            mended=sum(one.succeeded and one.attempts > 1 for one in measured),
            unmended=sum(isinstance(entry, Failed) and entry.cause in PASSING_CAUSES for entry in recent),
        )


def _state(entry: LedgerEntry) -> str:
    return _STATES.get(type(entry), "missed")


class MemoryMeasurements:
    """The measurements of a memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def between(self, since: datetime, until: datetime) -> Sequence[ReadCost]:
        found = [one for one in self._store.measurements.values() if since <= one.slot < until]
        return sorted(found, key=lambda one: (one.slot, one.source))


def _first(instants: Sequence[datetime]) -> datetime:
    """Return the first of the sorted instants that a right clock has shown."""
    starts = [two for one, two in pairwise(instants) if is_of_wrong_clock(one, two)]
    return starts[-1] if starts else instants[0]
