"""The warmth in each room of the simulated home, at any instant."""

from __future__ import annotations

import math
from functools import lru_cache

from adapters.simulator.local_time import DAY_S, local_time
from adapters.simulator.rooms import ROOMS, has_window_open, is_used, wanted_celsius
from adapters.simulator.weather import YEAR_MEAN_CELSIUS, outdoor_celsius, solar_hour, sunshine
from domain.values import frozen

STEP_S = 300
_STEPS_A_DAY = DAY_S // STEP_S
_CHAIN_DAYS = 4  # days are computed one from the other; each chain starts anew from a long run-up
_RUN_UP_DAYS = 8
_RUN_UP_FINE_DAYS = 1
_COARSE_STEP_S = 900
_OPEN_WINDOW_CONSTANT_H = 1.8
_WALLS_CONSTANT_H = 30.0  # how fast the rooms even out through their walls
_THERMOSTAT_BAND_CELSIUS = 0.6

_INDEX = {room.key: index for index, room in enumerate(ROOMS)}

Temperatures = tuple[float, ...]


@frozen
class House:
    """A pure function of seed and instant: asked in any order, it answers the same."""

    seed: int = 1

    def room_celsius(self, key: str, epoch_s: float) -> float:
        """How warm the room is."""
        index = _INDEX[key]
        step, rest_s = divmod(epoch_s, STEP_S)
        before = self._at_step(int(step))[index]
        after = self._at_step(int(step) + 1)[index]
        return before + (after - before) * rest_s / STEP_S

    def outdoor_celsius(self, epoch_s: float) -> float:
        """How warm it is outside."""
        return outdoor_celsius(self.seed, epoch_s, local_time(epoch_s))

    def is_window_open(self, key: str, epoch_s: float) -> bool:
        """Whether the room is being aired."""
        return has_window_open(
            ROOMS[_INDEX[key]], local_time(epoch_s), self.seed, self.outdoor_celsius(epoch_s)
        )

    def _at_step(self, step: int) -> Temperatures:
        day, step_of_day = divmod(step, _STEPS_A_DAY)
        return _day(self.seed, day)[step_of_day]


@lru_cache(maxsize=256)
def _day(seed: int, day: int) -> tuple[Temperatures, ...]:
    """The temperatures at each step of a day, the first of the next day included."""
    temperatures = _run_up(seed, day) if day % _CHAIN_DAYS == 0 else _day(seed, day - 1)[-1]
    steps = [temperatures]
    for step in range(_STEPS_A_DAY):
        temperatures = _after(seed, temperatures, day * DAY_S + step * STEP_S, STEP_S)
        steps.append(temperatures)
    return tuple(steps)


def _run_up(seed: int, day: int) -> Temperatures:
    """The temperatures at the start of a day, when whatever they were before has been forgotten."""
    begin_s = (day - _RUN_UP_DAYS) * DAY_S
    fine_s = (day - _RUN_UP_FINE_DAYS) * DAY_S
    temperatures = tuple(max(room.comfort_celsius, YEAR_MEAN_CELSIUS + 3) for room in ROOMS)
    for at_s in range(begin_s, fine_s, _COARSE_STEP_S):
        temperatures = _after(seed, temperatures, at_s, _COARSE_STEP_S)
    for at_s in range(fine_s, day * DAY_S, STEP_S):
        temperatures = _after(seed, temperatures, at_s, STEP_S)
    return temperatures


def _after(seed: int, temperatures: Temperatures, epoch_s: float, step_s: int) -> Temperatures:
    """One step on: each room moves towards where its losses and gains would balance."""
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
        # The thermostat closes while a window is open, as those that feel the draught do.
        gain += 0.0 if window else room.heater_celsius_per_h * min(1.0, max(0.0, shortfall))
        if sun > 0:
            gain += room.sun_celsius_per_h * sun * math.exp(-(((sun_hour - room.sun_hour) / 4) ** 2))
        gain += room.used_celsius_per_h if is_used(room, local, seed) else 0.0
        balance = gain / rate
        after.append(balance + (now - balance) * math.exp(-rate * step_h))
    return tuple(after)
