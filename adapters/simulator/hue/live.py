"""Values of a bridge's things at one instant, under the names that `things.json` has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from adapters.simulator import sensors
from adapters.simulator.house import is_used
from adapters.simulator.hue.inventory import Inventory
from adapters.simulator.sensors import MotionSensor
from adapters.simulator.weather import DAY_S, local_time, sunshine, utc_offset_s

_DARK = 16_000
_DAYLIGHT = 23_000
_LOW_PERCENT = 20
_CRITICAL_PERCENT = 5


def stamp_v1(epoch_s: float) -> str:
    """Format an instant as v1 does: UTC, without a Z."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp_v2(epoch_s: float) -> str:
    """Format an instant as v2 does: UTC, with milliseconds and a Z."""
    return f"{datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class Live:
    """Values of one instant, computed when they are asked for; `more` are those of the bridge itself."""

    def __init__(self, seed: int, things: Inventory, epoch_s: float, more: Mapping[str, object]) -> None:
        self._seed = seed
        self._things = things
        self._epoch_s = epoch_s
        self._more = more

    def __getitem__(self, name: str) -> object:
        what, _, which = name.partition(":")
        if sensor_value := _SENSOR_VALUES.get(what):
            return sensor_value(self._seed, self._things.sensors[int(which)], self._epoch_s)
        if what in _HOME_VALUES:
            return _HOME_VALUES[what](self._seed, self._epoch_s)
        if what in self._more:
            return self._more[what]
        is_lit = self._is_lit(which)
        return is_lit if what == "lit" else 56.69 if is_lit else 0.0

    def _is_lit(self, room_key: str) -> bool:
        """Return whether lights are on in the room, or anywhere: in the evening, where people are."""
        local = local_time(self._epoch_s)
        return local.hour >= 17 and any(
            is_used(room, local, self._seed) for room in self._things.rooms if room_key in ("", room.key)
        )


def _battery_state(seed: int, sensor: MotionSensor, epoch_s: float) -> str:
    percent = sensors.battery_percent(seed, sensor, epoch_s)
    return "normal" if percent > _LOW_PERCENT else "low" if percent > _CRITICAL_PERCENT else "critical"


def _connectivity(seed: int, sensor: MotionSensor, epoch_s: float) -> str:
    return "connected" if sensors.is_reachable(seed, sensor, epoch_s) else "connectivity_issue"


_temperature, _light, _presence = sensors.temperature_at, sensors.light_at, sensors.presence_at
_SENSOR_VALUES: Mapping[str, Callable[[int, MotionSensor, float], object]] = {
    "celsius": lambda *at: _temperature(*at).value / 100,
    "centi_celsius": lambda *at: _temperature(*at).value,
    "temperature_v1": lambda *at: stamp_v1(_temperature(*at).changed_s),
    "temperature_v2": lambda *at: stamp_v2(_temperature(*at).changed_s),
    "light": lambda *at: _light(*at).value,
    "dark": lambda *at: _light(*at).value < _DARK,
    "daylight": lambda *at: _light(*at).value > _DAYLIGHT,
    "light_v1": lambda *at: stamp_v1(_light(*at).changed_s),
    "light_v2": lambda *at: stamp_v2(_light(*at).changed_s),
    "presence": lambda *at: bool(_presence(*at).value),
    "presence_v1": lambda *at: stamp_v1(_presence(*at).changed_s),
    "presence_v2": lambda *at: stamp_v2(_presence(*at).changed_s),
    "battery": sensors.battery_percent,
    "battery_state": _battery_state,
    "reachable": sensors.is_reachable,
    "connectivity": _connectivity,
}
_HOME_VALUES: Mapping[str, Callable[[int, float], object]] = {
    "now_v1": lambda _, now_s: stamp_v1(now_s),
    "local_time": lambda _, now_s: stamp_v1(now_s + utc_offset_s(now_s)),
    "hour_v1": lambda _, now_s: stamp_v1(now_s - now_s % 3600),
    "hour_v2": lambda _, now_s: stamp_v2(now_s - now_s % 3600),
    "half_day_v1": lambda _, now_s: stamp_v1(now_s - now_s % (DAY_S / 2)),
    "day_v1": lambda _, now_s: stamp_v1(now_s - now_s % DAY_S),
    "sun_is_up": lambda seed, now_s: sunshine(seed, now_s, local_time(now_s)) > 0,
}
