"""The air quality monitors of an Amazon account as a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.amazon.alexa import Alexa, readings, states
from adapters.amazon.http import MET_BY_ALL
from adapters.amazon.monitors import Directory, Monitor
from adapters.amazon.phoenix_states import samples_of_states
from adapters.amazon.states import Samples, samples_of_endpoints
from adapters.http.lenient_json import compact_json, count_non_finite
from domain.cycle import Cause, SourceReply, Unread
from domain.errors import SourceError, SourceGarbled
from domain.reading import DeviceKind, Quantity, Reading
from ports.clock import Clock
from ports.journal import Journal, Level

_NONE = "the Amazon account has no air quality monitor"


class AmazonSource:
    """Reads all monitors of one account, or the one with `device_serial`, in one request a cycle."""

    def __init__(
        self,
        *,
        name: str,
        alexa: Alexa,
        directory: Directory,
        keeping: Keeping,
        device_serial: str | None,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.name = name
        self._alexa = alexa
        self._directory = directory
        self._reads = Reads(source=name, alexa=alexa, journal=journal)
        self._keeping = keeping
        self._device_serial = (device_serial or "").lower().removeprefix("alexa:")
        self._clock = clock

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """The newest values; see `ports.source.Source`."""
        before = self._alexa.not_finite
        monitors = await self._directory.monitors(deadline_s)
        found = await self._found(self._wanted(monitors), deadline_s)
        if self._are_missed(monitors, found):
            sought = await self._directory.looked_for(deadline_s)
            if sought is not None and sought != monitors:
                monitors, found = sought, await self._found(self._wanted(sought), deadline_s)
        wanted = self._wanted(monitors)
        pairs = [(monitor, found.samples.get(monitor.endpoint_id)) for monitor in wanted]
        reply = reply_of(pairs, slot, self._clock.now(), self._keeping)
        return SourceReply(
            readings=reply.readings,
            unread=reply.unread,
            notes=(*self._without_any(monitors), *found.notes, *reply.notes),
            not_finite=self._alexa.not_finite - before + _in_strings(found),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._alexa.close()

    async def _found(self, wanted: tuple[Monitor, ...], deadline_s: float) -> Found:
        return await self._reads.found(wanted, deadline_s) if wanted else Found({})

    def _wanted(self, monitors: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
        if not self._device_serial:
            return monitors
        return tuple(one for one in monitors if (one.serial or "").lower() == self._device_serial)

    def _are_missed(self, monitors: tuple[Monitor, ...], found: Found) -> bool:
        """Whether a known monitor is not told of, or the only one that is wanted is not known."""
        wanted = self._wanted(monitors)
        return not wanted or any(monitor.endpoint_id not in found.samples for monitor in wanted)

    def _without_any(self, monitors: tuple[Monitor, ...]) -> tuple[str, ...]:
        """What to tell a person who gets no reading at all."""
        if not monitors:
            return (_NONE,)
        if self._wanted(monitors):
            return ()
        serials = ", ".join(one.serial or "one without a serial number" for one in monitors)
        return (f"{_NONE} with the serial number in collectors.amazon_aqm.device_serial; it has: {serials}",)


def _in_strings(found: Found) -> int:
    return sum(samples.not_finite for samples in found.samples.values())


# Makes readings of what monitors said: what a home keeps, where it is, and what is too old.

_REPORTS_EVERY = timedelta(minutes=5)  # the monitor itself, so that a shorter interval makes nothing old
_STALE_AFTER_INTERVALS = 3
_WORTH_A_WORD = timedelta(minutes=2)  # by which the clocks differ


@attrs.frozen(kw_only=True)
class Keeping:
    """What a home keeps of a monitor, and how it calls its place: its own names first, then Amazon's.

    `locations` goes by serial number, in any case of letters.
    """

    interval: timedelta = _REPORTS_EVERY
    locations: Mapping[str, str] = attrs.field(factory=dict)
    fallback_location: str | None = None
    quantities: frozenset[Quantity] = frozenset(Quantity)
    reachability: bool = True
    raw_response: bool = False

    @property
    def stale_after(self) -> timedelta:
        return _STALE_AFTER_INTERVALS * max(self.interval, _REPORTS_EVERY)

    def location(self, monitor: Monitor) -> str:
        for serial, location in self.locations.items():
            if serial.lower().removeprefix("alexa:") == (monitor.serial or "").lower():
                return location
        return self.fallback_location or monitor.name or "unknown"


def reply_of(
    found: Iterable[tuple[Monitor, Samples | None]], slot: datetime, now: datetime, keeping: Keeping
) -> SourceReply:
    """The readings of the monitors that have one, and the cause for each that has none."""
    readings: dict[str, Reading] = {}
    unread: dict[str, Unread] = {}
    notes: list[str] = []
    for monitor, samples in found:
        if monitor.device_id is None:
            notes.append(f"a monitor without a serial number is not stored: {monitor.label}")
            continue
        match _reading(monitor, monitor.device_id, samples, slot, now, keeping):
            case Reading() as reading:
                readings.setdefault(reading.device_id, reading)
            case silent:
                unread.setdefault(silent.device_id, silent)
                continue
        if samples is not None:
            notes += _remarks(monitor, samples, now)
    return SourceReply(
        readings=tuple(readings.values()),
        unread=tuple(each for device_id, each in unread.items() if device_id not in readings),
        notes=tuple(notes),
    )


def _reading(
    monitor: Monitor, device_id: str, samples: Samples | None, slot: datetime, now: datetime, keeping: Keeping
) -> Reading | Unread:
    def unread(cause: Cause, detail: str) -> Unread:
        return Unread(device_id=device_id, cause=cause, detail=detail)

    if samples is None:
        return unread(Cause.NOT_LISTED, monitor.label)
    if samples.is_reachable is False:
        return unread(Cause.UNREACHABLE, monitor.label)
    newest = samples.newest
    if newest is not None and now - newest > keeping.stale_after:
        return unread(Cause.STALE, f"since {newest.isoformat(timespec='seconds')}")
    reading = Reading(
        device_id=device_id,
        kind=DeviceKind.ALEXA_AQM,
        location=keeping.location(monitor),
        collected_at=slot,
        # one from the future tells of a clock that goes wrong, not of a time
        observed_at=min(newest, now) if newest is not None else None,
        values={
            quantity: each.value
            for quantity, each in samples.values.items()
            if quantity in keeping.quantities
        },
        other_values={name: each.value for name, each in samples.others.items()},
        is_reachable=samples.is_reachable if keeping.reachability else None,
        raw_response=compact_json(samples.raw) if keeping.raw_response else None,
    )
    if not reading.values and not reading.other_values:
        return unread(Cause.NO_VALUE, f"{monitor.label}{_said(samples)}")
    return reading


def _remarks(monitor: Monitor, samples: Samples, now: datetime) -> Iterable[str]:
    if samples.left_out:
        yield f"{monitor.label}: not all values came{_said(samples)}"
    if samples.newest is not None and samples.newest - now > _WORTH_A_WORD:
        yield f"{monitor.label}: its samples are ahead of this computer's clock by {samples.newest - now}"


def _said(samples: Samples) -> str:
    return f" ({', '.join(dict.fromkeys(samples.left_out))})" if samples.left_out else ""


# Asks for the newest values of all monitors at once: by GraphQL, else by the older interface.


@attrs.frozen
class Found:
    """What was told, by endpoint id, and remarks for a person."""

    samples: Mapping[str, Samples]
    notes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Reads:
    """The two ways to read an account's monitors."""

    source: str
    alexa: Alexa
    journal: Journal

    async def found(self, monitors: Sequence[Monitor], deadline_s: float) -> Found:
        """What the service knows of the monitors. Raises SourceError."""
        try:
            return Found(await self._by_graphql(monitors, deadline_s))
        except MET_BY_ALL:
            raise
        except SourceError as error:
            found = await self._by_phoenix(monitors, error, deadline_s)
            note = f"read the monitors through the second interface, since the first failed: {error}"
            self.journal.record(Level.WARNING, "amazon.fallback", source=self.source, detail=note)
            return Found(found, (note,))

    async def _by_graphql(self, monitors: Sequence[Monitor], deadline_s: float) -> Mapping[str, Samples]:
        query = readings(monitor.endpoint_id for monitor in monitors)
        content = await self.alexa.graphql("amazon.graphql", query, deadline_s)
        found = samples_of_endpoints(content, monitors)
        if found and all(
            samples.is_empty and samples.is_reachable is not False for samples in found.values()
        ):
            odd = count_non_finite(content)
            which = f" ({odd:,} were NaN or infinite)" if odd else ""
            raise SourceGarbled(f"the answer lists the monitors, and no value of any{which}")
        return found

    async def _by_phoenix(
        self, monitors: Sequence[Monitor], trouble: SourceError, deadline_s: float
    ) -> Mapping[str, Samples]:
        """By the older interface; the first one's trouble is raised where this one tells nothing either."""
        question = states(monitor.entity_id for monitor in monitors)
        try:
            found = samples_of_states(await self.alexa.phoenix(question, deadline_s), monitors)
        except MET_BY_ALL:
            raise
        except SourceError as error:
            raise trouble from error
        if not found:
            raise trouble
        return found
