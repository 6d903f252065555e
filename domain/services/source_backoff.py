"""Remember each source's failures across cycles and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from domain.backoff import SourceFailures
from domain.cycle import Cause, Collected, Failed, Outcome
from ports.clock import Clock
from ports.state import BackoffState


class SourceBackoff:
    """Saves only changes: a source that answers costs nothing.

    `credential` returns a mark of what a source signs in with: a refusal counts only for what was refused.
    With `asks_anyway` no source is paused, because a person waits for the answer.
    """

    def __init__(
        self,
        *,
        state: BackoffState,
        clock: Clock,
        credential: Callable[[str], str] | None = None,
        asks_anyway: bool = False,
    ) -> None:
        self._state = state
        self._clock = clock
        self._credential = credential or (lambda _: "")
        self._asks_anyway = asks_anyway
        self._known: dict[str, SourceFailures] = {}

    def of(self, source: str) -> SourceFailures:
        """Return the failures of the source since its last success."""
        known = self._known.get(source)
        if known is None or known.cause is Cause.CREDENTIALS:  # which another process may have mended
            known = self._known[source] = self._state.failures(source)
        if known.cause is Cause.CREDENTIALS and known.credential != self._credential(source):
            known = SourceFailures()
        return attrs.evolve(known, until=None) if self._asks_anyway and known.until else known

    def record(self, outcome: Outcome, retry_after_s: float | None = None) -> None:
        """Count the outcome; `retry_after_s` is the wait that the source asked for."""
        source = outcome.due.source
        before = self.of(source)
        if isinstance(outcome, Collected) and not self._known[source].failures:
            return
        failures = before.after(outcome, self._clock.now(), retry_after_s)
        if isinstance(outcome, Failed) and failures.cause is Cause.CREDENTIALS:
            failures = attrs.evolve(failures, credential=self._credential(source))
        if failures != self._known[source]:
            self._save(source, failures)

    def reset(self, sources: Iterable[str], cause: Cause) -> None:
        """Ask those of the sources at their next slot that are paused for that cause."""
        for source in sources:
            self.of(source)
            if self._known[source].cause is cause:
                self._save(source, SourceFailures())

    def _save(self, source: str, failures: SourceFailures) -> None:
        self._known[source] = failures
        self._state.save_failures(source, failures)
