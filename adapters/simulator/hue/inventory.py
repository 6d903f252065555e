"""The things that belong to a bridge and do not change: who is who, under which number, in which room."""

from __future__ import annotations

from functools import lru_cache

from adapters.simulator.chance import hexadecimal, mac, resource_id
from adapters.simulator.rooms import ROOMS, Room
from adapters.simulator.sensors import MotionSensor, motion_sensors
from domain.values import frozen

_FIRST_NUMBERS = 17  # of the sensors: those below 90, where apps' made-up sensors stand
_SCENES = ("Bright", "Relax", "Read", "Nightlight", "Energize")


@frozen(kw_only=True)
class SensorIds:
    """The numbers by which v1 knows the three parts of a motion sensor."""

    temperature: int
    presence: int
    light_level: int


@frozen(kw_only=True)
class PlacedSensor:
    """A motion sensor as a bridge knows it."""

    sensor: MotionSensor
    ids: SensorIds

    def rid(self, service: str) -> str:
        """The v2 identity of one of its services, or of the `device` itself."""
        return resource_id(self.sensor.mac, service)


@frozen(kw_only=True)
class Light:
    """A lamp."""

    number: int
    room: Room
    name: str
    mac: str

    def rid(self, service: str) -> str:
        """The v2 identity of one of its services, or of the `device` itself."""
        return resource_id(self.mac, service)


@frozen(kw_only=True)
class Scene:
    """A light setting of a room that somebody stored."""

    v1_id: str
    name: str
    room: Room
    brightness: int
    rid: str


@frozen(kw_only=True)
class Inventory:
    """Everything that one bridge has in its care."""

    bridge_id: str
    sensors: tuple[PlacedSensor, ...]
    lights: tuple[Light, ...]
    scenes: tuple[Scene, ...]
    dimmer_mac: str
    rooms: tuple[Room, ...]

    def group_number(self, room: Room) -> int:
        """The number by which v1 knows the room."""
        return self.rooms.index(room) + 1

    def room_rid(self, room: Room, service: str = "room") -> str:
        """The v2 identity of the room, or of one of its services."""
        return resource_id(self.bridge_id, room.key, service)

    def rid(self, service: str) -> str:
        """The v2 identity of the bridge's own `device`, or of one of its services."""
        return resource_id(self.bridge_id, service)


@lru_cache(maxsize=64)
def inventory(
    seed: int, bridge_id: str, rooms: tuple[Room, ...], sensors_at_home: int = len(ROOMS)
) -> Inventory:
    """What the bridge has in its care. Numbers have gaps, as where something was removed once."""
    at_home = motion_sensors(seed, sensors_at_home)
    sensors = [sensor for sensor in at_home if sensor.room in {room.key for room in rooms}]
    return Inventory(
        bridge_id=bridge_id,
        sensors=tuple(
            PlacedSensor(sensor=sensor, ids=_ids(position)) for position, sensor in enumerate(sensors)
        ),
        lights=_lights(seed, rooms),
        scenes=tuple(_scene(seed, room, number) for room in rooms for number in range(len(_SCENES))),
        dimmer_mac=mac(seed, f"dimmer {bridge_id}"),
        rooms=rooms,
    )


def _ids(position: int) -> SensorIds:
    first = 5 + 5 * position if position < _FIRST_NUMBERS else 15 + 5 * position
    return SensorIds(temperature=first, presence=first + 1, light_level=first + 2)


def _lights(seed: int, rooms: tuple[Room, ...]) -> tuple[Light, ...]:
    places = [(room, number) for room in rooms for number in range(1, room.lights + 1)]
    return tuple(
        Light(
            number=2 + index + index // 6,
            room=room,
            name=f"{room.name} {number}",
            mac=mac(seed, f"{room.key} {number}"),
        )
        for index, (room, number) in enumerate(places)
    )


def _scene(seed: int, room: Room, number: int) -> Scene:
    return Scene(
        v1_id=hexadecimal(15, seed, "scene", room.key, number),
        name=_SCENES[number],
        room=room,
        brightness=(254, 144, 219, 1, 254)[number],
        rid=resource_id(seed, "scene", room.key, number),
    )
