"""Which instants should have a reading, and from which source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

CLOCK_FAULT_AHEAD = timedelta(hours=2)  # a stored slot further ahead of now than this is a clock fault


@attrs.frozen(kw_only=True)
class Due:
    """One source's turn: the slot that its readings belong to, and the interval that made it due.

    A turn that is not `scheduled` was asked for by hand, at the present second; it does not count in
    coverage.
    """

    source: str
    slot: datetime
    interval_s: int
    scheduled: bool = True


def slot_at(instant: datetime, interval_s: int) -> datetime:
    """The latest planned instant that is not later than `instant`; slots count from the Unix epoch."""
    seconds = int(instant.timestamp() // interval_s) * interval_s
    return datetime.fromtimestamp(seconds, UTC)


def next_slot(instant: datetime, interval_s: int) -> datetime:
    """The first planned instant that is later than `instant`."""
    return slot_at(instant, interval_s) + timedelta(seconds=interval_s)


MOST_SLOTS_EXPLAINED = 10_000  # about 35 days at five minutes: more would hold a cycle up for seconds


def slots_between(last: datetime, current: datetime, interval_s: int) -> Iterator[datetime]:
    """The planned instants after `last` and before `current`, oldest first.

    Of more than `MOST_SLOTS_EXPLAINED` only the newest: a wrong clock may have jumped by decades.
    """
    longest = timedelta(seconds=interval_s) * (MOST_SLOTS_EXPLAINED + 1)
    slot = next_slot(max(last, current - longest), interval_s)
    while slot < current:
        yield slot
        slot += timedelta(seconds=interval_s)


def is_due(slot: datetime, last: datetime | None) -> bool:
    """Whether the slot still needs a cycle, when `last` is the newest slot that had one.

    A clock that stepped back runs nothing twice; a `last` that is more than two hours ahead was written
    by a wrong clock and holds nothing up.
    """
    return last is None or slot > last or is_clock_fault(slot, last)


def is_clock_fault(slot: datetime, last: datetime) -> bool:
    """Whether `last` lies so far ahead of the slot that a clock must have been wrong."""
    return last - slot > CLOCK_FAULT_AHEAD
