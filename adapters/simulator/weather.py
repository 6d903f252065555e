"""Local time and weather at the simulated home: a mild, wet climate at 52 degrees north."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import attrs

from adapters.simulator.chance import drift

DAY_S = 86_400
YEAR_MEAN_CELSIUS = 10.0
_LATITUDE = math.radians(52)
_SOLAR_NOON_UTC_H = 12.2
_SEASON_CELSIUS = 8.5
_DAY_CELSIUS = 3.5


@attrs.frozen(kw_only=True)
class LocalTime:
    """An instant in the home's time zone: `hour` with its fraction, `day` counted from the epoch."""

    day: int
    hour: float
    is_weekend: bool
    day_of_year: float


def local_time(epoch_s: float) -> LocalTime:
    """Return the instant in the home's time zone."""
    shifted_s = epoch_s + utc_offset_s(epoch_s)
    day = int(shifted_s // DAY_S)
    return LocalTime(
        day=day,
        hour=(shifted_s - day * DAY_S) / 3600,
        is_weekend=(day + 3) % 7 >= 5,  # the epoch began on a Thursday
        day_of_year=(shifted_s / DAY_S) % 365.2425,
    )


def utc_offset_s(epoch_s: float) -> int:
    """Return the seconds ahead of UTC, by the European rule: a machine may lack a time zone database."""
    begin_s, end_s = _summer_time(datetime.fromtimestamp(epoch_s, UTC).year)
    return 7200 if begin_s <= epoch_s < end_s else 3600


@lru_cache(maxsize=64)
def _summer_time(year: int) -> tuple[float, float]:
    """Return its begin and end: 01:00 UTC on the last Sundays of March and October."""
    last_days = [datetime(year, month, 31, 1, tzinfo=UTC) for month in (3, 10)]
    begin, end = (day - timedelta(days=(day.weekday() + 1) % 7) for day in last_days)
    return begin.timestamp(), end.timestamp()


def outdoor_celsius(seed: int, epoch_s: float, local: LocalTime) -> float:
    """Return the outdoor temperature: season, time of day, and drift over days and hours."""
    season = _SEASON_CELSIUS * math.cos(2 * math.pi * (local.day_of_year - 203) / 365.25)
    hour_utc = (epoch_s % DAY_S) / 3600
    clear = 1 - 0.7 * cloud_share(seed, epoch_s)
    day = _DAY_CELSIUS * clear * math.cos(2 * math.pi * (hour_utc - _SOLAR_NOON_UTC_H - 2.5) / 24)
    fronts = 4.0 * drift(epoch_s / (2.7 * DAY_S), seed, "fronts")
    hours = 0.8 * drift(epoch_s / (0.2 * DAY_S), seed, "hours")
    return YEAR_MEAN_CELSIUS + season + day + fronts + hours


def cloud_share(seed: int, epoch_s: float) -> float:
    """Return how much of the sky is covered, from 0 to 1."""
    slow = drift(epoch_s / (0.9 * DAY_S), seed, "clouds")
    quick = drift(epoch_s / (0.06 * DAY_S), seed, "cloudlets")
    return min(1.0, max(0.0, 0.55 + 0.5 * slow + 0.2 * quick))


def sunshine(seed: int, epoch_s: float, local: LocalTime) -> float:
    """Return the sunshine on the ground as a share of the strongest possible, from 0 to 1."""
    tilt = math.radians(-23.44) * math.cos(2 * math.pi * (local.day_of_year + 10) / 365.25)
    turn = math.radians(15 * (solar_hour(epoch_s) - 12))
    height = math.sin(_LATITUDE) * math.sin(tilt) + math.cos(_LATITUDE) * math.cos(tilt) * math.cos(turn)
    return max(0.0, height) * (1 - 0.8 * cloud_share(seed, epoch_s))


def solar_hour(epoch_s: float) -> float:
    """Return the hour by the sun, which is highest at 12."""
    return (epoch_s % DAY_S) / 3600 - _SOLAR_NOON_UTC_H + 12
