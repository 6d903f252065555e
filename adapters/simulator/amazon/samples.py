"""What each monitor of the simulated home last reported, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from adapters.simulator.air import air_at, relative_humidity
from adapters.simulator.amazon.monitors import Monitor
from adapters.simulator.chance import chance
from adapters.simulator.house import House
from adapters.simulator.local_time import DAY_S
from domain.reading import Quantity
from domain.values import frozen

REPORT_EVERY_S = 300
NOTICED_AFTER_S = 600  # the service calls a monitor unreachable when it has been silent for so long
_JITTER_S = 7.0
_QUIET_EVERY_DAYS = 3
_QUIET_ROOM = "living"
_FRACTION_DIGITS = (0, 1, 2, 3, 3, 6, 9)


@frozen(kw_only=True)
class Sample:
    """A value, when it was true, since when it has not changed, and that time as the service writes it."""

    value: float
    at: datetime
    changed_at: datetime
    digits: int

    @property
    def stamp(self) -> str:
        """The time of the sample, with as many digits behind the second as it happens to have."""
        return stamp(self.at, self.digits)


def sample_at(seed: int, monitor: Monitor, quantity: Quantity, epoch_s: float) -> Sample:
    """What the service has of the quantity: the last that the monitor told it."""
    heard_s = last_heard_s(seed, monitor, epoch_s)
    newest = int(heard_s // REPORT_EVERY_S)
    while _sampled_s(seed, monitor, quantity, newest) > heard_s:
        newest -= 1
    return _numbered(seed, monitor, quantity, newest)


@lru_cache(maxsize=4096)
def _numbered(seed: int, monitor: Monitor, quantity: Quantity, newest: int) -> Sample:
    """The sample of the n-th report; a reply asks for it several times over."""
    value = _value(seed, monitor, quantity, newest)
    changed = newest
    while newest - changed < 12 and _value(seed, monitor, quantity, changed - 1) == value:
        changed -= 1
    return Sample(
        value=value,
        at=_instant(_sampled_s(seed, monitor, quantity, newest)),
        changed_at=_instant(_sampled_s(seed, monitor, quantity, changed)),
        digits=_digits(monitor, quantity, newest),
    )


def is_reachable(seed: int, monitor: Monitor, epoch_s: float) -> bool:
    """Whether the service has heard of the monitor lately."""
    return epoch_s - last_heard_s(seed, monitor, epoch_s) < NOTICED_AFTER_S


def last_heard_s(seed: int, monitor: Monitor, epoch_s: float) -> float:
    """Until when the service heard from the monitor: the instant itself while the two are in touch."""
    if monitor.room == _QUIET_ROOM:
        today = int(epoch_s // DAY_S)
        for day in (today, today - 1):
            begins_s, ends_s = quiet_spell(seed, day)
            if begins_s < epoch_s < ends_s:
                return begins_s
    return epoch_s


def quiet_spell(seed: int, day: int) -> tuple[float, float]:
    """When the monitor in the living room drops out on a day; an empty interval on most days."""
    begins_s = (day + chance(seed, "monitor quiet at", day)) * DAY_S
    is_quiet = (day + seed) % _QUIET_EVERY_DAYS == 1
    lasts_h = 3 + 5 * chance(seed, "monitor quiet for", day) if is_quiet else 0
    return begins_s, begins_s + lasts_h * 3600


def stamp(instant: datetime, digits: int) -> str:
    """An instant as the service writes it: UTC, a fraction of so many digits, and a Z."""
    fraction = f".{instant.microsecond:06d}000"[: digits + 1] if digits else ""
    return f"{instant:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


@lru_cache(maxsize=65536)
def _report_s(seed: int, monitor: Monitor, number: int) -> float:
    """When the monitor makes its n-th report: about every five minutes, each at its own moment."""
    phase_s = chance(seed, "monitor phase", monitor.number) * (REPORT_EVERY_S - _JITTER_S - 1)
    jitter_s = chance(seed, "monitor jitter", monitor.number, number) * _JITTER_S
    return number * REPORT_EVERY_S + phase_s + jitter_s


def _digits(monitor: Monitor, quantity: Quantity, number: int) -> int:
    share = chance("digits", monitor.serial, quantity.value, number)
    return _FRACTION_DIGITS[int(share * len(_FRACTION_DIGITS))]


@lru_cache(maxsize=65536)
def _sampled_s(seed: int, monitor: Monitor, quantity: Quantity, number: int) -> float:
    """When the quantity was measured for the report: they come one after the other, within a second."""
    late_s = 0.9 * chance("late", monitor.serial, quantity.value, number)
    digits = min(_digits(monitor, quantity, number), 6)
    return round(_report_s(seed, monitor, number) + late_s, digits)


@lru_cache(maxsize=65536)
def _value(seed: int, monitor: Monitor, quantity: Quantity, number: int) -> float:
    epoch_s = _report_s(seed, monitor, number)
    celsius = House(seed).room_celsius(monitor.room, epoch_s)
    air = air_at(seed, monitor.room, epoch_s)
    match quantity:
        case Quantity.TEMPERATURE:
            return round(4 * (celsius + _own_warmth(seed, monitor))) / 4
        case Quantity.RELATIVE_HUMIDITY:
            return _whole(relative_humidity(air.water, celsius))
        case Quantity.VOC_INDEX:
            return _whole(air.organic)
        case Quantity.CARBON_MONOXIDE:
            return _whole(air.carbon_monoxide)
        case Quantity.IAQ_SCORE:
            return _score(seed, monitor, number)
    return float(round(air.particles))


def _whole(value: float) -> float:
    return float(min(100, max(0, round(value))))


def _own_warmth(seed: int, monitor: Monitor) -> float:
    """A monitor shows a little more than the room has, since it warms itself."""
    return 0.2 + 0.5 * chance(seed, "own warmth", monitor.number)


def _score(seed: int, monitor: Monitor, number: int) -> float:
    """100 is the best; what the other values take off it."""

    def worth(quantity: Quantity) -> float:
        return _value(seed, monitor, quantity, number)

    humidity = worth(Quantity.RELATIVE_HUMIDITY)
    taken_off = (
        min(60.0, 0.9 * worth(Quantity.PM25))
        + 0.45 * worth(Quantity.VOC_INDEX)
        + 3.0 * worth(Quantity.CARBON_MONOXIDE)
        + 0.8 * max(0.0, 30 - humidity, humidity - 60)
    )
    return _whole(100 - taken_off)
