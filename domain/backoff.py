"""Backoff between cycles: how a source's failures in a row change how often it is asked."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from domain.cycle import Cause, Collected, Deferred, Failed, Outcome

LONGEST_PAUSE = timedelta(hours=1)
SINGLE_ATTEMPT_FROM = 5  # failures in a row, after which a cycle no longer retries: it has proved useless

# Asking less often helps against these. A pause does not end a network failure; it would only cost readings.
_PAUSED_FOR = (Cause.THROTTLED, Cause.CREDENTIALS)


@attrs.frozen(kw_only=True)
class SourceFailures:
    """The failures of one source since its last success.

    `failures` counts all of them, `refusals` the newest ones in a row with the same cause that calls for a
    pause. The source is not asked until `until`, because of `cause`. `credential` is a mark of the one that
    was refused, empty for any other cause.
    """

    failures: int = 0
    refusals: int = 0
    cause: Cause | None = None
    until: datetime | None = None
    credential: str = ""

    def defers(self, now: datetime) -> bool:
        """Return whether the source is paused now.

        An end that is further away than any pause lasts was set by a wrong clock, and counts as over.
        """
        return self.until is not None and now < self.until <= now + 2 * LONGEST_PAUSE

    def after(self, outcome: Outcome, now: datetime, retry_after_s: float | None = None) -> SourceFailures:
        """Return the failures after that outcome; `retry_after_s` is the wait that the source asked for.

        The first refusal costs nothing beyond its own cycle. After the second one the next slot is two
        intervals away, then four, up to `LONGEST_PAUSE`. The wait that a source asks for has the same limit:
        one request an hour does no harm, and a malformed date must not cost a day.
        """
        match outcome:
            case Collected():
                return _NONE
            case Deferred():
                return self
            case Failed(cause=cause) if cause in _PAUSED_FOR:
                refusals = self.refusals + 1 if cause is self.cause else 1
                interval = timedelta(seconds=outcome.due.interval_s)
                pause = min(max(interval, LONGEST_PAUSE), interval * int(2 ** min(refusals - 1, 20)))
                wait_s = max(0.0, min(LONGEST_PAUSE.total_seconds(), retry_after_s or 0.0))
                return SourceFailures(
                    failures=self.failures + 1,
                    refusals=refusals,
                    cause=cause,
                    until=max(outcome.due.slot + pause, now + timedelta(seconds=wait_s)),
                )
            case Failed(cause=cause):
                return SourceFailures(failures=self.failures + 1, cause=cause)


_NONE = SourceFailures()
