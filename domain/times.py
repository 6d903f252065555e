"""Times for people: local, with the offset from UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo


def local_time(instant: datetime, zone: tzinfo | None = None, *, seconds: bool = False) -> str:
    """Return the time in the zone, by default the system's, such as `2026-11-30 14:05 +01:00`."""
    try:
        local = instant.astimezone(zone)
    except OverflowError:  # the last hours of the year 9999, which a wrong clock may store
        local = instant
    return f"{local.strftime('%Y-%m-%d %H:%M:%S' if seconds else '%Y-%m-%d %H:%M')} {_offset(local)}"


def local_span(begin: datetime, end: datetime, zone: tzinfo | None = None) -> str:
    """Return both times, without what they have in common: `2026-11-30 14:05 - 15:35 +01:00`."""
    first, last = begin.astimezone(zone), end.astimezone(zone)
    if _offset(first) != _offset(last):
        return f"{local_time(begin, zone)} - {local_time(end, zone)}"
    form = "%H:%M" if first.date() == last.date() else "%Y-%m-%d %H:%M"
    return f"{first:%Y-%m-%d %H:%M} - {last.strftime(form)} {_offset(last)}"


def format_age(age: timedelta) -> str:
    """Return an age in one unit, such as `12 min`."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def format_length(length: timedelta) -> str:
    """Return a length of time, such as `35 min`, `2 h 10 min` or `3 d 4 h`."""
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    units = ((60, "h"), (1, "min")) if minutes < 2 * 1440 else ((1440, "d"), (60, "h"))
    (large, name), (small, rest) = units
    part = minutes % large // small
    return f"{minutes // large} {name}" + (f" {part} {rest}" if part else "")


def _offset(local: datetime) -> str:
    return local.isoformat()[-6:]
