"""Remembers each source's failures in a row, across cycles and processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import attrs

from domain.cycle import Cause, Collected, Deferred, Failed, Outcome
from ports.clock import Clock
from ports.state import Json, State

KEY = "streak."  # and the source's name


class SourceBackoff:
    """Written only when something changes: a source that answers costs nothing."""

    def __init__(self, *, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, SourceFailures] = {}

    def of(self, source: str) -> SourceFailures:
        if source not in self._known:
            self._known[source] = _streak_of(self._state.get(KEY + source).get("streak"))
        return self._known[source]

    def record(self, outcome: Outcome, retry_after_s: float | None = None) -> None:
        """Count the outcome."""
        before = self.of(outcome.due.source)
        after = before.after(outcome, self._clock.now(), retry_after_s)
        if after != before:
            self._keep(outcome.due.source, after)

    def reset(self, sources: Iterable[str], cause: Cause) -> None:
        """Ask those of the sources at their next slot that were left in peace because of that cause."""
        for source in sources:
            if self.of(source).cause is cause:
                self._keep(source, SourceFailures())

    def _keep(self, source: str, streak: SourceFailures) -> None:
        self._known[source] = streak
        self._state.put(KEY + source, {} if streak == SourceFailures() else {"streak": _as_json(streak)})


def _as_json(streak: SourceFailures) -> Json:
    return {
        "failures": streak.failures,
        "refusals": streak.refusals,
        "cause": streak.cause.value if streak.cause else None,
        "until": streak.until.isoformat() if streak.until else None,
    }


def _streak_of(value: Json) -> SourceFailures:
    """What was kept; a new streak for anything else: the state is a file, and may be damaged."""
    match value:
        case {
            "failures": int(failures),
            "refusals": int(refusals),
            "cause": str() | None as cause,
            "until": str() | None as until,
        }:
            try:
                end = datetime.fromisoformat(until) if until else None
                return SourceFailures(
                    failures=failures,
                    refusals=refusals,
                    cause=Cause(cause) if cause else None,
                    until=end if end and end.tzinfo else None,
                )
            except ValueError:
                return SourceFailures()
        case _:
            return SourceFailures()


# How a source's failures in a row change the way in which it is asked.

LONGEST_DEFERRAL = timedelta(hours=1)
SINGLE_ATTEMPT_FROM = 5  # failures in a row after which repeating within a cycle has shown to be of no use

# To be asked less often helps against these. Plain network trouble is over when it is over: waiting longer
# would only cost readings.
_LESS_OFTEN = (Cause.THROTTLED, Cause.CREDENTIALS)


@attrs.frozen(kw_only=True)
class SourceFailures:
    """A source's failures since it answered last.

    `failures` counts all of them, `refusals` the newest ones in a row that ask for patience. Until `until`
    the source is left in peace, because of `cause`.
    """

    failures: int = 0
    refusals: int = 0
    cause: Cause | None = None
    until: datetime | None = None

    @property
    def gets_one_attempt(self) -> bool:
        return self.failures >= SINGLE_ATTEMPT_FROM

    def defers(self, now: datetime) -> bool:
        """Whether the source is to be left in peace at that instant.

        An end that is further away than any deferral lasts was set by a wrong clock, and counts as over.
        """
        return self.until is not None and now < self.until <= now + 2 * LONGEST_DEFERRAL

    def after(self, outcome: Outcome, now: datetime, retry_after_s: float | None = None) -> SourceFailures:
        """The streak after that outcome; `retry_after_s` is the wait that the source named with its refusal.

        The first refusal costs nothing beyond its own cycle; the next slot is two intervals away after the
        second one, then four, up to `LONGEST_DEFERRAL`. A named wait is kept to within the same limit: asking
        once an hour does no harm, and a garbled date must not cost a day.
        """
        match outcome:
            case Collected():
                return SourceFailures()
            case Deferred():
                return self
            case Failed(cause=cause) if cause in _LESS_OFTEN:
                refusals = self.refusals + 1 if cause is self.cause else 1
                return SourceFailures(
                    failures=self.failures + 1,
                    refusals=refusals,
                    cause=cause,
                    until=max(
                        outcome.due.slot + _pause(refusals, outcome.due.interval_s),
                        now + _named(retry_after_s),
                    ),
                )
            case Failed(cause=cause):
                return SourceFailures(failures=self.failures + 1, cause=cause)


def _named(retry_after_s: float | None) -> timedelta:
    """The named wait within the limit, whatever number it is."""
    longest_s = LONGEST_DEFERRAL.total_seconds()
    named_s = retry_after_s or 0.0
    return timedelta(seconds=max(0.0, min(longest_s, named_s)))


def _pause(refusals: int, interval_s: int) -> timedelta:
    interval = timedelta(seconds=interval_s)
    longest = max(interval, LONGEST_DEFERRAL)
    return min(longest, interval * int(2 ** min(refusals - 1, 20)))
