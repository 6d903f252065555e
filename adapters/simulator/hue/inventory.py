"""Things that a bridge manages: the data of `things.json` with their identities and their values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs

from adapters.simulator import sensors, templates
from adapters.simulator.chance import hexadecimal, mac, resource_id
from adapters.simulator.house import ROOMS, Room, is_used
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.sensors import MotionSensor, motion_sensors
from adapters.simulator.weather import DAY_S, local_time, sunshine, utc_offset_s

_FOLDER = Path(__file__).parent
_THINGS = templates.load(_FOLDER, "things.json")
_CONFIG = templates.load(_FOLDER, "config.json")
_V2_TYPES = sorted(
    {
        *_THINGS.pop("types_without_things"),
        *(item["type"] for kind in _THINGS.values() for item in kind["v2"]),
    }
)
_V1_COLLECTIONS = ("lights", "groups", "schedules", "scenes", "rules", "sensors", "resourcelinks")
_DARK = 16_000
_DAYLIGHT = 23_000
_LOW_PERCENT = 20
_CRITICAL_PERCENT = 5
_FIRST_SENSORS = 17  # those with numbers below 90, where the sensors of apps begin
_SCENES = {"Bright": 254, "Relax": 144, "Read": 219, "Nightlight": 1, "Energize": 254}


class _Ids:
    """The v2 ids of one owner's resources, by service."""

    def __init__(self, *owner: int | str) -> None:
        self._owner = owner

    def __getitem__(self, service: str | int) -> str:
        return resource_id(*self._owner, service)


@attrs.frozen(kw_only=True)
class Inventory:
    """Encoded templates, by collection and number in v1 and by type and id in v2."""

    sensors: Sequence[MotionSensor]
    rooms: Sequence[Room]
    v1: Mapping[str, Mapping[str, str]]
    v2: Mapping[str, Mapping[str, str]]
    short_config: str
    config: str


def v2_id(sensor: MotionSensor, service: str) -> str:
    """Return the v2 id of one of the sensor's services, or of the `device` itself."""
    return resource_id(sensor.mac, service)


@lru_cache(maxsize=64)
def inventory(
    seed: int,
    model: BridgeModel,
    rooms: tuple[Room, ...],
    sensors_at_home: int = len(ROOMS),
    more: tuple[MotionSensor, ...] = (),
) -> Inventory:
    """Return what the bridge manages: the sensors of the rooms, and after them `more` with their rooms.

    Numbers have gaps, as where something was removed.
    """
    keys = {room.key for room in rooms}
    sensors = [sensor for sensor in motion_sensors(seed, sensors_at_home) if sensor.room in keys]
    sensors += more
    rooms += tuple(room for room in ROOMS if room.key in {one.room for one in more} - keys)
    v1: dict[str, dict[str, Any]] = {name: {} for name in _V1_COLLECTIONS}
    v2: dict[str, dict[str, str]] = {kind: {} for kind in _V2_TYPES}
    for kind, values in _things(seed, model, rooms, sensors):
        for collection, items in templates.fill(_THINGS[kind]["v1"], values).items():
            v1[collection].update({number: templates.encode(item) for number, item in items.items()})
        for item in templates.fill(_THINGS[kind]["v2"], values):
            v2[item["type"]][item["id"]] = templates.encode(item)
    v1["sensors"] = dict(sorted(v1["sensors"].items(), key=lambda item: int(item[0])))
    about = {**attrs.asdict(model), "mac": model.mac, "bridge_id_upper": model.bridge_id.upper()}
    short = templates.fill(_CONFIG["short"], about)
    return Inventory(
        sensors=sensors,
        rooms=rooms,
        v1=v1,
        v2=v2,
        short_config=templates.encode(short),
        config=templates.encode({**short, **_CONFIG["long"]}),
    )


def _things(
    seed: int, model: BridgeModel, rooms: Sequence[Room], sensors: Sequence[MotionSensor]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the template's name and the values of each thing, in the order in which v2 lists them."""
    lights = list(_lights(seed, rooms))
    dimmer_mac = mac(seed, f"dimmer {model.bridge_id}")
    for index, sensor in enumerate(sensors):
        yield "motion_sensor", _sensor_values(index, sensor, rooms)
    for light in lights:
        yield "light", light
    yield (
        "dimmer",
        {
            "mac": dimmer_mac,
            "tap": dimmer_mac[-11:],
            "rid": _Ids(dimmer_mac),
            "service": _Ids(resource_id(dimmer_mac, "device")),
            "button": _Ids(resource_id(dimmer_mac, "device"), "button"),
        },
    )
    yield "bridge", _bridge_values(seed, model, rooms, dimmer_mac)
    for group, room in enumerate(rooms, start=1):
        in_room = [light for light in lights if light["room"] == room.key]
        devices = [light["rid"]["device"] for light in in_room]
        devices += [v2_id(sensor, "device") for sensor in sensors if sensor.room == room.key]
        yield (
            "room",
            {
                "group": group,
                "room": room.key,
                "name": room.name,
                "class": room.kind_v1,
                "archetype": room.kind_v2,
                "rid": _Ids(model.bridge_id, room.key),
                "light_numbers": [str(light["number"]) for light in in_room],
                "children": [_reference(rid, "device") for rid in devices],
            },
        )
        if group <= 3:
            yield "night", {"group": group, "name": room.name, "minute": f"{5 * group:02d}"}
        for number, (name, level) in enumerate(_SCENES.items()):
            yield "scene", _scene_values(seed, model, room, group, number, name, level, in_room)


def _sensor_values(index: int, sensor: MotionSensor, rooms: Sequence[Room]) -> Mapping[str, Any]:
    first = 5 + 5 * index if index < _FIRST_SENSORS else 15 + 5 * index
    return {
        "index": index,
        "position": index + 1,
        "name": sensor.name,
        "mac": sensor.mac,
        "rid": _Ids(sensor.mac),
        "temperature_number": first,
        "presence_number": first + 1,
        "light_number": first + 2,
        "rule_on": 2 * index + 1,
        "rule_off": 2 * index + 2,
        "link": 1000 + index,
        "group": 1 + [room.key for room in rooms].index(sensor.room),
    }


def _lights(seed: int, rooms: Sequence[Room]) -> Iterator[Mapping[str, Any]]:
    places = [(room, number) for room in rooms for number in range(1, room.lights + 1)]
    for index, (room, number) in enumerate(places):
        address = mac(seed, f"{room.key} {number}")
        yield {
            "number": 2 + index + index // 6,
            "room": room.key,
            "name": f"{room.name} {number}",
            "mac": address,
            "rid": _Ids(address),
        }


def _bridge_values(
    seed: int, model: BridgeModel, rooms: Sequence[Room], dimmer_mac: str
) -> Mapping[str, Any]:
    is_pro = model.model_id == "BSB003"
    rid = _Ids(model.bridge_id)
    children = [_reference(rid["device"], "device"), _reference(resource_id(dimmer_mac, "device"), "device")]
    children += [_reference(resource_id(model.bridge_id, room.key, "room"), "room") for room in rooms]
    return {
        "bridge_id": model.bridge_id,
        "model_id": model.model_id,
        "name": model.name,
        "product_name": "Hue Bridge Pro" if is_pro else "Hue Bridge",
        "archetype": "bridge_v3" if is_pro else "bridge_v2",
        "software_version_v2": f"{model.api_version.rpartition('.')[0]}.{model.software_version}",
        "zigbee_mac": mac(model.bridge_id),
        "network": hexadecimal(16, model.bridge_id, "network"),
        "phone": hexadecimal(32, seed, "phone"),
        "geofence": hexadecimal(5, seed, "geofence"),
        "rid": rid,
        "children": children,
    }


def _scene_values(
    seed: int,
    model: BridgeModel,
    room: Room,
    group: int,
    number: int,
    name: str,
    level: int,
    lights: Sequence[Mapping[str, Any]],
) -> Mapping[str, Any]:
    scene_id = hexadecimal(15, seed, "scene", room.key, number)
    action = {"on": {"on": True}, "dimming": {"brightness": round(100 * level / 254, 2)}}
    return {
        "id": scene_id,
        "short_id": scene_id[:5],
        "name": name,
        "group": group,
        "group_text": str(group),
        "rid": resource_id(seed, "scene", room.key, number),
        "room_rid": resource_id(model.bridge_id, room.key, "room"),
        "light_numbers": [str(light["number"]) for light in lights],
        "actions": [
            {"target": _reference(light["rid"]["light"], "light"), "action": action} for light in lights
        ],
    }


def _reference(rid: str, kind: str) -> dict[str, str]:
    return {"rid": rid, "rtype": kind}


def stamp_v1(epoch_s: float) -> str:
    """Format an instant as v1 does: UTC, without a Z."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp_v2(epoch_s: float) -> str:
    """Format an instant as v2 does: UTC, with milliseconds and a Z."""
    return f"{datetime.fromtimestamp(epoch_s, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class Live:
    """Values of one instant, computed when they are asked for; `more` are those of the bridge itself.

    Those of a sensor that `left` the bridge are of the instant at which it did, by its MAC.
    """

    def __init__(
        self,
        seed: int,
        things: Inventory,
        epoch_s: float,
        more: Mapping[str, object],
        left: Mapping[str, float],
    ) -> None:
        self._seed = seed
        self._things = things
        self._epoch_s = epoch_s
        self._more = more
        self._left = left

    def value(self, name: str) -> object:
        """Return the value of a place."""
        what, _, which = name.partition(":")
        if sensor_value := _SENSOR_VALUES.get(what):
            sensor = self._things.sensors[int(which)]
            return sensor_value(self._seed, sensor, self._left.get(sensor.mac, self._epoch_s))
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
    "connectivity": lambda *at: "connected" if sensors.is_reachable(*at) else "connectivity_issue",
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
