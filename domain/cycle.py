"""The outcome of a cycle: one a source, and the cause of everything that is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum

import attrs

from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.measurements import ReadCost
from domain.reading import Reading, is_newer
from domain.schedule import Due, SlotRun


class Cause(StrEnum):
    """Why a reading is missing. The ledger contains these words: add, never rename."""

    # of a device, in a reply that came
    UNREACHABLE = "unreachable"
    SWITCHED_OFF = "switched_off"
    NO_VALUE = "no_value"
    NO_IDENTITY = "no_identity"  # no longer recorded; ledgers of earlier versions contain it
    NOT_LISTED = "not_listed"
    OUT_OF_RANGE = "out_of_range"
    STALE = "stale"
    # of a source that failed
    NETWORK = "network"
    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    REFUSED = "refused"
    GARBLED = "garbled"
    OUT_OF_TIME = "out_of_time"
    INTERNAL = "internal"
    # of a slot without a cycle, or whose cycle could not be kept
    NOT_STORED = "not_stored"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    ASLEEP = "asleep"
    CLOCK_STEPPED = "clock_stepped"
    OVERRUN = "overrun"


_NAMED = 5  # devices in the notes of one outcome whose readings are taken from other sources
DEVICE_CAUSES = frozenset(
    {
        Cause.UNREACHABLE,
        Cause.SWITCHED_OFF,
        Cause.NO_VALUE,
        Cause.NO_IDENTITY,
        Cause.NOT_LISTED,
        Cause.OUT_OF_RANGE,
        Cause.STALE,
    }
)
# Causes that may be over at the next attempt.
PASSING_CAUSES = frozenset({Cause.NETWORK, Cause.THROTTLED, Cause.GARBLED, Cause.OUT_OF_TIME})


def cause_of(error: Exception) -> Cause:
    """Return the ledger's cause of an error that a source raised."""
    match error:
        case SourceThrottled():
            return Cause.THROTTLED
        case CredentialsRefused() | CredentialsStale():
            return Cause.CREDENTIALS
        case SourceRefused():
            return Cause.REFUSED
        case SourceGarbled():
            return Cause.GARBLED
        case SourceUnavailable():
            return Cause.NETWORK
        case TimeoutError():
            return Cause.OUT_OF_TIME
        case _:
            return Cause.INTERNAL


@attrs.frozen(kw_only=True)
class Unread:
    """A device without a reading, and why."""

    device_id: str
    cause: Cause
    detail: str = ""


@attrs.frozen(kw_only=True)
class SourceReply:
    """The reply of a source: readings, listed devices without one, and notes for a person.

    `not_finite` counts the numbers in it that were NaN, infinite or too large. `strategy` is
    the way that the source was read, if it has several.
    """

    readings: tuple[Reading, ...]
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    not_finite: int = 0
    strategy: str = ""


@attrs.frozen(kw_only=True)
class Collected:
    """The source answered. `unread` are its devices without a reading.

    Once the cycle is stored, `readings` are those that it has stored. `already_stored` are the devices for
    which there was a reading of the slot before.
    """

    due: Due
    readings: tuple[Reading, ...]
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    already_stored: tuple[str, ...] = ()

    def as_stored(self, inserted: tuple[Reading, ...], refused: tuple[Unread, ...] = ()) -> Collected:
        """Return the outcome once these readings are inserted, and those of other devices refused."""
        if len(inserted) == len(self.readings) and not refused:
            return self
        named = {reading.device_id for reading in inserted} | {one.device_id for one in refused}
        present = tuple(one.device_id for one in self.readings if one.device_id not in named)
        notes = self.notes
        if present:
            count = "1 reading was" if len(present) == 1 else f"{len(present):,} readings were"
            notes = (*notes, f"{count} stored already")
        return attrs.evolve(
            self,
            readings=inserted,
            unread=(*self.unread, *refused),
            notes=notes,
            already_stored=present,
        )


@attrs.frozen(kw_only=True)
class Failed:
    """The source did not give a usable answer. `detail` is for a person.

    `needs_person` if it will go on failing until a person acts, since its credentials are refused for good.
    """

    due: Due
    cause: Cause
    detail: str
    unread: tuple[Unread, ...] = ()
    needs_person: bool = False


@attrs.frozen(kw_only=True)
class Deferred:
    """The source was not asked on purpose, and will not be until a later instant."""

    due: Due
    cause: Cause
    until: datetime
    unread: tuple[Unread, ...] = ()


@attrs.frozen(kw_only=True)
class Missed:
    """There was no cycle at this slot: the program did not run, or the clock jumped over it."""

    due: Due
    cause: Cause
    unread: tuple[Unread, ...] = ()


Outcome = Collected | Failed | Deferred
LedgerEntry = Outcome | Missed


def all_unread(device_ids: Iterable[str], cause: Cause) -> tuple[Unread, ...]:
    """Return all the devices, unread for that cause."""
    return tuple(Unread(device_id=device_id, cause=cause) for device_id in sorted(device_ids))


def without_duplicates(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Keep only the newest of several sources' readings of one device; note it in the other outcomes.

    A device that one source reads is not unread in another, which lists it since it was there before.
    """
    newest: dict[str, tuple[str, Reading]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Collected):
            for reading in outcome.readings:
                key = reading.device_id.lower()
                present = newest.get(key)
                if present is None or is_newer(reading, present[1]):
                    newest[key] = (outcome.due.source, reading)
    sources = {key: source for key, (source, _) in newest.items()}
    return [_without(outcome, sources) if isinstance(outcome, Collected) else outcome for outcome in outcomes]


def _without(outcome: Collected, sources: Mapping[str, str]) -> Collected:
    """Return the outcome without the devices whose reading is taken from another of the sources."""
    own, notes = outcome.due.source, []
    listed: tuple[Reading | Unread, ...] = (*outcome.readings, *outcome.unread)
    for one in listed:
        source = sources.get(one.device_id.lower(), own)
        if source != own:
            cause = f" ({one.cause.replace('_', ' ')} here)" if isinstance(one, Unread) else ""
            notes.append(f"the reading of {one.device_id}{cause} is taken from {source}")
    if not notes:
        return outcome
    if len(notes) > _NAMED:  # a whole bridge that was replaced and still runs: every cycle has the same notes
        notes[_NAMED:] = [f"and {len(notes) - _NAMED:,} more readings are taken from other sources"]
    return attrs.evolve(
        outcome,
        readings=tuple(one for one in outcome.readings if sources[one.device_id.lower()] == own),
        unread=tuple(one for one in outcome.unread if one.device_id.lower() not in sources),
        notes=(*outcome.notes, *notes),
    )


@attrs.frozen(kw_only=True)
class Gap:
    """Why slots of a source before a cycle's may have no ledger row, as far as the cycle's process knows.

    The process had to run slots from `first` on, and `last` is the newest one that it ran. `cause` is that of
    slots that it has let pass; earlier ones were `not_stored` if their readings were only in the memory of a
    process that has ended, or in a database that is lost, `interrupted` if their cycle had begun, else
    `stopped`.
    """

    source: str
    cause: Cause
    first: datetime
    last: datetime | None = None
    interrupted: tuple[datetime, ...] = ()
    not_stored: tuple[SlotRun, ...] = ()

    def cause_of(self, slot: datetime, after: datetime) -> Cause:
        """Return the cause of a slot without a row, where `after` is the newest slot before that has one."""
        if self.last is not None and after <= self.last < slot:
            return self.cause
        if slot < self.first:
            if any(run.has(slot) for run in self.not_stored):
                return Cause.NOT_STORED
            return Cause.INTERRUPTED if slot in self.interrupted else Cause.STOPPED
        return Cause.NOT_STORED if self.last is not None and slot <= self.last else self.cause


@attrs.frozen(kw_only=True)
class CycleReport:
    """The outcomes of the sources that were due, stored in one transaction.

    `missed` are further slots that are known to have no outcome, `gaps` the causes of what else is missing.
    """

    outcomes: tuple[Outcome, ...]
    missed: tuple[Missed, ...] = ()
    measurements: tuple[ReadCost, ...] = ()
    gaps: tuple[Gap, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        return tuple(
            reading
            for outcome in self.outcomes
            if isinstance(outcome, Collected)
            for reading in outcome.readings
        )


@attrs.frozen(kw_only=True)
class Stored:
    """The store has the cycle, durably. The report has the readings that were stored with it."""

    report: CycleReport


@attrs.frozen(kw_only=True)
class Spooled:
    """The store refused the cycle for `reason`, and the spool has it, durably, at `place`."""

    report: CycleReport
    reason: str
    place: str


@attrs.frozen(kw_only=True)
class NotStored:
    """Neither the store nor the spool took the cycle: it waits in memory, and is lost with the process."""

    report: CycleReport
    reason: str


Cycle = Stored | Spooled | NotStored


class Verdict(IntEnum):
    """The overall result of a run of cycles; the numbers are the exit codes of `collect`."""

    ALL_STORED = 0
    SOME_FAILED = 1
    NONE_STORED = 2


def verdict(cycles: Sequence[Cycle]) -> Verdict:
    """Return the overall result of the cycles. A deferred source does not count."""
    stored = failed = 0
    for cycle in cycles:
        for outcome in cycle.report.outcomes:
            match cycle, outcome:
                case _, Deferred():
                    pass
                case Stored() | Spooled(), Collected():
                    stored += 1
                case _:
                    failed += 1
    if not failed:
        return Verdict.ALL_STORED
    return Verdict.SOME_FAILED if stored else Verdict.NONE_STORED
