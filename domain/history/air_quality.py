"""Limits of particulate matter, and the usual range of a quantity without a limit."""

from __future__ import annotations

from collections.abc import Sequence

# US EPA, 40 CFR part 58 appendix G as revised in 2024 (89 FR 16202): upper ends of the classes of the 24-hour
# mean of PM2.5, in ug/m3.
PM25_CLASSES: Sequence[tuple[float, str]] = (
    (9.0, "good"),
    (35.4, "moderate"),
    (55.4, "unhealthy for sensitive groups"),
    (125.4, "unhealthy"),
    (225.4, "very unhealthy"),
)
_ABOVE_ALL = "hazardous"
# WHO global air quality guidelines (2021): 24-hour mean of PM2.5, in ug/m3, not to be exceeded on more than
# three or four days a year.
PM25_GUIDELINE = 15.0
_USUAL_LOW, _USUAL_HIGH = 0.1, 0.9
_FEWEST_FOR_USUAL = 48  # hours: a range from less would be that of a day


def pm25_class(mean_ugm3: float) -> str:
    """Return the EPA class of a 24-hour mean of PM2.5, in ug/m3, which the EPA cuts to one decimal first."""
    cut = int(mean_ugm3 * 10) / 10
    return next((name for limit, name in PM25_CLASSES if cut <= limit), _ABOVE_ALL)


def usual_range(hourly_means: Sequence[float]) -> tuple[float, float] | None:
    """Return between which values a home's own hourly means are in 8 of 10 hours; None for too few hours."""
    if len(hourly_means) < _FEWEST_FOR_USUAL:
        return None
    ordered = sorted(hourly_means)
    last = len(ordered) - 1
    return ordered[round(_USUAL_LOW * last)], ordered[round(_USUAL_HIGH * last)]
