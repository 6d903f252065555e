"""Air of the simulated home's rooms at any instant: moisture, particles, carbon monoxide, vapours."""

from __future__ import annotations

import math
from functools import lru_cache

import attrs

from adapters.simulator.chance import chance, drift
from adapters.simulator.house import ROOMS, Room, has_window_open, is_used
from adapters.simulator.weather import DAY_S, LocalTime, local_time, outdoor_celsius

_STEP_S = 300
_STEPS_A_DAY = DAY_S // _STEP_S
_RUN_UP_STEPS = 216  # 18 hours: by then the first guess no longer matters
_ROOMS = {room.key: room for room in ROOMS}

# The share of the kitchen's and the bathroom's emissions that reaches a room.
_KITCHEN_SHARE = {"kitchen": 1.0, "living": 0.3, "hall": 0.3, "office": 0.08, "bedroom": 0.05}
_BATHROOM_SHARE = {"bathroom": 1.0, "hall": 0.3, "bedroom": 0.25, "living": 0.08, "kitchen": 0.08}

_LEAKAGE_PER_H = 0.3  # air changes an hour in a closed room
_OPEN_WINDOW_PER_H = 5.0
_HOOD_PER_H = 1.2

_MEALS = (  # name, earliest hour, share of weekdays and of weekend days on which it is cooked
    ("breakfast", 6.9, 0.4, 0.8),
    ("lunch", 11.8, 0.1, 0.7),
    ("dinner", 17.6, 0.85, 0.9),
)


@attrs.frozen
class Air:
    """Water in g/m3, fine particles in ug/m3, carbon monoxide in ppm, and an index of organic vapours."""

    water: float
    particles: float
    carbon_monoxide: float
    organic: float

    def towards(self, other: Air, share: float) -> Air:
        """Interpolate between this air and another."""
        return Air(
            self.water + share * (other.water - self.water),
            self.particles + share * (other.particles - self.particles),
            self.carbon_monoxide + share * (other.carbon_monoxide - self.carbon_monoxide),
            self.organic + share * (other.organic - self.organic),
        )


def air_at(seed: int, room_key: str, epoch_s: float) -> Air:
    """Return the air of a room, a pure function."""
    step, rest_s = divmod(epoch_s, _STEP_S)
    day, step_of_day = divmod(int(step), _STEPS_A_DAY)
    steps = _day(seed, room_key, day)
    return steps[step_of_day].towards(steps[step_of_day + 1], rest_s / _STEP_S)


def relative_humidity(water: float, celsius: float) -> float:
    """Return the relative humidity in percent (Magnus formula)."""
    return 100 * water / _saturated(celsius)


def cooking(seed: int, local: LocalTime) -> float:
    """Return how hard the gas stove works, from 0 to 1."""
    return max(_heat(seed, local, *meal) for meal in _MEALS)


def _heat(seed: int, local: LocalTime, name: str, earliest_h: float, weekday: float, weekend: float) -> float:
    begins_h = earliest_h + 1.3 * chance(seed, name, "at", local.day)
    if not begins_h <= local.hour < begins_h + 0.25 + 0.5 * chance(seed, name, "for", local.day):
        return 0.0
    if chance(seed, name, local.day) >= (weekend if local.is_weekend else weekday):
        return 0.0
    return 0.2 + 0.8 * chance(seed, name, "heat", local.day) ** 2


def _showering(local: LocalTime) -> float:
    """Return the share of the time that the shower runs."""
    return 0.5 if 6.5 <= local.hour < 7.5 else 0.0


def _cleaning(seed: int, local: LocalTime) -> float:
    """Return 1 for the hour of cleaning on Saturday mornings of most weeks, else 0."""
    if (local.day + 3) % 7 != 5:
        return 0.0
    begins_h = 9.5 + 2 * chance(seed, "cleans at", local.day)
    is_cleaning = begins_h <= local.hour < begins_h + 1 and chance(seed, "cleans", local.day) < 0.8
    return 1.0 if is_cleaning else 0.0


def _saturated(celsius: float) -> float:
    pressure_hpa = 6.112 * math.exp(17.62 * celsius / (243.12 + celsius))
    return 216.7 * pressure_hpa / (273.15 + celsius)


@lru_cache(maxsize=128)
def _day(seed: int, room_key: str, day: int) -> tuple[Air, ...]:
    """Return the air at each step of a day, including the first step of the next day."""
    room = _ROOMS[room_key]
    first = day * _STEPS_A_DAY
    air = _conditions(seed, (first - _RUN_UP_STEPS) * _STEP_S)[2]
    steps = []
    for step in range(first - _RUN_UP_STEPS, first + _STEPS_A_DAY):
        if step >= first:
            steps.append(air)
        air = _after(seed, room, air, step * _STEP_S)
    return (*steps, air)


@lru_cache(maxsize=1024)
def _conditions(seed: int, epoch_s: float) -> tuple[LocalTime, float, Air, float]:
    """Return local time, outdoor temperature and air, and cooking: the same for all rooms."""
    local = local_time(epoch_s)
    celsius = outdoor_celsius(seed, epoch_s, local)
    damp = 0.76 + 0.14 * drift(epoch_s / (0.8 * DAY_S), seed, "damp") - 0.012 * max(0.0, celsius - 8)
    haze = 7.0 + 5.0 * drift(epoch_s / (1.3 * DAY_S), seed, "haze")
    return local, celsius, Air(damp * _saturated(celsius), haze, 0.2, 0.0), cooking(seed, local)


def _after(seed: int, room: Room, air: Air, epoch_s: float) -> Air:
    """Return the air one step later: each part moves towards the balance of its gains and losses."""
    local, celsius, outside, cooked = _conditions(seed, epoch_s)
    stove = cooked * _KITCHEN_SHARE.get(room.key, 0.1)
    people = 1.0 if is_used(room, local, seed) else 0.0
    rate = _LEAKAGE_PER_H + (_HOOD_PER_H if stove and room.key == "kitchen" else 0.0)
    if has_window_open(room, local, seed, celsius):
        rate += _OPEN_WINDOW_PER_H
    steam = 12 * _showering(local) * _BATHROOM_SHARE.get(room.key, 0.05)
    water = rate * outside.water + 0.5 + 1.1 * people + 3.5 * stove + steam
    particles = 0.7 * rate * outside.particles + 330 * stove + 1.5 * people
    fumes = rate * outside.carbon_monoxide + 12 * stove + 0.1 * people
    organic = 3 + 14 * people + 60 * stove + 90 * _cleaning(seed, local)
    return Air(
        _step(air.water, water, rate),
        _step(air.particles, particles, rate + 0.5),  # particles settle, too
        _step(air.carbon_monoxide, fumes, rate),
        _step(air.organic, organic, rate + 0.1),
    )


def _step(now: float, gain_per_h: float, rate_per_h: float) -> float:
    balance = gain_per_h / rate_per_h
    return balance + (now - balance) * math.exp(-rate_per_h * _STEP_S / 3600)
