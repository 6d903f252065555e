"""Air quality monitors of the simulated home: their identities, and what each one last reported."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

import attrs

from adapters.simulator.air import air_at, relative_humidity
from adapters.simulator.chance import chance, hexadecimal, resource_id
from adapters.simulator.house import House
from adapters.simulator.weather import DAY_S
from domain.reading import Quantity

REPORT_EVERY_S = 300
RANGE_INSTANCES: Mapping[Quantity, str] = {
    Quantity.RELATIVE_HUMIDITY: "4",
    Quantity.VOC_INDEX: "5",
    Quantity.PM25: "6",
    Quantity.PM10: "7",
    Quantity.CARBON_MONOXIDE: "8",
    Quantity.IAQ_SCORE: "9",
}
_UNREACHABLE_AFTER_S = 600  # silence after which the service reports a monitor as unreachable
_JITTER_S = 7.0
_QUIET_EVERY_DAYS = 3
_QUIET_ROOM = "living"
_ALL_AGAIN_REPORTS = 30 * 288  # after so many reports, a month, a monitor publishes every value again
_FRACTION_DIGITS = (0, 1, 2, 3, 3, 6, 9)


@attrs.frozen(kw_only=True, cache_hash=True)
class Monitor:
    """A monitor, with the name that its owner gave it and all ids that the service has for it."""

    number: int
    room: str
    name: str
    serial: str
    entity_id: str
    appliance_id: str
    quantities: tuple[Quantity, ...]

    @property
    def endpoint_id(self) -> str:
        """Return its identity in GraphQL."""
        return f"amzn1.alexa.endpoint.{self.entity_id}"

    @property
    def device_id(self) -> str:
        """Return its identity in readings."""
        return f"alexa:{self.serial}"

    def is_called(self, where: str) -> bool:
        """Return whether that is one of its names or ids; an empty text matches every monitor."""
        names = (self.serial, self.name, self.room, self.entity_id, self.endpoint_id, self.appliance_id)
        return not where or where in names


@attrs.frozen(kw_only=True)
class Sample:
    """A value, its time, and the digits of a second that the service writes."""

    value: float
    at: datetime
    digits: int


@lru_cache(maxsize=64)
def monitors(seed: int) -> tuple[Monitor, ...]:
    """Return a monitor for each of three rooms; the same for the same seed."""
    everything = (Quantity.TEMPERATURE, *RANGE_INSTANCES)
    without_pm10 = tuple(quantity for quantity in everything if quantity is not Quantity.PM10)
    placed = (
        ("kitchen", "First Air Quality Monitor", everything),
        ("bedroom", "Bedroom air", without_pm10),
        ("living", "Living Room Air Quality Monitor", everything),
    )
    return tuple(
        Monitor(
            number=number,
            room=room,
            name=name,
            serial=f"GAJ2{hexadecimal(12, seed, 'serial', number).upper()}",
            entity_id=resource_id(seed, "monitor", number),
            appliance_id=f"AAA_SonarCloudService_00QA{hexadecimal(60, seed, 'appliance', number)}",
            quantities=quantities,
        )
        for number, (room, name, quantities) in enumerate(placed)
    )


def sample_at(seed: int, monitor: Monitor, quantity: Quantity, epoch_s: float) -> Sample:
    """Return the last sample of the quantity that the service has: a monitor publishes changes only."""
    return _sample(
        seed,
        monitor,
        quantity,
        _last_change(seed, monitor, quantity, _newest(seed, monitor, quantity, epoch_s)),
    )


@lru_cache(maxsize=4096)
def _sample(seed: int, monitor: Monitor, quantity: Quantity, number: int) -> Sample:
    """Return what was sampled for the n-th report."""
    sampled_s, digits = _sampled_s(seed, monitor, quantity, number)
    value = _values(seed, monitor, number)[quantity]
    return Sample(value=value, at=datetime.fromtimestamp(sampled_s, UTC), digits=digits)


def is_reachable(seed: int, monitor: Monitor, epoch_s: float) -> bool:
    """Return whether the service has heard from the monitor recently."""
    return epoch_s - last_heard_s(seed, monitor, epoch_s) < _UNREACHABLE_AFTER_S


def last_heard_s(seed: int, monitor: Monitor, epoch_s: float) -> float:
    """Return when the service last heard from the monitor: now, while the two are in touch."""
    if monitor.room == _QUIET_ROOM:
        today = int(epoch_s // DAY_S)
        for day in (today, today - 1):
            begins_s, ends_s = quiet_spell(seed, day)
            if begins_s < epoch_s < ends_s:
                return begins_s
    return epoch_s


def quiet_spell(seed: int, day: int) -> tuple[float, float]:
    """Return when the monitor in the living room drops out on a day; an empty interval on most days."""
    begins_s = (day + chance(seed, "monitor quiet at", day)) * DAY_S
    is_quiet = (day + seed) % _QUIET_EVERY_DAYS == 1
    lasts_h = 3 + 5 * chance(seed, "monitor quiet for", day) if is_quiet else 0
    return begins_s, begins_s + lasts_h * 3600


def stamp(instant: datetime, digits: int) -> str:
    """Format an instant as the service does: UTC, a fraction of so many digits, and a Z."""
    whole = instant.isoformat(timespec="seconds")[:19]
    return f"{whole}.{instant.microsecond:06d}000"[: 20 + digits] + "Z" if digits else f"{whole}Z"


def _newest(seed: int, monitor: Monitor, quantity: Quantity, epoch_s: float) -> int:
    """Return the number of the newest report whose sample the service has."""
    heard_s = last_heard_s(seed, monitor, epoch_s)
    newest = int(heard_s // REPORT_EVERY_S)
    while _sampled_s(seed, monitor, quantity, newest)[0] > heard_s:
        newest -= 1
    return newest


def _last_change(seed: int, monitor: Monitor, quantity: Quantity, newest: int) -> int:
    """Return the number of the first report that already had the value of the newest one."""
    series = (seed, monitor.number, quantity)
    known, known_change = _last_changes.get(series, (newest + 1, 0))
    number = newest
    while number % _ALL_AGAIN_REPORTS:
        if number == known:
            number = known_change
            break
        before = _values(seed, monitor, number - 1)[quantity]
        if before != _values(seed, monitor, number)[quantity]:
            break
        number -= 1
    _last_changes[series] = newest, number
    return number


# The last question of each series, so that the next one looks back only to it.
_last_changes: dict[tuple[int, int, Quantity], tuple[int, int]] = {}


@lru_cache(maxsize=4096)
def _report_s(seed: int, monitor: Monitor, number: int) -> float:
    """Return the time of the n-th report: about every five minutes, each monitor at its own moment."""
    phase_s = chance(seed, "monitor phase", monitor.number) * (REPORT_EVERY_S - _JITTER_S - 1)
    jitter_s = chance(seed, "monitor jitter", monitor.number, number) * _JITTER_S
    return number * REPORT_EVERY_S + phase_s + jitter_s


@lru_cache(maxsize=4096)
def _sampled_s(seed: int, monitor: Monitor, quantity: Quantity, number: int) -> tuple[float, int]:
    """Return when the quantity was measured for the report, and the digits of that time.

    The quantities are measured one after the other, within a second.
    """
    name = quantity.value
    late_s = 0.9 * chance("late", monitor.serial, name, number)
    digits = _FRACTION_DIGITS[int(chance("digits", monitor.serial, name, number) * len(_FRACTION_DIGITS))]
    return round(_report_s(seed, monitor, number) + late_s, min(digits, 6)), digits


@lru_cache(maxsize=2048)
def _values(seed: int, monitor: Monitor, number: int) -> Mapping[Quantity, float]:
    """Return the values of the n-th report."""
    epoch_s = _report_s(seed, monitor, number)
    celsius = House(seed).room_celsius(monitor.room, epoch_s)
    air = air_at(seed, monitor.room, epoch_s)
    own_warmth = 0.2 + 0.5 * chance(seed, "own warmth", monitor.number)  # a monitor warms itself
    humidity = _whole(relative_humidity(air.water, celsius))
    organic, carbon_monoxide = _whole(air.organic), _whole(air.carbon_monoxide)
    particles = float(round(air.particles))
    deductions = (
        min(60.0, 0.9 * particles)
        + 0.45 * organic
        + 3.0 * carbon_monoxide
        + 0.8 * max(0.0, 30 - humidity, humidity - 60)
    )
    return {
        Quantity.TEMPERATURE: round(4 * (celsius + own_warmth)) / 4,
        Quantity.RELATIVE_HUMIDITY: humidity,
        Quantity.VOC_INDEX: organic,
        Quantity.PM25: particles,
        Quantity.PM10: particles,
        Quantity.CARBON_MONOXIDE: carbon_monoxide,
        Quantity.IAQ_SCORE: _whole(100 - deductions),
    }


def _whole(value: float) -> float:
    return float(min(100, max(0, round(value))))
