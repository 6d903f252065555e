"""The weather around the simulated home: mild and wet, at 52 degrees north."""

from __future__ import annotations

import math

from adapters.simulator.chance import drift
from adapters.simulator.local_time import DAY_S, LocalTime

_LATITUDE = math.radians(52)
_SOLAR_NOON_UTC_H = 12.2
YEAR_MEAN_CELSIUS = 10.0
_SEASON_CELSIUS = 8.5
_DAY_CELSIUS = 3.5


def outdoor_celsius(seed: int, epoch_s: float, local: LocalTime) -> float:
    """Season, time of day, and the drift of the weather over days and hours."""
    season = _SEASON_CELSIUS * math.cos(2 * math.pi * (local.day_of_year - 203) / 365.25)
    hour_utc = (epoch_s % DAY_S) / 3600
    clear = 1 - 0.7 * cloud_share(seed, epoch_s)
    day = _DAY_CELSIUS * clear * math.cos(2 * math.pi * (hour_utc - _SOLAR_NOON_UTC_H - 2.5) / 24)
    fronts = 4.0 * drift(epoch_s / (2.7 * DAY_S), seed, "fronts")
    hours = 0.8 * drift(epoch_s / (0.2 * DAY_S), seed, "hours")
    return YEAR_MEAN_CELSIUS + season + day + fronts + hours


def cloud_share(seed: int, epoch_s: float) -> float:
    """How much of the sky is covered, from 0 to 1."""
    slow = drift(epoch_s / (0.9 * DAY_S), seed, "clouds")
    quick = drift(epoch_s / (0.06 * DAY_S), seed, "cloudlets")
    return min(1.0, max(0.0, 0.55 + 0.5 * slow + 0.2 * quick))


def sunshine(seed: int, epoch_s: float, local: LocalTime) -> float:
    """What of the strongest possible sunshine reaches the ground, from 0 to 1."""
    tilt = math.radians(-23.44) * math.cos(2 * math.pi * (local.day_of_year + 10) / 365.25)
    turn = math.radians(15 * (solar_hour(epoch_s) - 12))
    height = math.sin(_LATITUDE) * math.sin(tilt) + math.cos(_LATITUDE) * math.cos(tilt) * math.cos(turn)
    return max(0.0, height) * (1 - 0.8 * cloud_share(seed, epoch_s))


def solar_hour(epoch_s: float) -> float:
    """The hour by the sun, which stands highest at 12."""
    return (epoch_s % DAY_S) / 3600 - _SOLAR_NOON_UTC_H + 12
