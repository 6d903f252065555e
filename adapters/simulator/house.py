"""Rooms of the simulated home, how people use them, and how warm they are at any instant."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import attrs

from adapters.simulator.chance import chance
from adapters.simulator.templates import load
from adapters.simulator.weather import (
    DAY_S,
    YEAR_MEAN_CELSIUS,
    LocalTime,
    local_time,
    outdoor_celsius,
    solar_hour,
    sunshine,
)

STEP_S = 300
_STEPS_A_DAY = DAY_S // STEP_S
_CHAIN_DAYS = 4  # days are computed one from the other; each chain starts with a long run-up
_RUN_UP_DAYS = 8
_RUN_UP_FINE_DAYS = 1
_COARSE_STEP_S = 900
_OPEN_WINDOW_CONSTANT_H = 1.8
_WALLS_CONSTANT_H = 30.0  # how fast the rooms even out through their walls
_THERMOSTAT_BAND_CELSIUS = 0.6


@attrs.frozen(kw_only=True)
class Room:
    """Thermal properties of a room.

    `time_constant_h` is the time to lose 63 % of its surplus warmth, `heater_celsius_per_h` the effect of
    full heating, `sun_celsius_per_h` that of full sun at `sun_hour`. The heating aims at `comfort_celsius`,
    at night at `setback_celsius`.
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


ROOMS = tuple(Room(**room) for room in load(Path(__file__).parent, "rooms.json"))


def wanted_celsius(room: Room, local: LocalTime) -> float:
    """Return the set point: comfort in the morning and from the afternoon on, at weekends all day."""
    if local.is_weekend:
        is_comfort_time = 8 <= local.hour < 23
    else:
        is_comfort_time = 6 <= local.hour < 8.5 or 16 <= local.hour < 22.5
    if room.key == "office" and not local.is_weekend:
        is_comfort_time = 8 <= local.hour < 18
    return room.comfort_celsius if is_comfort_time else room.setback_celsius


def is_used(room: Room, local: LocalTime, seed: int) -> bool:
    """Return whether people are in the room in this half hour."""
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
    """Return whether the room is aired: in the morning and in the evening, more briefly when it is cold."""
    usual_h = 0.15 + 0.012 * max(0.0, outdoor_celsius)
    for airing in range(room.airings_a_day):
        earliest_h = 6.8 if airing == 0 else 17.5
        if not earliest_h <= local.hour < earliest_h + 2.75 + usual_h:
            continue
        begins_h = earliest_h + 2.5 * chance(seed, "aired", room.key, local.day, airing)
        lasts_h = usual_h + 0.25 * chance(seed, "aired for", room.key, local.day, airing)
        if begins_h <= local.hour < begins_h + lasts_h:
            return True
    return False


_INDEX = {room.key: index for index, room in enumerate(ROOMS)}

Temperatures = tuple[float, ...]


@attrs.frozen
class House:
    """Temperatures as a pure function of seed and instant."""

    seed: int = 1

    def room_celsius(self, key: str, epoch_s: float) -> float:
        """Return the air temperature of the room."""
        index = _INDEX[key]
        step, rest_s = divmod(epoch_s, STEP_S)
        before = self._at_step(int(step))[index]
        after = self._at_step(int(step) + 1)[index]
        return before + (after - before) * rest_s / STEP_S

    def outdoor_celsius(self, epoch_s: float) -> float:
        """Return the outdoor temperature."""
        return outdoor_celsius(self.seed, epoch_s, local_time(epoch_s))

    def _at_step(self, step: int) -> Temperatures:
        day, step_of_day = divmod(step, _STEPS_A_DAY)
        return _day(self.seed, day)[step_of_day]


@lru_cache(maxsize=256)
def _day(seed: int, day: int) -> tuple[Temperatures, ...]:
    """Return the temperatures at each step of a day, including the first step of the next day."""
    temperatures = _run_up(seed, day) if day % _CHAIN_DAYS == 0 else _day(seed, day - 1)[-1]
    steps = [temperatures]
    for step in range(_STEPS_A_DAY):
        temperatures = _after(seed, temperatures, day * DAY_S + step * STEP_S, STEP_S)
        steps.append(temperatures)
    return tuple(steps)


def _run_up(seed: int, day: int) -> Temperatures:
    """Return the temperatures at the start of a day, after a run-up that makes the first guess irrelevant."""
    begin_s = (day - _RUN_UP_DAYS) * DAY_S
    fine_s = (day - _RUN_UP_FINE_DAYS) * DAY_S
    temperatures = tuple(max(room.comfort_celsius, YEAR_MEAN_CELSIUS + 3) for room in ROOMS)
    for at_s in range(begin_s, fine_s, _COARSE_STEP_S):
        temperatures = _after(seed, temperatures, at_s, _COARSE_STEP_S)
    for at_s in range(fine_s, day * DAY_S, STEP_S):
        temperatures = _after(seed, temperatures, at_s, STEP_S)
    return temperatures


def _after(seed: int, temperatures: Temperatures, epoch_s: float, step_s: int) -> Temperatures:
    """Return the temperatures one step later: each room moves towards the balance of its gains and losses."""
    local = local_time(epoch_s)
    outside = outdoor_celsius(seed, epoch_s, local)
    sun = sunshine(seed, epoch_s, local)
    sun_hour = solar_hour(epoch_s)
    ground = YEAR_MEAN_CELSIUS + 2.5 * math.cos(2 * math.pi * (local.day_of_year - 240) / 365.25)
    inside = sum(temperatures) / len(temperatures)
    step_h = step_s / 3600
    after = []
    for room, now in zip(ROOMS, temperatures, strict=True):
        around = outside + (ground + 3 - outside) * room.ground_share
        window = 1 / _OPEN_WINDOW_CONSTANT_H if has_window_open(room, local, seed, outside) else 0.0
        walls = (1 - room.ground_share) / _WALLS_CONSTANT_H
        rate = 1 / room.time_constant_h + window + walls
        gain = around / room.time_constant_h + outside * window + inside * walls
        shortfall = (wanted_celsius(room, local) - now) / _THERMOSTAT_BAND_CELSIUS
        # The thermostat closes while a window is open.
        gain += 0.0 if window else room.heater_celsius_per_h * min(1.0, max(0.0, shortfall))
        if sun > 0:
            gain += room.sun_celsius_per_h * sun * math.exp(-(((sun_hour - room.sun_hour) / 4) ** 2))
        gain += room.used_celsius_per_h if is_used(room, local, seed) else 0.0
        balance = gain / rate
        after.append(balance + (now - balance) * math.exp(-rate * step_h))
    return tuple(after)
