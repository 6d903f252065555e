"""Whether a failed attempt is worth another one, and after which wait."""

from __future__ import annotations

import attrs

from domain.errors import (
    NotifyUnavailable,
    SourceGarbled,
    SourceThrottled,
    SourceUnavailable,
    StoreBusy,
)

_TRANSIENT = (SourceUnavailable, SourceThrottled, StoreBusy, NotifyUnavailable)
_GARBLED_ATTEMPTS = 2  # a reply that makes no sense twice will make none the third time


@attrs.frozen(kw_only=True)
class Attempt:
    """One try that failed, as the policy sees it.

    `number` counts from 1; `elapsed_s` is the time since the first attempt began; `cost_s` is how long this
    attempt took, which is what one more is expected to cost; `budget_s` is the time for all attempts;
    `jitter` is a random number from 0 to 1.
    """

    number: int
    error: Exception
    elapsed_s: float
    cost_s: float
    budget_s: float
    jitter: float


@attrs.frozen
class Retry:
    """Try again after a wait, in seconds."""

    after_s: float


@attrs.frozen
class GiveUp:
    """Do not try again in this cycle."""

    reason: str


Decision = Retry | GiveUp


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter: the n-th wait is `base_s * multiplier ** (n - 1)`, at most `cap_s`.

    Jitter adds up to a quarter of the wait, so that two collectors do not stay in step; a wait that the
    server named (Retry-After, RFC 9110 section 10.2.3) is never shortened. `cap_s` bounds the backoff before
    jitter, not the wait that a server named.
    """

    attempts: int = 3
    base_s: float = 1.0
    multiplier: float = 2.0
    cap_s: float = 8.0
    jitter_share: float = 0.25

    def decide(self, attempt: Attempt) -> Decision:
        """Retry or give up. Pure: the same attempt always gets the same decision."""
        if not isinstance(attempt.error, (*_TRANSIENT, SourceGarbled)):
            return GiveUp("permanent")
        if attempt.number >= self.attempts_for(attempt.error):
            return GiveUp(f"{attempt.number} attempts failed")
        wait_s = self._wait_s(attempt)
        if (
            not attempt.elapsed_s + wait_s + attempt.cost_s <= attempt.budget_s
        ):  # a wait of NaN is too long too
            return GiveUp("no time left for another attempt")
        return Retry(wait_s)

    def attempts_for(self, error: Exception) -> int:
        """How many attempts an operation gets that fails in this way."""
        return min(self.attempts, _GARBLED_ATTEMPTS) if isinstance(error, SourceGarbled) else self.attempts

    def share_s(self, budget_s: float) -> float:
        """What one attempt may take, so that all of them fit into the budget with their waits at the longest.

        The whole budget, where the waits leave no second for each attempt: then there will be only one.
        """
        waits_s = sum(
            min(self.cap_s, self.base_s * self.multiplier**number) * (1 + self.jitter_share)
            for number in range(self.attempts - 1)
        )
        share_s = (budget_s - waits_s) / self.attempts
        return share_s if share_s >= 1.0 else budget_s

    def _wait_s(self, attempt: Attempt) -> float:
        named_s = getattr(attempt.error, "retry_after_s", None)
        wait_s = self._backoff_s(attempt.number) if named_s is None else max(named_s, 0.0)
        return float(wait_s * (1 + self.jitter_share * attempt.jitter))

    def _backoff_s(self, number: int) -> float:
        try:
            return min(self.cap_s, self.base_s * self.multiplier ** (number - 1))
        except OverflowError:
            return self.cap_s if self.base_s else 0.0
