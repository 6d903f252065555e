"""Slots without a ledger row: found with the cycle after them, and written in portions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import attrs

from domain.cycle import Cause, CycleReport, Gap, Missed, all_unread
from domain.schedule import Due, is_clock_fault, slot_at, slots_between

ROWS_AT_ONCE = 2_000  # ledger rows of missed slots; a cycle takes about 50 ms longer for them
LONGEST_GAP = timedelta(days=3_660)  # ten years; after a longer one the clock is wrong, or was
_EXPECTED_FOR = timedelta(days=1)

NewestBefore = Callable[[str, datetime], datetime | None]


@attrs.frozen(kw_only=True)
class Hole:
    """Slots of a source that have no ledger row yet: those after one instant and before another.

    `after` is the newest planned slot before them; None if none is known, so that nothing is missing unless
    earlier rows come back from a backup. `expected` are the devices that should have had readings.
    """

    gap: Gap
    interval_s: int
    after: datetime | None
    before: datetime
    expected: tuple[str, ...] = ()

    def newest(self, limit: int) -> tuple[Sequence[Missed], Hole | None]:
        """Return the newest slots as missed, at most that many, and the hole that is left."""
        assert self.after is not None  # noqa: S101 - for the type checker: callers look it up first
        missed: list[Missed] = []
        step = timedelta(seconds=self.interval_s)
        slot = slot_at(self.before - timedelta(microseconds=1), self.interval_s)
        unread = {cause: all_unread(self.expected, cause) for cause in Cause} if self.expected else {}
        while slot > self.after and len(missed) < limit:
            cause = self.gap.cause_of(slot, self.after)
            is_expected = slot - self.after < _EXPECTED_FOR
            missed.append(
                Missed(
                    due=Due(source=self.gap.source, slot=slot, interval_s=self.interval_s),
                    cause=cause,
                    unread=unread.get(cause, ()) if is_expected else (),
                )
            )
            slot -= step
        return missed, attrs.evolve(self, before=slot + step) if slot > self.after else None


def find_holes(
    report: CycleReport,
    newest_before: NewestBefore,
    expected: Callable[[str, datetime], AbstractSet[str]],
) -> Iterator[Hole]:
    """Yield the holes that the report leaves behind, if it is stored now.

    `newest_before` returns the newest planned slot of a source before an instant, `expected` the devices that
    should have had a reading at one.
    """
    planned: dict[str, dict[datetime, Due]] = {}
    for entry in (*report.missed, *report.outcomes):
        if entry.due.scheduled:
            planned.setdefault(entry.due.source, {})[entry.due.slot] = entry.due
    for source, dues in planned.items():
        newest = max(dues.values(), key=lambda due: due.slot)
        after = newest_before(source, min(dues))
        if after is not None and all(
            slot in dues for slot in slots_between(after, newest.slot, newest.interval_s)
        ):
            continue
        gap = next((gap for gap in report.gaps if gap.source == source), None)
        yield Hole(
            gap=gap or Gap(source=source, cause=Cause.STOPPED, first=newest.slot),
            interval_s=newest.interval_s,
            after=after,
            before=newest.slot,
            expected=tuple(sorted(expected(source, after))) if after is not None else (),
        )


def fill(
    holes: Iterable[Hole], now: datetime | None, newest_before: NewestBefore
) -> Iterator[tuple[Hole, Sequence[Missed], Hole | None]]:
    """Yield each hole with the slots that get their row now, and what is left of it; None is nothing.

    A hole that ends far in the future was left by a wrong clock: it waits for that time.
    """
    room = ROWS_AT_ONCE
    for hole in holes:
        after = hole.after or newest_before(hole.gap.source, hole.before)
        is_ahead = now is not None and is_clock_fault(now, hole.before)
        if after is None or is_ahead:
            yield hole, (), hole
        elif hole.before - after > LONGEST_GAP:
            yield hole, (), None
        else:
            missed, left = attrs.evolve(hole, after=after).newest(room) if room else ((), hole)
            room -= len(missed)
            yield hole, missed, left


def is_of_wrong_clock(instant: datetime, following: datetime) -> bool:
    """Return whether nothing but a wrong clock explains that so long passed until the instant after."""
    return following - instant > LONGEST_GAP
