"""The schedule: which instants should have a reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import attrs

CLOCK_FAULT_AHEAD = timedelta(hours=2)  # a stored slot further ahead of now than this is a clock fault


@attrs.frozen(kw_only=True)
class Due:
    """A source that is due: the slot that its readings belong to, and the interval that made it due.

    If not `scheduled`, a person asked for it, at the present second; it does not count in coverage.
    """

    source: str
    slot: datetime
    interval_s: int
    scheduled: bool = True


@attrs.frozen(kw_only=True)
class SlotRun:
    """Slots that follow each other at the same distance; 0 if there is only one."""

    first: datetime
    last: datetime
    step_s: int

    def has(self, slot: datetime) -> bool:
        if not self.first <= slot <= self.last:
            return False
        return slot == self.first or (
            self.step_s > 0 and (slot - self.first).total_seconds() % self.step_s == 0
        )


def runs_of(slots: Iterable[datetime], before: Iterable[SlotRun] = ()) -> tuple[SlotRun, ...]:
    """Return the slots as runs, oldest first, after the runs `before`, of which the last one may go on."""
    runs = list(before)
    for slot in sorted(slots):
        if runs:
            last = runs[-1]
            step_s = int((slot - last.last).total_seconds())
            if step_s > 0 and last.step_s in (0, step_s):
                runs[-1] = attrs.evolve(last, last=slot, step_s=step_s)
                continue
        runs.append(SlotRun(first=slot, last=slot, step_s=0))
    return tuple(runs)


def slot_at(instant: datetime, interval_s: int) -> datetime:
    """Return the latest slot up to `instant`. Slots count from the Unix epoch."""
    seconds = int(instant.timestamp() // interval_s) * interval_s
    return datetime.fromtimestamp(seconds, UTC)


def next_slot(instant: datetime, interval_s: int) -> datetime:
    """Return the first slot after `instant`."""
    return slot_at(instant, interval_s) + timedelta(seconds=interval_s)


def slots_between(last: datetime, current: datetime, interval_s: int) -> Iterator[datetime]:
    """Yield the slots after `last` and before `current`, oldest first."""
    slot = next_slot(last, interval_s)
    while slot < current:
        yield slot
        slot += timedelta(seconds=interval_s)


def is_clock_fault(slot: datetime, last: datetime) -> bool:
    """Return whether `last` is so far ahead of the slot that a clock must have been wrong."""
    return last - slot > CLOCK_FAULT_AHEAD
