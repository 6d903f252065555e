"""What the clocks of the collector's machine have shown, next to the true time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.runtime.virtual_time import VirtualClock

_A_DAY = timedelta(days=1)
_LONGEST_GAP = timedelta(days=3_660)  # of slots that get a row


@attrs.frozen(kw_only=True)
class Change:
    """A step of the wall clock, or a sleep of the machine. Seconds are true ones from the start.

    Between `skipped_from` and `shown_after` there are slots whose turn never came; of a clock that was years
    behind only those of the time in which it was.
    """

    begins_s: float
    ends_s: float
    shown_before: datetime
    shown_after: datetime
    skipped_from: datetime
    stepped: timedelta  # by how much the wall clock was wrong afterwards
    cause: str  # the ledger's word for slots whose turn never came

    def skips(self, begin: datetime, end: datetime) -> bool:
        """Return whether the wall clock jumped forward over some of that time."""
        return self.skipped_from < end and begin < self.shown_after


class RecordedClock(VirtualClock):
    """A machine's clocks, and the `changes` that they went through, oldest first."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.changes: list[Change] = []

    def sleep_machine(self, seconds: float) -> None:
        before_s, shown = self.elapsed_asleep_s(), self.now()
        super().sleep_machine(seconds)
        self._note(before_s, shown, "asleep")

    def step_wall(self, seconds: float) -> None:
        shown = self.now()
        super().step_wall(seconds)
        self._note(self.elapsed_asleep_s(), shown, "clock_stepped")

    def shown_at(self, true: datetime) -> datetime:
        """Return what the wall clock showed at a true instant of the past, in which the machine was awake."""
        true_s = (true - self.start).total_seconds()
        for change in reversed(self.changes):
            if change.ends_s <= true_s:
                return true + change.stepped
        return true

    def slept_since_s(self, true_s: float) -> float:
        """Return for how many seconds the machine has slept since a true second from the start."""
        return sum(one.ends_s - one.begins_s for one in self._sleeps() if one.begins_s >= true_s)

    def changed_since(self, true_s: float) -> bool:
        """Return whether there was a change since that many true seconds from the start."""
        return bool(self.changes) and self.changes[-1].ends_s >= true_s

    def times_of(self, begin: datetime, end: datetime) -> Iterator[tuple[float, float]]:
        """Yield when the wall clock showed an instant from `begin` up to `end`, in true seconds."""
        since_s, shown = 0.0, self.start
        for change in self.changes:
            yield from _overlap(since_s, shown, change.begins_s, begin, end)
            since_s, shown = change.ends_s, change.shown_after
        yield from _overlap(since_s, shown, self.elapsed_asleep_s(), begin, end)

    def turns_of(self, begin: datetime, end: datetime) -> Iterator[tuple[float, float]]:
        """Yield when a slot had its turn, in true seconds.

        That is when the clock began to show it. If the clock jumped over it: from its true time to the jump,
        or, if the clock was years behind, from its time by the clock after the jump, if that was fast.
        """
        for since_s, _ in self.times_of(begin, end):
            yield since_s, since_s
        true_s = (begin - self.start).total_seconds()
        for change in self.changes:
            if change.skips(begin, end):
                was_years_behind = change.skipped_from > change.shown_before
                fast_s = max(change.stepped.total_seconds(), 0.0) if was_years_behind else 0.0
                yield min(true_s - fast_s, change.begins_s), change.ends_s

    def forgets_s(self) -> Sequence[float]:
        """Return when the clock was set back by more than a day, in true seconds.

        What a collector knew of its devices has a time in the future then, and no longer counts.
        """
        return [one.begins_s for one in self.changes if one.shown_before - one.shown_after > _A_DAY]

    def causes(self, begin: datetime, end: datetime) -> set[str]:
        """Return the ledger's words for a slot that the clock jumped over.

        If the machine slept at its true time that is one as well, however the clock was set at the wake.
        """
        causes = {change.cause for change in self.changes if change.skips(begin, end)}
        begins_s, ends_s = ((each - self.start).total_seconds() for each in (begin, end))
        if causes and any(one.begins_s < ends_s and begins_s < one.ends_s for one in self._sleeps()):
            causes.add("asleep")
        return causes

    def _sleeps(self) -> Iterator[Change]:
        return (one for one in self.changes if one.ends_s > one.begins_s)

    def was_set_twice(self, change: Change) -> bool:
        """Return whether the clock was set once more while it was years behind, before that change."""
        if change.shown_after - change.shown_before <= _LONGEST_GAP:
            return False
        number = self.changes.index(change)
        before = self.changes[number - 1] if number else change
        return before.shown_before - before.shown_after <= _LONGEST_GAP

    def _note(self, before_s: float, before: datetime, cause: str) -> None:
        after, after_s = self.now(), self.elapsed_asleep_s()
        skipped_from = before
        if after - before > _LONGEST_GAP:
            shown_right = (
                one.shown_before
                for one in reversed(self.changes)
                if one.shown_before - one.shown_after > _LONGEST_GAP
            )
            skipped_from = next(shown_right, self.start)
        self.changes.append(
            Change(
                begins_s=before_s,
                ends_s=after_s,
                shown_before=before,
                shown_after=after,
                skipped_from=skipped_from,
                stepped=self.stepped,
                cause=cause,
            )
        )


def _overlap(
    since_s: float, shown: datetime, until_s: float, begin: datetime, end: datetime
) -> Iterator[tuple[float, float]]:
    """Yield the true seconds in which a clock that showed an instant at `since_s` showed the period."""
    first_s = max(since_s, since_s + (begin - shown).total_seconds())
    last_s = min(until_s, since_s + (end - shown).total_seconds())
    if first_s < last_s:
        yield first_s, last_s
