"""The rooms of the simulated home, and how people use them."""

from __future__ import annotations

from adapters.simulator.chance import chance
from adapters.simulator.local_time import LocalTime
from domain.values import frozen


@frozen(kw_only=True)
class Room:
    """How a room keeps warmth.

    `time_constant_h` is how long it takes to lose 63 % of its surplus warmth; `comfort_celsius` and
    `setback_celsius` are what its heating aims at, by day and by night; `heater_celsius_per_h` is how fast
    full heating warms it; `sun_celsius_per_h` what full sun at `sun_hour` (by the sun's clock) adds.
    """

    key: str
    name: str
    kind_v1: str
    kind_v2: str
    time_constant_h: float
    comfort_celsius: float
    setback_celsius: float
    heater_celsius_per_h: float
    sun_hour: float = 12.0
    sun_celsius_per_h: float = 0.0
    used_celsius_per_h: float = 0.1
    ground_share: float = 0.0
    airings_a_day: int = 2
    lights: int = 2


ROOMS = (
    Room(key="living", name="Living room", kind_v1="Living room", kind_v2="living_room", time_constant_h=42,
         comfort_celsius=21.5, setback_celsius=18.5, heater_celsius_per_h=1.9, sun_hour=14,
         sun_celsius_per_h=1.5, used_celsius_per_h=0.25, lights=5),
    Room(key="kitchen", name="Kitchen", kind_v1="Kitchen", kind_v2="kitchen", time_constant_h=30,
         comfort_celsius=20.5, setback_celsius=17.5, heater_celsius_per_h=1.8, sun_hour=9,
         sun_celsius_per_h=0.9, used_celsius_per_h=0.5, lights=3),
    Room(key="bedroom", name="Bedroom", kind_v1="Bedroom", kind_v2="bedroom", time_constant_h=36,
         comfort_celsius=18.0, setback_celsius=16.5, heater_celsius_per_h=1.4, sun_hour=9,
         sun_celsius_per_h=0.8, used_celsius_per_h=0.15, lights=3),
    Room(key="bathroom", name="Bathroom", kind_v1="Bathroom", kind_v2="bathroom", time_constant_h=24,
         comfort_celsius=22.5, setback_celsius=19.0, heater_celsius_per_h=2.4, sun_hour=17,
         sun_celsius_per_h=0.3, used_celsius_per_h=0.9, lights=2),
    Room(key="hall", name="Hall", kind_v1="Hallway", kind_v2="hallway", time_constant_h=34,
         comfort_celsius=18.5, setback_celsius=16.5, heater_celsius_per_h=1.4, sun_celsius_per_h=0.1,
         airings_a_day=1, lights=2),
    Room(key="office", name="Office", kind_v1="Office", kind_v2="office", time_constant_h=32,
         comfort_celsius=20.5, setback_celsius=17.0, heater_celsius_per_h=1.7, sun_hour=16,
         sun_celsius_per_h=1.3, used_celsius_per_h=0.45, lights=2),
    Room(key="attic", name="Attic", kind_v1="Attic", kind_v2="attic", time_constant_h=15,
         comfort_celsius=12.0, setback_celsius=10.0, heater_celsius_per_h=1.2, sun_hour=13,
         sun_celsius_per_h=2.0, used_celsius_per_h=0.0, airings_a_day=1, lights=2),
    Room(key="cellar", name="Cellar", kind_v1="Storage", kind_v2="storage", time_constant_h=48,
         comfort_celsius=8.0, setback_celsius=8.0, heater_celsius_per_h=0.5, used_celsius_per_h=0.0,
         ground_share=0.85, airings_a_day=0, lights=1),
)  # fmt: skip


def wanted_celsius(room: Room, local: LocalTime) -> float:
    """What the heating aims at: comfort in the morning and from the afternoon on, at weekends all day."""
    if local.is_weekend:
        is_comfort_time = 8 <= local.hour < 23
    else:
        is_comfort_time = 6 <= local.hour < 8.5 or 16 <= local.hour < 22.5
    if room.key == "office" and not local.is_weekend:
        is_comfort_time = 8 <= local.hour < 18
    return room.comfort_celsius if is_comfort_time else room.setback_celsius


def is_used(room: Room, local: LocalTime, seed: int) -> bool:
    """Whether somebody is in the room in this half hour."""
    asleep = local.hour < 6.5 or local.hour >= 23
    if room.key == "bedroom":
        return asleep
    if asleep or room.used_celsius_per_h == 0:
        return False
    away = not local.is_weekend and 9 <= local.hour < 16 and room.key != "office"
    if room.key == "bathroom":
        return 6.5 <= local.hour < 7.5
    return chance(seed, "used", room.key, local.day, int(local.hour * 2)) < (0.05 if away else 0.6)


def has_window_open(room: Room, local: LocalTime, seed: int, outdoor_celsius: float) -> bool:
    """Whether the room is being aired: after getting up and in the evening, the shorter the colder it is."""
    usual_h = 0.15 + 0.012 * max(0.0, outdoor_celsius)
    for airing in range(room.airings_a_day):
        earliest_h = 6.8 if airing == 0 else 17.5
        begins_h = earliest_h + 2.5 * chance(seed, "aired", room.key, local.day, airing)
        lasts_h = usual_h + 0.25 * chance(seed, "aired for", room.key, local.day, airing)
        if begins_h <= local.hour < begins_h + lasts_h:
            return True
    return False
