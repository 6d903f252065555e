"""Which incidents end because nothing is expected of their subject any more."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from domain.alerting import Dismissed, Incident, Incidents, Topic
from domain.outcome import Collected, Cycle, Stored

_OF_SOURCES = frozenset({Topic.CREDENTIALS, Topic.SOURCE_SILENT})
_OF_DEVICES = frozenset({Topic.DEVICE_SILENT, Topic.BATTERY_LOW})


def dismiss(
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
