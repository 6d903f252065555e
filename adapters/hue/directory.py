"""What is known of the sensors beside their temperature in v2: identity for good, the rest for an hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from adapters.hue.bridge import Bridge
from adapters.hue.known import Known, kept, restored
from adapters.hue.lessons import Lesson, Lessons
from adapters.hue.sensors import Sensor
from adapters.hue.v2 import Temperature
from domain.errors import SourceError, SourceGarbled
from ports.journal import Journal, Level
from ports.state import Json, State

DETAILS_FOR = timedelta(hours=1)
# Three reports of a sensor: time to ask whether the bridge still hears it.
QUIET_AFTER = timedelta(minutes=15)
_TIMES = ("details_at", "links_at")  # of what is known


class Directory:
    """Joins temperatures to what is known of their sensors, and asks the bridge only for what is not.

    When it last asked is kept at the end, or with the next thing that is new: a file that is synced every
    hour, or quarter of one, for a time of day wears the disk, and losing it costs one question.
    """

    def __init__(self, *, state: State, key: str, journal: Journal) -> None:
        self._state = state
        self._key = key
        self._journal = journal
        self._known: Known | None = None
        self._saved: Mapping[str, Json] = {}

    def sensors(
        self, temperatures: Iterable[Temperature], bridge: Bridge, *, now: datetime, deadline_s: float
    ) -> tuple[Sensor, ...]:
        """The sensors with all that is known of them. Raises SourceError only when it knows none of them."""
        temperatures = tuple(temperatures)
        if self._known is None:
            self._saved = self._state.get(self._key)
            self._known = restored(self._saved)
        known = self._known
        lessons = Lessons(
            known=known, temperatures=temperatures, bridge=bridge, now=now, deadline_s=deadline_s
        )
        due = _due(lessons)
        if due is not None:
            refused = self._tried(due)
            known.forget_surplus({one.id for one in temperatures}, {one.owner for one in temperatures})
            if not self._is_as_saved(kept(known)):
                self._save(known)
            if refused and temperatures and not any(one.id in known.uniqueids for one in temperatures):
                raise refused
        return tuple(_sensor(temperature, known) for temperature in temperatures)

    def close(self) -> None:
        """Keep what was put off."""
        if self._known is not None and kept(self._known) != self._saved:
            self._save(self._known)

    def _is_as_saved(self, now: Mapping[str, Json]) -> bool:
        return all(now[part] == self._saved.get(part) for part in now if part not in _TIMES)

    def _save(self, known: Known) -> None:
        self._saved = kept(known)
        self._state.put(self._key, self._saved)

    def _tried(self, lessons: Iterable[Lesson]) -> SourceError | None:
        """Each lesson by itself, as long as the bridge is not in trouble: the readings are worth more."""
        refused: SourceError | None = None
        for lesson in lessons:
            try:
                lesson()
            except SourceError as error:
                refused = error
                self._journal.record(Level.WARNING, "hue.directory", detail=str(error))
                if not isinstance(error, SourceGarbled):
                    break
        return refused


def _due(lessons: Lessons) -> Iterable[Lesson] | None:
    """What to ask the bridge for, beside the temperatures."""
    known, now = lessons.known, lessons.now
    is_old = known.details_at is None or abs(now - known.details_at) >= DETAILS_FOR
    if is_old or any(stranger.id not in known.asked_for for stranger in lessons.strangers()):
        return lessons.of_everything()
    return [lessons.of_links] if _is_worth_asking(known, lessons.temperatures, now) else None


def _is_worth_asking(known: Known, temperatures: Iterable[Temperature], now: datetime) -> bool:
    """Whether some sensor has been quiet for long, or one that had been lost reports again."""
    are_fresh = known.links_at is not None and abs(now - known.links_at) < QUIET_AFTER
    return any(
        one.changed is not None
        and (
            (not are_fresh and now - one.changed > QUIET_AFTER)
            or _is_heard_again(one.owner, one.changed, known)
        )
        for one in temperatures
    )


def _is_heard_again(owner: str, changed: datetime, known: Known) -> bool:
    link = known.links.get(owner)
    was_lost = link is not None and link.is_up is False
    return was_lost and (known.links_at is None or changed > known.links_at)


def _sensor(temperature: Temperature, known: Known) -> Sensor:
    link = known.links.get(temperature.owner)
    return Sensor(
        where=temperature.id_v1 or temperature.id,
        uniqueid=known.uniqueids.get(temperature.id),
        name=known.names.get(temperature.owner, ""),
        temperature=temperature.temperature,
        observed_at=temperature.changed,
        battery_percent=known.batteries.get(temperature.owner),
        is_reachable=link.is_up if link else None,
        is_on=temperature.is_enabled,
        raw=temperature.raw,
    )
