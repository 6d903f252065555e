"""The simulated home's own time of day, without a time zone database that a machine may lack."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.values import frozen

DAY_S = 86_400
TIME_ZONE = "Europe/Berlin"


@frozen(kw_only=True)
class LocalTime:
    """An instant as people in the home see it: `hour` with its fraction, `day` counted from the epoch."""

    day: int
    hour: float
    is_weekend: bool
    day_of_year: float


def local_time(epoch_s: float) -> LocalTime:
    """The instant in the home's time zone."""
    shifted_s = epoch_s + offset_s(epoch_s)
    day = int(shifted_s // DAY_S)
    return LocalTime(
        day=day,
        hour=(shifted_s - day * DAY_S) / 3600,
        is_weekend=(day + 3) % 7 >= 5,  # the epoch began on a Thursday
        day_of_year=(shifted_s / DAY_S) % 365.2425,
    )


def offset_s(epoch_s: float) -> int:
    """Seconds ahead of UTC: two hours from the last Sunday of March to that of October, else one."""
    year = datetime.fromtimestamp(epoch_s, UTC).year
    is_summer = _last_sunday(year, 3) <= epoch_s < _last_sunday(year, 10)
    return 7200 if is_summer else 3600


def _last_sunday(year: int, month: int) -> float:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return (last - timedelta(days=(last.weekday() + 1) % 7)).timestamp()
