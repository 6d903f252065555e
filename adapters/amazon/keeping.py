"""Makes readings of what monitors said: what a home keeps, where it is, and what is too old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from adapters.amazon.monitors import Monitor
from adapters.amazon.samples import Samples
from adapters.json_reply import compact
from domain.outcome import Cause, SourceReply, Unread
from domain.reading import DeviceKind, Quantity, Reading
from domain.values import frozen

_REPORTS_EVERY = timedelta(minutes=5)  # the monitor itself, so that a shorter interval makes nothing old
_STALE_AFTER_INTERVALS = 3
_WORTH_A_WORD = timedelta(minutes=2)  # by which the clocks differ


@frozen(kw_only=True)
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
        raw_response=compact(samples.raw) if keeping.raw_response else None,
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
