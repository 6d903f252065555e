"""What became of a cycle: one outcome a source, and the cause of everything that did not come."""

from __future__ import annotations

from collections.abc import Sequence
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
from domain.measurements import Measurement
from domain.reading import Reading
from domain.schedule import Due


class Cause(StrEnum):
    """Why a reading is missing. The ledger keeps these words for years: add, never rename."""

    # of a device, in a reply that came
    UNREACHABLE = "unreachable"
    SWITCHED_OFF = "switched_off"
    NO_VALUE = "no_value"
    NO_IDENTITY = "no_identity"
    NOT_LISTED = "not_listed"
    OUT_OF_RANGE = "out_of_range"
    STALE = "stale"
    # of a source that was asked
    NETWORK = "network"
    THROTTLED = "throttled"
    CREDENTIALS = "credentials"
    REFUSED = "refused"
    GARBLED = "garbled"
    OUT_OF_TIME = "out_of_time"
    INTERNAL = "internal"
    # of a slot in which nothing was asked, or of which nothing could be kept
    NOT_STORED = "not_stored"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    ASLEEP = "asleep"
    CLOCK_STEPPED = "clock_stepped"
    OVERRUN = "overrun"


# Troubles of a source that was asked which may be over at the next attempt.
PASSING_CAUSES = frozenset({Cause.NETWORK, Cause.THROTTLED, Cause.GARBLED, Cause.OUT_OF_TIME})


def cause_of(error: Exception) -> Cause:
    """The ledger's word for what a source raised."""
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
    """A device that should have had a reading, and why it has none."""

    device_id: str
    cause: Cause
    detail: str = ""


@attrs.frozen(kw_only=True)
class SourceReply:
    """What a source handed over: readings, devices that it listed without one, remarks for a person.

    `not_finite` is how many numbers of its answers were NaN, infinite or too large to be one. `strategy` is
    the way that the source was read, if it has several.
    """

    readings: tuple[Reading, ...]
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()
    not_finite: int = 0
    strategy: str = ""


@attrs.frozen(kw_only=True)
class Collected:
    """The source answered. `readings` may be fewer than its devices; `unread` says which and why."""

    due: Due
    readings: tuple[Reading, ...]
    unread: tuple[Unread, ...] = ()
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Failed:
    """The source was asked and did not answer usably. `detail` is for a person.

    `needs_person`: it will go on failing until somebody acts, since its credentials are refused for good.
    """

    due: Due
    cause: Cause
    detail: str
    unread: tuple[Unread, ...] = ()
    needs_person: bool = False


@attrs.frozen(kw_only=True)
class Deferred:
    """The source was left in peace until a later instant, on purpose."""

    due: Due
    cause: Cause
    until: datetime
    unread: tuple[Unread, ...] = ()


@attrs.frozen(kw_only=True)
class Missed:
    """Nothing was asked at this slot: the program did not run, or the clock jumped over it."""

    due: Due
    cause: Cause
    unread: tuple[Unread, ...] = ()


Outcome = Collected | Failed | Deferred
LedgerEntry = Outcome | Missed


@attrs.frozen(kw_only=True)
class CycleReport:
    """One pass over the sources that were due, ready to be stored in one transaction."""

    outcomes: tuple[Outcome, ...]
    missed: tuple[Missed, ...] = ()
    measurements: tuple[Measurement, ...] = ()

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
    """The store has the cycle, durably."""

    report: CycleReport


@attrs.frozen(kw_only=True)
class Spooled:
    """The store refused the cycle, and the spool has it, durably; `reason` is the store's, for a person."""

    report: CycleReport
    reason: str


@attrs.frozen(kw_only=True)
class NotStored:
    """Neither the store nor the spool took the cycle: it waits in memory, and is gone with the process.

    `reason` is for a person.
    """

    report: CycleReport
    reason: str


Cycle = Stored | Spooled | NotStored


class Verdict(IntEnum):
    """How a run of cycles went as a whole; the number is the exit code of `collect`."""

    ALL_STORED = 0
    SOME_FAILED = 1
    NONE_STORED = 2


def verdict(cycles: Sequence[Cycle]) -> Verdict:
    """The worst that can be said of the cycles together. A deferred source counts neither way."""
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
