"""Remember each source's failures across cycles and processes."""

from __future__ import annotations

from collections.abc import Iterable

from domain.backoff import SourceFailures
from domain.cycle import Cause, Collected, Outcome
from ports.clock import Clock
from ports.state import BackoffState


class SourceBackoff:
    """Saves only changes: a source that answers costs nothing."""

    def __init__(self, *, state: BackoffState, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._known: dict[str, SourceFailures] = {}

    def of(self, source: str) -> SourceFailures:
        """Return the failures of the source since its last success."""
        if source not in self._known:
            self._known[source] = self._state.failures(source)
        return self._known[source]

    def record(self, outcome: Outcome, retry_after_s: float | None = None) -> None:
        """Count the outcome; `retry_after_s` is the wait that the source asked for."""
        source = outcome.due.source
        before = self.of(source)
        if isinstance(outcome, Collected) and not before.failures:
            return
        failures = before.after(outcome, self._clock.now(), retry_after_s)
        if failures != before:
            self._save(source, failures)

    def reset(self, sources: Iterable[str], cause: Cause) -> None:
        """Ask those of the sources at their next slot that are paused for that cause."""
        for source in sources:
            if self.of(source).cause is cause:
                self._save(source, SourceFailures())

    def _save(self, source: str, failures: SourceFailures) -> None:
        self._known[source] = failures
        self._state.save_failures(source, failures)
