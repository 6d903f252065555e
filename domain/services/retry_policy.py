"""The retry policy: whether a failed attempt is worth another one, and after which wait."""

from __future__ import annotations

import attrs

from domain.errors import (
    NotifyUnavailable,
    SourceError,
    SourceGarbled,
    SourceThrottled,
    SourceUnavailable,
    StoreBusy,
)
from domain.retry import Attempt, Decision, GiveUp, Retry

_TRANSIENT = (SourceUnavailable, SourceThrottled, StoreBusy, NotifyUnavailable)
_GARBLED_ATTEMPTS = 2  # a source that sends two malformed replies will send a third


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter: the n-th wait is `base_s * multiplier ** (n - 1)`, at most `cap_s`.

    Jitter adds up to a quarter of the wait, so that two collectors do not stay in step. A wait that the
    server asked for (Retry-After, RFC 9110 section 10.2.3) is never shortened: `cap_s` limits only the
    backoff, before jitter.
    """

    attempts: int = 3
    base_s: float = 1.0
    multiplier: float = 2.0
    cap_s: float = 8.0
    jitter_share: float = 0.25

    def decide(self, attempt: Attempt) -> Decision:
        """Retry or give up. Pure: the same attempt always gets the same decision."""
        error = attempt.error
        if not isinstance(error, (*_TRANSIENT, SourceGarbled)):
            return GiveUp("permanent")
        if attempt.number >= self.attempts_for(error):
            return GiveUp(f"{attempt.number} attempts failed")
        requested_s = error.retry_after_s if isinstance(error, SourceError) else None
        wait_s = self._backoff_s(attempt.number) if requested_s is None else max(requested_s, 0.0)
        wait_s = float(wait_s * (1 + self.jitter_share * attempt.jitter))
        has_time = attempt.elapsed_s + wait_s + attempt.cost_s <= attempt.budget_s  # False for NaN too
        return Retry(wait_s) if has_time else GiveUp("no time left for another attempt")

    def attempts_for(self, error: Exception) -> int:
        """Return how many attempts an operation gets that fails with this error."""
        return min(self.attempts, _GARBLED_ATTEMPTS) if isinstance(error, SourceGarbled) else self.attempts

    def share_s(self, budget_s: float) -> float:
        """Return how long one attempt may take, so that all of them fit into the budget.

        Waits count with the longest they can take. Return the whole budget if less than a second would be
        left for each: then there will be only one.
        """
        waits_s = sum(
            min(self.cap_s, self.base_s * self.multiplier**number) * (1 + self.jitter_share)
            for number in range(self.attempts - 1)
        )
        share_s = (budget_s - waits_s) / self.attempts
        return share_s if share_s >= 1.0 else budget_s

    def _backoff_s(self, number: int) -> float:
        try:
            return min(self.cap_s, self.base_s * self.multiplier ** (number - 1))
        except OverflowError:
            return self.cap_s if self.base_s else 0.0
