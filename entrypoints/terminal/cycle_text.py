"""Format the outcome of a cycle: lines for people and a JSON object for scripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from domain.cycle import Collected, Cycle, Deferred, Failed, NotStored, Outcome, Spooled, Stored
from domain.reading import UNITS, Quantity, Reading
from domain.schedule import Due
from domain.times import format_length, local_time

FORMAT = 1  # of the JSON objects: increased when a key is renamed or removed
_PRETTY_UNITS = {"Cel": "°C", "ug/m3": "µg/m³", "[ppm]": "ppm", "{index}": ""}
_DECIMALS: Mapping[Quantity, int] = {Quantity.TEMPERATURE: 1, Quantity.CARBON_MONOXIDE: 1}


def lines(cycle: Cycle) -> Iterator[str]:
    """Yield a line for each source, and one more when the cycle is not in the database."""
    for outcome in cycle.report.outcomes:
        due = outcome.due
        cost = _cost(cycle, due)
        yield f"{local_time(due.slot, seconds=True)}  {due.source}  {_describe(outcome)}{cost}"
        if isinstance(outcome, Collected):
            for note in outcome.notes:
                yield f"  note: {note}"
    match cycle:
        case Spooled(reason=reason, place=place):
            yield f"  SPOOLED in {place}, to be stored as soon as the database can be written to: {reason}"
        case NotStored(reason=reason):
            yield f"  NOT STORED, and lost when this process ends before it can be: {reason}"


def schedule_line(intervals: Mapping[str, int], following: datetime) -> str:
    """Return what a collector says at its start: the sources, their intervals in seconds, the next slot."""
    listed = ", ".join(f"{source} every {_interval(seconds)}" for source, seconds in intervals.items())
    return (
        f"Collecting from {listed}. The present slot is read now unless it is stored; the next cycle is at "
        f"{local_time(following, seconds=True)}"
    )


def by_hand_line(sources: Iterable[str], cycles: int, every_s: float) -> str:
    """Return what a number of cycles outside the schedule begins with."""
    apart = f"{cycles} cycles, {every_s:g} s apart; the first is" if cycles > 1 else "one cycle,"
    return f"Collecting from {', '.join(sources)}: {apart} now"


def as_object(cycle: Cycle) -> dict[str, Any]:
    """Return the JSON object that docs/reference/command-line.md describes."""
    return {
        "format": FORMAT,
        "stored": isinstance(cycle, Stored),
        "spooled": isinstance(cycle, Spooled),
        "reason": None if isinstance(cycle, Stored) else cycle.reason,
        "place": cycle.place if isinstance(cycle, Spooled) else None,
        "outcomes": [_outcome_object(outcome) for outcome in cycle.report.outcomes],
    }


def _describe(outcome: Outcome) -> str:
    match outcome:
        case Collected():
            count = len(outcome.readings)
            text = f"{count} reading{'' if count == 1 else 's'}"
            if outcome.unread:
                causes = Counter(device.cause.replace("_", " ") for device in outcome.unread)
                listed = ", ".join(f"{number} {cause}" for cause, number in causes.items())
                text += f", {len(outcome.unread)} silent ({listed})"
            return text
        case Failed():
            return f"FAILED ({outcome.cause}): {outcome.detail}"
        case Deferred():
            return f"not asked before {local_time(outcome.until, seconds=True)} ({outcome.cause})"


def _interval(seconds: int) -> str:
    return f"{seconds} s" if seconds % 60 else format_length(timedelta(seconds=seconds))


def _cost(cycle: Cycle, due: Due) -> str:
    """Show the time and the bytes of the read, if it was measured."""
    own = [one for one in cycle.report.measurements if one.source == due.source and one.slot == due.slot]
    if not own or not own[-1].attempts:
        return ""
    return f"  [{own[-1].duration_s:.2f} s, {own[-1].wire_bytes:,} bytes]"


def _outcome_object(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = {
        "source": outcome.due.source,
        "slot": outcome.due.slot.isoformat(),
        "scheduled": outcome.due.scheduled,
        "state": type(outcome).__name__.lower(),
        "unread": [
            {"device_id": unread.device_id, "cause": unread.cause, "detail": unread.detail}
            for unread in outcome.unread
        ],
    }
    match outcome:
        case Collected():
            result |= {
                "readings": [_reading_object(reading) for reading in outcome.readings],
                "notes": outcome.notes,
                "already_stored": outcome.already_stored,
            }
        case Failed():
            result |= {"cause": outcome.cause, "detail": outcome.detail}
        case Deferred():
            result |= {"cause": outcome.cause, "until": outcome.until.isoformat()}
    return result


def _reading_object(reading: Reading) -> dict[str, Any]:
    return {
        "device_id": reading.device_id,
        "location": reading.location,
        "collected_at": reading.collected_at.isoformat(),
        "observed_at": reading.observed_at.isoformat() if reading.observed_at else None,
        "values": {quantity.value: value for quantity, value in reading.values.items()},
        "other_values": dict(reading.other_values),
        "battery_percent": reading.battery_percent,
        "is_reachable": reading.is_reachable,
        "is_anomalous": reading.is_anomalous,
    }


def format_value(reading: Reading, quantity: Quantity, *, with_unit: bool = True) -> str:
    """Return the value, with its unit unless that is shown elsewhere, or "" if the reading has none."""
    if quantity not in reading.values:
        return ""
    number = format_number(reading.values[quantity], quantity)
    return f"{number} {unit_text(quantity)}".rstrip() if with_unit else number


def format_number(value: float, quantity: Quantity) -> str:
    """Return the value with as many decimals as make sense."""
    return f"{value:.{_DECIMALS.get(quantity, 0)}f}"


def unit_text(quantity: Quantity) -> str:
    """Return the quantity's unit as people write it; "" if it has none."""
    return _PRETTY_UNITS.get(UNITS[quantity], UNITS[quantity])
