"""Coverage: where a series has no reading, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import attrs

from domain.cycle import DEVICE_CAUSES, Cause
from domain.history.series import Span

# No words of the ledger.
NO_CYCLE = "no_cycle"  # there is no row
UNKNOWN = "unknown"  # a row of the ledger is not there, or a reading that it counts
WAITING = "waiting"  # the cycle is in the spool
_NOT_OURS = frozenset(
    {
        *(DEVICE_CAUSES - {Cause.OUT_OF_RANGE}),
        Cause.NETWORK,
        Cause.THROTTLED,
        Cause.CREDENTIALS,
        Cause.REFUSED,
        Cause.GARBLED,
        Cause.OUT_OF_TIME,
        Cause.ASLEEP,
        Cause.CLOCK_STEPPED,
        WAITING,
    }
)
_STALE_AFTER = timedelta(minutes=30)


@attrs.frozen(kw_only=True)
class Absence:
    """Planned slots of a source in a row, from `slot` on, without readings of all its devices.

    `device_id` is the device that has no reading for `cause`; None means every device of the source.
    """

    source: str
    device_id: str | None
    slot: datetime
    interval_s: int
    cause: str
    detail: str = ""
    slots: int = 1

    @property
    def end(self) -> datetime:
        return self.slot + timedelta(seconds=self.slots * self.interval_s)

    def slots_between(self, since: datetime, until: datetime) -> int:
        """Return how many of the slots are from `since` to before `until`."""
        return max(0, self._slots_before(until) - self._slots_before(since))

    def _slots_before(self, instant: datetime) -> int:
        before = -((self.slot - instant) // timedelta(seconds=self.interval_s))
        return min(self.slots, max(0, before))


@attrs.frozen(kw_only=True)
class Coverage:
    """How many readings of a device were expected in a time, and how many are missing, by cause."""

    expected: int
    missing: Mapping[str, int]

    @property
    def stored(self) -> int:
        return max(0, self.expected - sum(self.missing.values()))

    @property
    def lost(self) -> int:
        """How many are missing because of the collector itself."""
        return sum(slots for cause, slots in self.missing.items() if is_lost(cause))

    @property
    def share(self) -> float | None:
        """The stored share of the expected ones, from 0 to 1; None if none was expected."""
        return self.stored / self.expected if self.expected else None


@attrs.frozen(kw_only=True)
class SeriesGap:
    """Slots in a row without readings for one cause: of a device, or of a source and all its devices."""

    source: str
    device_id: str | None
    begin: datetime
    end: datetime
    cause: str
    detail: str = ""


def is_lost(cause: str) -> bool:
    """Return whether the collector itself is the reason for a gap, and not source, device or machine.

    A reading that was not handed over is no loss. A collector that did not run, failed or cannot name a cause
    has lost one: so has every cause that is not listed here.
    """
    return cause not in _NOT_OURS


def coverage_of(
    absences: Iterable[Absence],
    *,
    device_id: str,
    source: str,
    slots: int,
    first_slot: datetime,
    until: datetime,
) -> Coverage:
    """Return the coverage of a device that is expected in that many slots, from its first one to `until`."""
    causes = Counter[str]()
    for one in absences:
        if one.source == source and one.device_id in (None, device_id):
            causes[one.cause] += one.slots_between(first_slot, until)
    return Coverage(expected=slots, missing=+causes)


def total_coverage(parts: Iterable[Coverage]) -> Coverage:
    """Return the coverage of several devices together."""
    expected, missing = 0, Counter[str]()
    for part in parts:
        expected += part.expected
        missing.update(part.missing)
    return Coverage(expected=expected, missing=missing)


def unwritten(source: str, newest: datetime, span: Span, interval: timedelta) -> Iterator[Absence]:
    """Yield the slots of the span since the newest one of the source: nothing has collected since then."""
    slot = newest + 2 * interval  # the next one may be in progress
    if slot < span.until:
        slot -= interval
    if slot < span.since:
        slot += -((slot - span.since) // interval) * interval
    if slot < span.until:
        yield Absence(
            source=source,
            device_id=None,
            slot=slot,
            interval_s=round(interval.total_seconds()),
            cause=NO_CYCLE,
            slots=-((slot - span.until) // interval),
        )


def with_waiting(absence: Absence, waiting: AbstractSet[datetime]) -> Iterator[Absence]:
    """Yield the absence in parts: those of its slots whose cycles wait to be stored have that cause."""
    if not waiting:
        yield absence
        return
    step = timedelta(seconds=absence.interval_s)
    slots = (absence.slot + number * step for number in range(absence.slots))
    one = attrs.evolve(absence, slots=1)
    yield from in_a_row(
        attrs.evolve(one, slot=slot, cause=WAITING if slot in waiting else absence.cause) for slot in slots
    )


def stale_from(collected_at: datetime, interval: timedelta) -> datetime:
    """Return when a newest reading no longer counts as current."""
    return collected_at + max(_STALE_AFTER, 3 * interval)


def in_a_row(absences: Iterable[Absence]) -> Sequence[Absence]:
    """Join absences that follow each other and are otherwise alike; sort by source and slot."""
    joined: list[Absence] = []
    newest: dict[tuple[str, str | None], int] = {}
    for one in sorted(absences, key=lambda absence: (absence.source, absence.slot)):
        key = (one.source, one.device_id)
        place = newest.get(key)
        if place is not None:
            present = joined[place]
            after = attrs.evolve(present, slot=one.slot, slots=one.slots)
            if present.end == one.slot and after == one:
                joined[place] = attrs.evolve(present, slots=present.slots + one.slots)
                continue
        newest[key] = len(joined)
        joined.append(one)
    return joined


def gaps_of(absences: Iterable[Absence]) -> Sequence[SeriesGap]:
    """Join absences of one device, or source, that follow each other for the same cause; sort by begin."""
    open_gaps: dict[tuple[str, str | None], SeriesGap] = {}
    closed: list[SeriesGap] = []
    for one in sorted(absences, key=lambda absence: absence.slot):
        key = (one.source, one.device_id)
        present = open_gaps.get(key)
        if present is not None and present.cause == one.cause and present.end >= one.slot:
            open_gaps[key] = attrs.evolve(present, end=max(one.end, present.end))
            continue
        if present is not None:
            closed.append(present)
        open_gaps[key] = SeriesGap(
            source=one.source,
            device_id=one.device_id,
            begin=one.slot,
            end=one.end,
            cause=one.cause,
            detail=one.detail,
        )
    return sorted(
        [*closed, *open_gaps.values()], key=lambda gap: (gap.begin, gap.source, gap.device_id or "")
    )
