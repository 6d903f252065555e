"""The air quality monitors of an Amazon account as a source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import chain

import attrs

from adapters.amazon.alexa import Alexa
from adapters.amazon.http import AFFECTS_EVERY_REQUEST
from adapters.amazon.monitors import Monitor, MonitorDirectory
from adapters.amazon.second_interface import SecondInterface
from adapters.amazon.states import Samples, samples_of_endpoints
from adapters.amazon.thermostats import Thermostats
from adapters.http.lenient_json import compact_json, count_non_finite
from domain.cycle import Cause, SourceReply, Unread
from domain.errors import SourceError, SourceGarbled
from domain.reading import DeviceKind, Quantity, Reading
from ports.clock import Clock
from ports.journal import Journal, Level

# A monitor sends a sample when a value changes, so that an old value may be the current one. A monitor that
# has sent nothing for so long, not even its reachability, is not running. A sample without a time may be new.
_STALE_AFTER = timedelta(hours=24)
_SHARE_OF_THE_SECOND = 0.4
_SPARE_S = 1.0  # of the source's time, for what is left to do after the last request
_NOTABLE_SKEW = timedelta(minutes=2)
_NO_MONITOR = "the Amazon account has no air quality monitor"


@attrs.frozen(kw_only=True)
class MonitorSettings:
    """What a home records of a monitor, and its names for places: its own first, then Amazon's.

    `locations` goes by serial number, in any case of letters. `earlier` are the locations that devices have
    in rows from before this program, by device id in lower case: they stay, so that no room's rows split.
    """

    locations: Mapping[str, str] = attrs.field(factory=dict)
    earlier: Mapping[str, str] = attrs.field(factory=dict)
    fallback_location: str | None = None
    unnamed: str = "unknown"
    quantities: frozenset[Quantity] = frozenset(Quantity)
    reachability: bool = True
    raw_response: bool = False

    def location(self, monitor: Monitor) -> str:
        for serial, location in self.locations.items():
            if serial.lower().removeprefix("alexa:") == monitor.identity.lower():
                return location
        earlier = self.earlier.get(monitor.device_id.lower())
        return earlier or self.fallback_location or monitor.name or self.unnamed


@attrs.frozen(kw_only=True)
class _Read:
    """Samples by endpoint id, notes for a person, and whether a monitor was not listed."""

    samples: dict[str, Samples] = attrs.field(factory=dict)
    notes: tuple[str, ...] = ()
    is_missed: bool = False


class AmazonSource:
    """Reads all monitors of one account, or the one with `device_serial`, in one request a cycle."""

    def __init__(
        self,
        *,
        name: str,
        alexa: Alexa,
        directory: MonitorDirectory,
        second: SecondInterface,
        thermostats: Thermostats | None = None,
        settings: MonitorSettings,
        device_serial: str | None,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self.name = name
        self._alexa = alexa
        self._directory = directory
        self._second = second
        self._thermostats = thermostats
        self._settings = settings
        self._device_serial = (device_serial or "").lower().removeprefix("alexa:")
        self._clock = clock
        self._journal = journal

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the newest values; see `ports.source.Source`."""
        before = self._alexa.not_finite
        monitors = await self._directory.monitors(deadline_s)
        wanted = self._wanted(monitors)
        read = await self._read(wanted, deadline_s)
        # what follows can be missed: it must end before the source is out of time, and never costs the values
        optional_s = deadline_s - _SPARE_S
        found = await self._directory.refresh(
            optional_s, is_missed=read.is_missed or not wanted, alive=read.samples.keys()
        )
        if found is not None and found != monitors:
            try:
                read = await self._read(self._wanted(found), optional_s)
                monitors, wanted = found, self._wanted(found)
            except SourceError as error:
                self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
        samples = read.samples
        pairs = [(monitor, samples.get(monitor.endpoint_id)) for monitor in wanted]
        reply = make_reply(pairs, slot, self._clock.now(), self._settings)
        in_strings = sum(each.not_finite for each in samples.values())
        others = SourceReply(readings=())
        if self._thermostats is not None:
            others = await self._thermostats.read(slot, optional_s)
        return attrs.evolve(
            reply,
            readings=(*reply.readings, *others.readings),
            unread=(*reply.unread, *others.unread),
            notes=(
                *self._missing_monitor_notes(monitors),
                *self._directory.take_notes(),
                *read.notes,
                *reply.notes,
            ),
            not_finite=self._alexa.not_finite - before + in_strings,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._alexa.close()

    def _wanted(self, monitors: tuple[Monitor, ...]) -> tuple[Monitor, ...]:
        if not self._device_serial:
            return monitors
        return tuple(one for one in monitors if one.identity.lower() == self._device_serial)

    def _missing_monitor_notes(self, monitors: tuple[Monitor, ...]) -> tuple[str, ...]:
        """Explain why there is no reading at all, if so."""
        if not monitors:
            return (_NO_MONITOR,)
        if self._wanted(monitors):
            return ()
        serials = ", ".join(one.identity for one in monitors)
        setting = "collectors.amazon_aqm.device_serial"
        return (f"{_NO_MONITOR} with the serial number in {setting}; it has: {serials}",)

    async def _read(self, monitors: tuple[Monitor, ...], deadline_s: float) -> _Read:
        """Read the newest samples. Raise SourceError.

        If GraphQL fails, the second interface is asked; if that has nothing either, GraphQL's error is
        raised. If GraphQL lacks something, the second interface is asked for that.
        """
        if not monitors:
            return _Read()
        try:
            samples = await self._read_graphql(monitors, deadline_s)
        except AFFECTS_EVERY_REQUEST:
            raise
        except SourceError as error:
            first_error = error
        else:
            is_missed = any(monitor.endpoint_id not in samples for monitor in monitors)
            wanted = self._settings.quantities
            notes = await self._second.fill(samples, monitors, wanted, deadline_s - _SPARE_S)
            return _Read(samples=samples, notes=notes, is_missed=is_missed)
        try:
            samples = await self._second.samples(monitors, deadline_s)
        except AFFECTS_EVERY_REQUEST:
            raise
        except SourceError as error:
            raise first_error from error
        if not samples:
            raise first_error
        note = f"read the monitors through the second interface, since the first failed: {first_error}"
        self._journal.record(Level.WARNING, "amazon.fallback", source=self.name, detail=note)
        is_missed = any(monitor.endpoint_id not in samples for monitor in monitors)
        return _Read(samples=samples, notes=(note,), is_missed=is_missed)

    async def _read_graphql(self, monitors: tuple[Monitor, ...], deadline_s: float) -> dict[str, Samples]:
        left_s = deadline_s - self._clock.elapsed_s()
        limit_s = deadline_s - left_s * _SHARE_OF_THE_SECOND  # for the second interface, if this one hangs
        content = await self._alexa.endpoint_states((one.endpoint_id for one in monitors), limit_s)
        samples = samples_of_endpoints(content, monitors)
        if samples and all(each.is_empty and each.is_reachable is not False for each in samples.values()):
            odd = count_non_finite(content)
            hint = f" ({odd:,} were NaN or infinite)" if odd else ""
            raise SourceGarbled(f"the answer lists the monitors, and no value of any{hint}")
        return samples


def make_reply(
    pairs: Iterable[tuple[Monitor, Samples | None]],
    slot: datetime,
    now: datetime,
    settings: MonitorSettings,
) -> SourceReply:
    """Return the readings of the monitors that have one, and the cause for each that has none.

    An account may list a monitor under two entities, one of an earlier registration: the newest counts.
    """
    outcomes: dict[str, Reading | Unread] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for monitor, samples in pairs:
        outcome = _reading(monitor, samples, slot, now, settings)
        device = outcome.device_id.lower()
        if device in outcomes and _age(outcome, now) >= _age(outcomes[device], now):
            continue
        outcomes[device] = outcome
        notes[device] = ()
        if samples is not None and isinstance(outcome, Reading):
            notes[device] = tuple(_remarks(monitor, samples, now))
    return SourceReply(
        readings=tuple(one for one in outcomes.values() if isinstance(one, Reading)),
        unread=tuple(one for one in outcomes.values() if isinstance(one, Unread)),
        notes=tuple(chain.from_iterable(notes.values())),
    )


def _age(outcome: Reading | Unread, now: datetime) -> timedelta:
    """Return the age of a reading; one without a time is older than any with one, and younger than none."""
    if isinstance(outcome, Unread):
        return timedelta.max
    return now - outcome.observed_at if outcome.observed_at is not None else timedelta.max / 2


def _reading(
    monitor: Monitor, samples: Samples | None, slot: datetime, now: datetime, settings: MonitorSettings
) -> Reading | Unread:
    def unread(cause: Cause, detail: str) -> Unread:
        return Unread(device_id=monitor.device_id, cause=cause, detail=detail)

    if samples is None:
        return unread(Cause.NOT_LISTED, monitor.label)
    if samples.is_reachable is False:
        return unread(Cause.UNREACHABLE, monitor.label)
    if samples.heard_at is not None and samples.is_dated and now - samples.heard_at >= _STALE_AFTER:
        return unread(Cause.STALE, f"since {samples.heard_at.isoformat(timespec='seconds')}")
    values = {
        quantity: value for quantity, value in samples.values.items() if quantity in settings.quantities
    }
    if not values and not samples.others:
        return unread(Cause.NO_VALUE, f"{monitor.label}{_left_out(samples)}")
    return Reading(
        device_id=monitor.device_id,
        kind=DeviceKind.ALEXA_AQM,
        location=settings.location(monitor),
        collected_at=slot,
        # a time in the future means that a clock is wrong
        observed_at=min(samples.observed_at, now) if samples.observed_at is not None else None,
        values=values,
        other_values=dict(samples.others),
        is_reachable=samples.is_reachable if settings.reachability else None,
        raw_response=compact_json(samples.raw) if settings.raw_response else None,
    )


def _remarks(monitor: Monitor, samples: Samples, now: datetime) -> Iterable[str]:
    if samples.left_out:
        yield f"{monitor.label}: not all values came{_left_out(samples)}"
    if samples.observed_at is not None and samples.observed_at - now > _NOTABLE_SKEW:
        ahead = samples.observed_at - now
        yield f"{monitor.label}: its samples are ahead of this computer's clock by {ahead}"


def _left_out(samples: Samples) -> str:
    return f" ({', '.join(dict.fromkeys(samples.left_out))})" if samples.left_out else ""
