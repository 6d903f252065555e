"""Incidents: troubles with a beginning and an end, and what a person is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from domain.cycle import Cause, Collected, Cycle, Deferred, Failed, Outcome, Stored

REPEATED_AFTER = timedelta(days=1)


class Topic(StrEnum):
    """What can be in trouble. The state keeps these words: add, never rename."""

    CREDENTIALS = "credentials"
    SOURCE_SILENT = "source_silent"
    DEVICE_SILENT = "device_silent"
    BATTERY_LOW = "battery_low"
    DISK_LOW = "disk_low"
    DATABASE_ASIDE = "database_aside"
    DATABASE_DAMAGED = "database_damaged"
    LOG_HELD = "log_held"
    SPOOL_IN_USE = "spool_in_use"
    CLOCK_STEPPED = "clock_stepped"


@attrs.frozen(kw_only=True)
class Observation:
    """One look at something: `subject` is the source, the device or the thing; `detail` what was seen.

    `source` is the one that a device belongs to.
    """

    topic: Topic
    subject: str
    is_bad: bool
    detail: str = ""
    source: str = ""

    @property
    def key(self) -> str:
        return f"{self.topic}:{self.subject}"


@attrs.frozen(kw_only=True)
class Incident:
    """A trouble that was seen `count` times in a row since `since`; open once that was often enough.

    From then on it is not counted: what lasts is kept as it is, and need not be written anew with each look.
    `told_at` is when a person was told of it last, `source` the one that a device belonged to then.
    """

    topic: Topic
    subject: str
    since: datetime
    count: int = 1
    notified_at: datetime | None = None
    detail: str = ""
    source: str = ""

    @property
    def is_open(self) -> bool:
        return self.notified_at is not None


@attrs.frozen(kw_only=True)
class Opened:
    """A trouble that a person hears of for the first time."""

    incident: Incident


@attrs.frozen(kw_only=True)
class Repeated:
    """A trouble that still lasts, a day after it was told last."""

    incident: Incident


@attrs.frozen(kw_only=True)
class Recovered:
    """A trouble that is over, after that length."""

    incident: Incident
    length: timedelta


@attrs.frozen(kw_only=True)
class Dismissed:
    """A trouble of something that nothing is expected of any more, after that length."""

    incident: Incident
    length: timedelta


Notice = Opened | Repeated | Recovered | Dismissed
Incidents = Mapping[str, Incident]


@attrs.frozen(kw_only=True)
class Patience:
    """How many bad signs in a row open an incident."""

    source_cycles: int = 3
    device_cycles: int = 12

    def needed(self, topic: Topic) -> int:
        match topic:
            case Topic.SOURCE_SILENT:
                return self.source_cycles
            case Topic.DEVICE_SILENT:
                return self.device_cycles
            case _:
                return 1


def update_incidents(
    incidents: Incidents, signs: Iterable[Observation], now: datetime, patience: Patience
) -> tuple[Incidents, tuple[Notice, ...]]:
    """The incidents after these signs, and what a person is to be told.

    Each incident is opened once, repeated at most daily, and closed once; what no sign speaks of stays.
    """
    after = dict(incidents)
    notices: list[Notice] = []
    for sign in signs:
        present = after.pop(sign.key, None)
        if sign.is_bad:
            after[sign.key], notice = _worse(present, sign, now, patience.needed(sign.topic))
            notices += [notice] if notice else []
        elif present is not None and present.is_open:
            notices.append(Recovered(incident=present, length=max(now - present.since, timedelta())))
    return after, tuple(notices)


def observe_cycle(cycle: Cycle, clock_faults: Iterable[str] = ()) -> Iterator[Observation]:
    """What a cycle shows of its sources, their devices, the store and the clock."""
    for outcome in cycle.report.outcomes:
        signs = [*_signs_of_source(outcome)]
        if isinstance(outcome, Collected):
            signs += _signs_of_devices(outcome)
        # cycles by hand come within seconds: they may end a silence, and do not count towards one
        yield from (sign for sign in signs if outcome.due.scheduled or not _is_counted(sign))
    reason = "" if isinstance(cycle, Stored) else cycle.reason
    yield Observation(topic=Topic.SPOOL_IN_USE, subject="database", is_bad=bool(reason), detail=reason)
    faults = ", ".join(sorted(clock_faults))
    yield Observation(topic=Topic.CLOCK_STEPPED, subject="clock", is_bad=bool(faults), detail=faults)


def observe_disk(free_bytes: int) -> Iterator[Observation]:
    """Between low and good nothing is said: what was, goes on."""
    if not DISK_LOW_BYTES <= free_bytes <= DISK_GOOD_BYTES:
        is_bad = free_bytes < DISK_LOW_BYTES
        detail = f"{free_bytes / 1e6:.0f} MB free"
        yield Observation(topic=Topic.DISK_LOW, subject="data", is_bad=is_bad, detail=detail)


def observe_log(log_bytes: int) -> Iterator[Observation]:
    """Whether a reader keeps the log from being shortened; between short and held nothing is said."""
    if not LOG_SHORT_BYTES < log_bytes <= LOG_HELD_BYTES:
        detail = f"the log beside the database has {log_bytes / 1e6:.0f} MB"
        is_bad = log_bytes > LOG_HELD_BYTES
        yield Observation(topic=Topic.LOG_HELD, subject="database", is_bad=is_bad, detail=detail)


def _is_counted(sign: Observation) -> bool:
    return sign.is_bad and sign.topic in (Topic.SOURCE_SILENT, Topic.DEVICE_SILENT)


def _worse(
    present: Incident | None, sign: Observation, now: datetime, needed: int
) -> tuple[Incident, Opened | Repeated | None]:
    if present is None:
        incident = Incident(
            topic=sign.topic, subject=sign.subject, since=now, detail=sign.detail, source=sign.source
        )
    else:
        count = present.count + (not present.is_open)
        incident = attrs.evolve(present, count=count, detail=sign.detail, source=sign.source)
    if incident.notified_at is None:
        if incident.count < needed:
            return incident, None
        incident = attrs.evolve(incident, notified_at=now)
        return incident, Opened(incident=incident)
    if incident.notified_at > now:  # the clock was stepped back: count the day from now
        return attrs.evolve(incident, notified_at=now), None
    if now - incident.notified_at < REPEATED_AFTER:
        return incident, None
    incident = attrs.evolve(incident, notified_at=now)
    return incident, Repeated(incident=incident)


def _signs_of_source(outcome: Outcome) -> Iterator[Observation]:
    """A source that needs a person is not called silent beside that; nor while it is left in peace for it."""
    source = outcome.due.source
    match outcome:
        case Collected():
            yield Observation(topic=Topic.CREDENTIALS, subject=source, is_bad=False)
            yield Observation(topic=Topic.SOURCE_SILENT, subject=source, is_bad=False)
        case Failed(needs_person=True, detail=detail):
            yield Observation(topic=Topic.CREDENTIALS, subject=source, is_bad=True, detail=detail)
        case Failed(cause=cause, detail=detail):
            yield Observation(
                topic=Topic.SOURCE_SILENT, subject=source, is_bad=True, detail=f"{cause}: {detail}"
            )
        case Deferred(cause=cause) if cause is not Cause.CREDENTIALS:
            detail = f"left in peace ({cause})"
            yield Observation(topic=Topic.SOURCE_SILENT, subject=source, is_bad=True, detail=detail)


def _signs_of_devices(collected: Collected) -> Iterator[Observation]:
    source = collected.due.source
    for reading in collected.readings:
        yield Observation(topic=Topic.DEVICE_SILENT, subject=reading.device_id, is_bad=False)
        battery = reading.battery_percent
        if battery is not None and not BATTERY_LOW_PERCENT < battery < BATTERY_GOOD_PERCENT:
            yield Observation(
                topic=Topic.BATTERY_LOW,
                subject=reading.device_id,
                is_bad=battery <= BATTERY_LOW_PERCENT,
                detail=f"{reading.location}: {battery} %",
                source=source,
            )
    for unread in collected.unread:
        detail = ": ".join(filter(None, (unread.cause.value, unread.detail)))
        yield Observation(
            topic=Topic.DEVICE_SILENT, subject=unread.device_id, is_bad=True, detail=detail, source=source
        )


# Which incidents end because nothing is expected of their subject any more.

_OF_SOURCES = frozenset({Topic.CREDENTIALS, Topic.SOURCE_SILENT})
_OF_DEVICES = frozenset({Topic.DEVICE_SILENT, Topic.BATTERY_LOW})


def dismiss_gone(
    incidents: Incidents, cycle: Cycle, sources: AbstractSet[str], now: datetime
) -> tuple[Incidents, tuple[Dismissed, ...]]:
    """The incidents that still have a subject, and those a person was told of that have none.

    `sources` are those that the home has. A device is gone once its source answers without it: whether one
    that is not listed is still expected is the ledger's word, and stands in the outcome.
    """
    heard = _heard(cycle)
    gone = {key: incident for key, incident in incidents.items() if _is_gone(incident, sources, heard)}
    left = {key: incident for key, incident in incidents.items() if key not in gone}
    told = (incident for incident in gone.values() if incident.is_open)
    return left, tuple(
        Dismissed(incident=incident, length=max(now - incident.since, timedelta())) for incident in told
    )


def is_of_a_source(topic: str, subject: str, source: str, sources: AbstractSet[str]) -> bool:
    """Whether an incident that says so is of a source that the home has, or of no source at all."""
    if topic in _OF_SOURCES:
        return subject in sources
    return not source or source in sources


def _is_gone(incident: Incident, sources: AbstractSet[str], heard: Mapping[str, AbstractSet[str]]) -> bool:
    if not is_of_a_source(incident.topic, incident.subject, incident.source, sources):
        return True
    if incident.topic not in _OF_DEVICES:
        return False
    if incident.source:
        return incident.source in heard and incident.subject not in heard[incident.source]
    # kept by a version that noted no source: it could be of any
    return heard.keys() >= sources and not any(incident.subject in devices for devices in heard.values())


def _heard(cycle: Cycle) -> Mapping[str, AbstractSet[str]]:
    """The devices of each source that answered; of none when the store may not have said what is expected."""
    if not isinstance(cycle, Stored):
        return {}
    return {
        outcome.due.source: {reading.device_id for reading in outcome.readings}
        | {unread.device_id for unread in outcome.unread}
        for outcome in cycle.report.outcomes
        if isinstance(outcome, Collected)
    }


# How much room is little, and how much is enough again: what lies between is no sign of anything.

BATTERY_LOW_PERCENT, BATTERY_GOOD_PERCENT = 10, 20
DISK_LOW_BYTES, DISK_GOOD_BYTES = 200_000_000, 400_000_000
LOG_HELD_BYTES, LOG_SHORT_BYTES = 64 * 1024 * 1024, 8 * 1024 * 1024
