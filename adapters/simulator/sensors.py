"""Motion sensors of the simulated home: what each one last reported, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property, lru_cache

import attrs

from adapters.simulator.chance import chance, mac
from adapters.simulator.house import ROOMS, House, is_used
from adapters.simulator.weather import DAY_S, local_time, sunshine

REPORT_EVERY_S = 300
_JITTER_S = 7.0
_LOOK_BACK_REPORTS = 288
_BATTERY_LIFE_S = 42 * DAY_S  # of the weak one, which is then replaced
_DEAD_FOR_S = 3 * DAY_S
_QUIET_EVERY_DAYS = 4
_DYING_ROOM = "hall"
_QUIET_ROOM = "cellar"
_NAMES = {"bedroom": "Bedroom sensor", "office": "Desk sensor"}


@attrs.frozen(kw_only=True, cache_hash=True)
class MotionSensor:
    """A device that measures temperature, light and presence; `name` is the one that its owner gave it."""

    number: int
    room: str
    name: str
    mac: str

    @cached_property
    def uniqueid(self) -> str:
        """Return the v1 identity of its temperature part."""
        return f"{self.mac}-02-0402"

    @cached_property
    def device_id(self) -> str:
        """Return its identity in readings."""
        return f"hue:{self.uniqueid}"


@attrs.frozen(kw_only=True)
class Report:
    """The last value that a bridge received of one quantity, and since when it has not changed."""

    value: int
    changed_s: float


@lru_cache(maxsize=64)
def motion_sensors(seed: int, count: int = len(ROOMS)) -> tuple[MotionSensor, ...]:
    """Return one sensor for each room, then a second one, and so on; the same for the same seed."""
    return tuple(_motion_sensor(seed, number) for number in range(count))


@lru_cache(maxsize=64)
def sensors_by_id(seed: int, count: int) -> Mapping[str, MotionSensor]:
    """Return the same sensors by their identity in readings."""
    return {sensor.device_id: sensor for sensor in motion_sensors(seed, count)}


def _motion_sensor(seed: int, number: int) -> MotionSensor:
    earlier, place = divmod(number, len(ROOMS))
    room = ROOMS[place]
    name = _NAMES.get(room.key, f"{room.name} motion")
    return MotionSensor(
        number=number,
        room=room.key,
        name=f"{name} {earlier + 1}" if earlier else name,
        mac=mac(seed, number),
    )


@lru_cache(maxsize=512)
def temperature_at(seed: int, sensor: MotionSensor, epoch_s: float) -> Report:
    """Return the temperature that the bridge shows, in hundredths of a degree Celsius."""
    newest = _newest_report(seed, sensor, _last_heard_s(seed, sensor, epoch_s))
    value = _centi_celsius(seed, sensor, newest)
    for earlier in range(newest - 1, newest - _LOOK_BACK_REPORTS, -1):
        if _centi_celsius(seed, sensor, earlier) != value:
            return Report(value=value, changed_s=_report_s(seed, sensor, earlier + 1))
    return Report(value=value, changed_s=_report_s(seed, sensor, newest - _LOOK_BACK_REPORTS))


@lru_cache(maxsize=512)
def light_at(seed: int, sensor: MotionSensor, epoch_s: float) -> Report:
    """Return the light level that the bridge shows: 10000 log10(lux) + 1, as Signify defines it."""
    newest = _newest_report(seed, sensor, _last_heard_s(seed, sensor, epoch_s))
    reported_s = _report_s(seed, sensor, newest)
    lamps_lux = 80 if presence_at(seed, sensor, reported_s).value else 0
    lux = 1 + 900 * sunshine(seed, reported_s, local_time(reported_s)) + lamps_lux
    return Report(value=round(10_000 * math.log10(lux) + 1), changed_s=reported_s)


@lru_cache(maxsize=512)
def presence_at(seed: int, sensor: MotionSensor, epoch_s: float) -> Report:
    """Return whether the bridge shows presence: 1 or 0. People come and go by the half hour."""
    late_s = 100 * chance(seed, "moved", sensor.number)
    seen_s = _last_heard_s(seed, sensor, epoch_s) - late_s
    half_hour_s = seen_s - seen_s % 1800
    is_present = is_used(ROOMS[sensor.number % len(ROOMS)], local_time(half_hour_s), seed)
    return Report(value=int(is_present), changed_s=half_hour_s + late_s)


def is_reachable(seed: int, sensor: MotionSensor, epoch_s: float) -> bool:
    """Return whether the bridge reaches the sensor."""
    return _last_heard_s(seed, sensor, epoch_s) == epoch_s


def battery_percent(seed: int, sensor: MotionSensor, epoch_s: float) -> int:
    """Return the battery level: a battery lasts two years, that in the hall six weeks."""
    if _is_first_in(_DYING_ROOM, sensor):
        lived_s = _battery_age_s(seed, epoch_s)
        return max(0, math.ceil(100 * (1 - lived_s / (_BATTERY_LIFE_S - _DEAD_FOR_S))))
    life_s = 730 * DAY_S
    lived_s = (epoch_s + chance(seed, "battery", sensor.number) * life_s) % life_s
    return 100 - int(85 * lived_s / life_s)


def _is_first_in(room: str, sensor: MotionSensor) -> bool:
    """Return whether this is the first sensor in the room: only that one has its trouble."""
    return sensor.room == room and sensor.number < len(ROOMS)


def _battery_age_s(seed: int, epoch_s: float) -> float:
    return (epoch_s + chance(seed, "battery", _DYING_ROOM) * _BATTERY_LIFE_S) % _BATTERY_LIFE_S


def _last_heard_s(seed: int, sensor: MotionSensor, epoch_s: float) -> float:
    """Return when the bridge last heard from the sensor: now, while it is reachable."""
    if _is_first_in(_DYING_ROOM, sensor):
        silent_s = _battery_age_s(seed, epoch_s) - (_BATTERY_LIFE_S - _DEAD_FOR_S)
        return epoch_s - max(0.0, silent_s)
    if _is_first_in(_QUIET_ROOM, sensor):
        for day in (int(epoch_s // DAY_S), int(epoch_s // DAY_S) - 1):
            begins_s, ends_s = _quiet_spell(seed, day)
            if begins_s < epoch_s < ends_s:
                return begins_s
    return epoch_s


def _quiet_spell(seed: int, day: int) -> tuple[float, float]:
    """Return when the sensor in the cellar is silent on a day; an empty interval on most days."""
    begins_s = (day + chance(seed, "quiet at", day)) * DAY_S
    lasts_h = 2 + 5 * chance(seed, "quiet for", day) if (day + seed) % _QUIET_EVERY_DAYS == 0 else 0
    return begins_s, begins_s + lasts_h * 3600


@lru_cache(maxsize=8192)
def _report_s(seed: int, sensor: MotionSensor, number: int) -> float:
    """Return the time of the n-th report: about every five minutes, each sensor at its own moment."""
    phase_s = chance(seed, "phase", sensor.number) * (REPORT_EVERY_S - _JITTER_S)
    jitter_s = chance(seed, "jitter", sensor.number, number) * _JITTER_S
    return round(number * REPORT_EVERY_S + phase_s + jitter_s, 3)


def _newest_report(seed: int, sensor: MotionSensor, epoch_s: float) -> int:
    number = int(epoch_s // REPORT_EVERY_S)
    return number if _report_s(seed, sensor, number) <= epoch_s else number - 1


@lru_cache(maxsize=8192)
def _centi_celsius(seed: int, sensor: MotionSensor, number: int) -> int:
    return round(100 * House(seed).room_celsius(sensor.room, _report_s(seed, sensor, number)))
