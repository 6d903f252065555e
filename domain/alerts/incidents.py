"""Incidents: problems with a beginning and an end, and when people are notified of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum

import attrs

from domain.cycle import Cause, Collected, Cycle, Deferred, Failed, Outcome, Stored
from domain.times import local_time

REPEATED_AFTER = timedelta(days=1)
# Where a limit has two values, nothing is observed between them: an incident neither opens nor closes.
BATTERY_LOW_PERCENT, BATTERY_GOOD_PERCENT = 10, 20
_CLOCK_STEP_REPORTED = timedelta(days=1)
UNCHANGED_AFTER = timedelta(hours=48)
DISK_LOW_BYTES, DISK_GOOD_BYTES = 200_000_000, 400_000_000
WAL_HELD_BYTES, WAL_SHORT_BYTES = 64 * 1024 * 1024, 8 * 1024 * 1024


class Topic(StrEnum):
    """What can be wrong. The state keeps these words: add, never rename."""

    CREDENTIALS = "credentials"
    SOURCE_SILENT = "source_silent"
    DEVICE_SILENT = "device_silent"
    BATTERY_LOW = "battery_low"
    VALUE_UNCHANGED = "value_unchanged"
    DISK_LOW = "disk_low"
    DATABASE_MISSING = "database_missing"
    DATABASE_LOG_LOST = "database_log_lost"
    DATABASE_ASIDE = "database_aside"
    DATABASE_DAMAGED = "database_damaged"
    WAL_HELD = "log_held"
    NO_BACKUP = "no_backup"
    SPOOL_IN_USE = "spool_in_use"
    CLOCK_STEPPED = "clock_stepped"


_SOURCE_TOPICS = frozenset({Topic.CREDENTIALS, Topic.SOURCE_SILENT})
_DEVICE_TOPICS = frozenset({Topic.DEVICE_SILENT, Topic.BATTERY_LOW, Topic.VALUE_UNCHANGED})
_SILENCES = frozenset({Topic.SOURCE_SILENT, Topic.DEVICE_SILENT})


@attrs.frozen(kw_only=True)
class Observation:
    """The state of one thing: of `subject`, a source, a device or a part of the home.

    `detail` is what was observed, `source` the source that a device belongs to.
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
    """A problem that was observed `count` times in a row since `since`; open once that was often enough.

    It is not counted while it is open, so that a lasting incident does not change. `notified_at` is when
    people were notified last, `source` the source that a device belonged to then.
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


@attrs.frozen
class ClockStep:
    """That the clock was set back, as last noticed at an instant of the clock since."""

    at: datetime
    detail: str

    def is_recent(self, now: datetime) -> bool:
        """Return whether it is to be reported: for a day, whichever way the clock was set since."""
        return abs(now - self.at) < _CLOCK_STEP_REPORTED


@attrs.frozen(kw_only=True)
class Opened:
    """A new incident."""

    incident: Incident


@attrs.frozen(kw_only=True)
class Repeated:
    """An incident that is still open a day after the last notice."""

    incident: Incident


@attrs.frozen(kw_only=True)
class Recovered:
    """An incident that is over, after that length; `detail` is what was observed then."""

    incident: Incident
    length: timedelta
    detail: str = ""


@attrs.frozen(kw_only=True)
class Dismissed:
    """An incident whose subject is no longer expected, after that length."""

    incident: Incident
    length: timedelta


Notice = Opened | Repeated | Recovered | Dismissed
Incidents = Mapping[str, Incident]


@attrs.frozen(kw_only=True)
class Patience:
    """How many bad observations in a row open an incident."""

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
    incidents: Incidents, observations: Iterable[Observation], now: datetime, patience: Patience
) -> tuple[Incidents, tuple[Notice, ...]]:
    """Return the incidents after these observations, and the notices.

    Each incident is opened once, repeated at most daily, and closed once; without an observation it stays.
    """
    after = dict(incidents)
    notices: list[Notice] = []
    for one in observations:
        if one.is_bad:
            present = after.pop(one.key, None)
            after[one.key], notice = _worsened(present, one, now, patience.needed(one.topic))
            notices += [notice] if notice else []
        elif after:
            present = after.pop(one.key, None)
            if present is not None and present.is_open:
                length = max(now - present.since, timedelta())
                notices.append(Recovered(incident=present, length=length, detail=one.detail))
    return after, tuple(notices)


def observe_cycle(
    cycle: Cycle, clock_faults: Iterable[str] = (), *, has_incidents: bool = True
) -> Iterator[Observation]:
    """Observe the sources, their devices, the store and the clock in a cycle; `clock_faults` are its details.

    Without incidents no device can recover, and devices that are well are left out.
    """
    for outcome in cycle.report.outcomes:
        for one in _observe_outcome(outcome, has_incidents=has_incidents):
            # Cycles by hand come within seconds: they may end a silence, but do not count towards one.
            if outcome.due.scheduled or not one.is_bad or one.topic not in _SILENCES:
                yield one
    reason = "" if isinstance(cycle, Stored) else cycle.reason
    yield Observation(topic=Topic.SPOOL_IN_USE, subject="database", is_bad=bool(reason), detail=reason)
    faults = "; ".join(sorted(clock_faults))
    yield Observation(topic=Topic.CLOCK_STEPPED, subject="clock", is_bad=bool(faults), detail=faults)


def observe_home(free_bytes: int | None, wal_bytes: int | None) -> Iterator[Observation]:
    """Observe the free space, and the database's write-ahead log, which grows while another program reads."""
    if free_bytes is not None and not DISK_LOW_BYTES <= free_bytes <= DISK_GOOD_BYTES:
        yield Observation(
            topic=Topic.DISK_LOW,
            subject="data",
            is_bad=free_bytes < DISK_LOW_BYTES,
            detail=f"{free_bytes / 1e6:.0f} MB free",
        )
    if wal_bytes is not None and not WAL_SHORT_BYTES < wal_bytes <= WAL_HELD_BYTES:
        yield Observation(
            topic=Topic.WAL_HELD,
            subject="database",
            is_bad=wal_bytes > WAL_HELD_BYTES,
            detail=f"the database's log has {wal_bytes / 1e6:.0f} MB",
        )


def dismiss_gone(
    incidents: Incidents, cycle: Cycle, sources: AbstractSet[str], now: datetime
) -> tuple[Incidents, tuple[Dismissed, ...]]:
    """Return the incidents whose subject is still expected, and notices of the open ones among the others.

    `sources` are those of the home. A device is gone once its source answers without it; while the ledger
    still expects it, the source's outcome lists it as unread.
    """
    devices = _devices_by_source(cycle)
    gone = {key: incident for key, incident in incidents.items() if _is_gone(incident, sources, devices)}
    left = {key: incident for key, incident in incidents.items() if key not in gone}
    return left, tuple(
        Dismissed(incident=incident, length=max(now - incident.since, timedelta()))
        for incident in gone.values()
        if incident.is_open
    )


def belongs_to_home(topic: str, subject: str, source: str, sources: AbstractSet[str]) -> bool:
    """Return whether an incident concerns one of the home's sources, or none at all."""
    if topic in _SOURCE_TOPICS:
        return subject in sources
    return not source or source in sources


def _worsened(
    present: Incident | None, observed: Observation, now: datetime, needed: int
) -> tuple[Incident, Opened | Repeated | None]:
    if present is None:
        incident = Incident(
            topic=observed.topic,
            subject=observed.subject,
            since=now,
            detail=observed.detail,
            source=observed.source,
        )
    else:
        count = present.count + (not present.is_open)
        incident = attrs.evolve(present, count=count, detail=observed.detail, source=observed.source)
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


def _observe_outcome(outcome: Outcome, *, has_incidents: bool) -> Iterator[Observation]:
    """Observe a source and its devices. One with rejected credentials is not silent as well."""
    source = outcome.due.source
    match outcome:
        case Collected():
            yield Observation(topic=Topic.CREDENTIALS, subject=source, is_bad=False)
            yield Observation(topic=Topic.SOURCE_SILENT, subject=source, is_bad=False)
            yield from _observe_devices(outcome, has_incidents=has_incidents)
        case Failed(needs_person=True, detail=detail):
            yield Observation(topic=Topic.CREDENTIALS, subject=source, is_bad=True, detail=detail)
        case Failed(cause=cause, detail=detail):
            detail = f"{cause}: {detail}"
            yield Observation(topic=Topic.SOURCE_SILENT, subject=source, is_bad=True, detail=detail)
        case Deferred(cause=cause) if cause is not Cause.CREDENTIALS:
            detail = f"not asked for a while ({cause})"
            yield Observation(topic=Topic.SOURCE_SILENT, subject=source, is_bad=True, detail=detail)


def _observe_devices(outcome: Collected, *, has_incidents: bool) -> Iterator[Observation]:
    for reading in outcome.readings:
        battery, observed_at = reading.battery_percent, reading.observed_at
        age = reading.collected_at - (observed_at or reading.collected_at)
        is_unchanged = age > UNCHANGED_AFTER
        is_low = battery is not None and battery <= BATTERY_LOW_PERCENT
        if not (has_incidents or is_unchanged or is_low):
            continue
        yield Observation(topic=Topic.DEVICE_SILENT, subject=reading.device_id, is_bad=False)
        if battery is not None and not BATTERY_LOW_PERCENT < battery < BATTERY_GOOD_PERCENT:
            yield Observation(
                topic=Topic.BATTERY_LOW,
                subject=reading.device_id,
                is_bad=battery <= BATTERY_LOW_PERCENT,
                detail=f"{reading.location}: {battery} %",
                source=outcome.due.source,
            )
        if observed_at is not None:
            yield Observation(
                topic=Topic.VALUE_UNCHANGED,
                subject=reading.device_id,
                is_bad=is_unchanged,
                detail=f"{reading.location}: unchanged since {local_time(observed_at)}",
                source=outcome.due.source,
            )
    if has_incidents:
        for device_id in outcome.already_stored:
            yield Observation(topic=Topic.DEVICE_SILENT, subject=device_id, is_bad=False)
    for unread in outcome.unread:
        yield Observation(
            topic=Topic.DEVICE_SILENT,
            subject=unread.device_id,
            is_bad=True,
            detail=f"{unread.cause}: {unread.detail}" if unread.detail else unread.cause.value,
            source=outcome.due.source,
        )


def _is_gone(incident: Incident, sources: AbstractSet[str], devices: Mapping[str, AbstractSet[str]]) -> bool:
    if not belongs_to_home(incident.topic, incident.subject, incident.source, sources):
        return True
    if incident.topic not in _DEVICE_TOPICS:
        return False
    if incident.source:
        return incident.source in devices and incident.subject not in devices[incident.source]
    # saved by a version that did not record the source: the device could belong to any
    return devices.keys() >= sources and not any(incident.subject in known for known in devices.values())


def _devices_by_source(cycle: Cycle) -> Mapping[str, AbstractSet[str]]:
    """Return the devices of each source that answered.

    Without a stored cycle return none: then it is not certain which devices are expected.
    """
    if not isinstance(cycle, Stored):
        return {}
    return {
        outcome.due.source: {reading.device_id for reading in outcome.readings}
        | set(outcome.already_stored)
        | {unread.device_id for unread in outcome.unread}
        for outcome in cycle.report.outcomes
        if isinstance(outcome, Collected)
    }
