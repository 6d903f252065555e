"""Limits of particulate matter, and the usual range of a quantity without a limit."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.history.series import HOUR, Summary

# US EPA, 40 CFR part 58 appendix G as revised in 2024 (89 FR 16202): upper ends of the classes of the 24-hour
# mean of PM2.5, in ug/m3.
PM25_CLASSES: Sequence[tuple[float, str]] = (
    (9.0, "good"),
    (35.4, "moderate"),
    (55.4, "unhealthy for sensitive groups"),
    (125.4, "unhealthy"),
    (225.4, "very unhealthy"),
    (math.inf, "hazardous"),
)
# WHO global air quality guidelines (2021): 24-hour mean of PM2.5, in ug/m3, not to be exceeded on more than
# three or four days a year.
PM25_GUIDELINE = 15.0
PM10_GUIDELINE = 45.0  # the same, of PM10
# US EPA, "A brief guide to mold, moisture, and your home" (EPA 402-K-02-003): keep the relative humidity
# indoors below 60 %, ideally between 30 and 50 %.
HUMIDITY_COMFORT = (30.0, 50.0)
_HUMIDITY_LIMIT = 60.0
# US EPA, 40 CFR 50.8: 8-hour mean of carbon monoxide, in ppm.
CARBON_MONOXIDE_LIMIT = 9.0
# US EPA, 40 CFR part 50 appendix N, 3.0(c): a 24-hour mean needs three quarters of its hours.
_DAY_HOURS, _FEWEST_HOURS = 24, 18
_USUAL_LOW, _USUAL_HIGH = 0.1, 0.9
_FEWEST_FOR_USUAL = 48  # hours: a range from less would be that of a day


def pm25_class(mean_ugm3: float) -> str:
    """Return the EPA class of a 24-hour mean of PM2.5, in ug/m3, which the EPA cuts to one decimal first."""
    cut = int(mean_ugm3 * 10) / 10
    return next(name for limit, name in PM25_CLASSES if cut <= limit)


def usual_range(hourly_means: Sequence[float]) -> tuple[float, float] | None:
    """Return between which values a home's own hourly means are in 8 of 10 hours; None for too few hours."""
    if len(hourly_means) < _FEWEST_FOR_USUAL:
        return None
    ordered = sorted(hourly_means)
    last = len(ordered) - 1
    return ordered[round(_USUAL_LOW * last)], ordered[round(_USUAL_HIGH * last)]


def usual_class(value: float, usual: tuple[float, float]) -> str:
    """Return how the value compares with the home's usual range."""
    if value < usual[0]:
        return "lower than usual here"
    return "usual here" if value <= usual[1] else "higher than usual here"


def humidity_class(percent: float) -> str:
    """Return a word for a relative humidity."""
    if percent < HUMIDITY_COMFORT[0]:
        return "dry"
    if percent <= HUMIDITY_COMFORT[1]:
        return "comfortable"
    return "humid" if percent < _HUMIDITY_LIMIT else "damp"


def carbon_monoxide_class(ppm: float) -> str:
    """Return words for a concentration of carbon monoxide."""
    if ppm <= 0:
        return "none"
    return f"{'below' if ppm <= CARBON_MONOXIDE_LIMIT else 'ABOVE'} {CARBON_MONOXIDE_LIMIT:.0f} (EPA, 8 h)"


def rolling_day_means(hours: Sequence[Summary]) -> Sequence[tuple[datetime, float]]:
    """Return the end of each hour with the mean of the 24 hourly means up to it.

    `hours` are summaries of hours, oldest first. Ends whose day has fewer than 18 of them are left out.
    """
    day: deque[Summary] = deque()
    means: list[tuple[datetime, float]] = []
    for hour in hours:
        day.append(hour)
        while day[0].at <= hour.at - timedelta(hours=_DAY_HOURS):
            day.popleft()
        if len(day) >= _FEWEST_HOURS:
            means.append((hour.at + HOUR, sum(one.mean for one in day) / len(day)))
    return means
