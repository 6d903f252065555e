"""What a retrier tells the journal of an operation that did not succeed at once."""

from __future__ import annotations

from domain.errors import HomeclimateError
from domain.retry import Attempt, RetryPolicy
from domain.values import frozen
from ports.journal import Journal, Level


@frozen(kw_only=True)
class RetryEvents:
    """One operation's events: each names the operation and the endpoint, and the last one how it ended."""

    journal: Journal
    name: str
    policy: RetryPolicy

    def will_retry(self, attempt: Attempt, wait_s: float) -> None:
        """The attempt failed, and another one follows."""
        self.journal.record(
            Level.WARNING,
            "retry",
            operation=self.name,
            endpoint=_endpoint(attempt.error),
            attempt=attempt.number,
            of=self.policy.attempts_for(attempt.error),
            error=type(attempt.error).__name__,
            wait_s=round(wait_s, 3),
            elapsed_s=round(attempt.elapsed_s, 3),
            message=str(attempt.error),
        )

    def recovered(self, failed: Attempt, elapsed_s: float) -> None:
        """The attempt after the failed one succeeded."""
        self.journal.record(
            Level.INFO,
            "retry_recovered",
            operation=self.name,
            endpoint=_endpoint(failed.error),
            attempts=failed.number + 1,
            of=self.policy.attempts_for(failed.error),
            error=type(failed.error).__name__,
            elapsed_s=round(elapsed_s, 3),
        )

    def gave_up(self, attempt: Attempt, reason: str) -> None:
        """The attempt was the last one."""
        self.journal.record(
            Level.WARNING,
            "retry_gave_up",
            operation=self.name,
            endpoint=_endpoint(attempt.error),
            attempts=attempt.number,
            of=self.policy.attempts_for(attempt.error),
            reason=reason,
            error=type(attempt.error).__name__,
            elapsed_s=round(attempt.elapsed_s, 3),
            message=str(attempt.error),
        )


def _endpoint(error: Exception) -> str:
    """`-` where nothing was asked, as when the adapter knew beforehand that it need not."""
    return (error.endpoint if isinstance(error, HomeclimateError) else None) or "-"
