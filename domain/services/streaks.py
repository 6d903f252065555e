"""Remembers each source's failures in a row, across cycles and processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from domain.outcome import Cause, Outcome
from domain.streak import Streak
from ports.clock import Clock
from ports.state import Json, State

KEY = "streak."  # and the source's name


class Streaks:
    """Written only when something changes: a source that answers costs nothing."""

    def __init__(self, *, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, Streak] = {}

    def of(self, source: str) -> Streak:
        if source not in self._known:
            self._known[source] = _streak_of(self._state.get(KEY + source).get("streak"))
        return self._known[source]

    def note(self, outcome: Outcome, retry_after_s: float | None = None) -> None:
        """Count the outcome."""
        before = self.of(outcome.due.source)
        after = before.after(outcome, self._clock.now(), retry_after_s)
        if after != before:
            self._keep(outcome.due.source, after)

    def forgive(self, sources: Iterable[str], cause: Cause) -> None:
        """Ask those of the sources at their next slot that were left in peace because of that cause."""
        for source in sources:
            if self.of(source).cause is cause:
                self._keep(source, Streak())

    def _keep(self, source: str, streak: Streak) -> None:
        self._known[source] = streak
        self._state.put(KEY + source, {} if streak == Streak() else {"streak": _as_json(streak)})


def _as_json(streak: Streak) -> Json:
    return {
        "failures": streak.failures,
        "refusals": streak.refusals,
        "cause": streak.cause.value if streak.cause else None,
        "until": streak.until.isoformat() if streak.until else None,
    }


def _streak_of(value: Json) -> Streak:
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
                return Streak(
                    failures=failures,
                    refusals=refusals,
                    cause=Cause(cause) if cause else None,
                    until=end if end and end.tzinfo else None,
                )
            except ValueError:
                return Streak()
        case _:
            return Streak()
